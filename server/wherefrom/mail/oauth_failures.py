"""What can go wrong with a mailbox that is opened by a token, in words its owner can act on.

    LoginFailed
    ├── TokenRefused      the mail server does not take the token: another may do
    ├── GrantEnded        there will be no more tokens until a person agrees anew
    └── ClientRefused     the provider does not know this service, as it is set up
    MailboxError
    └── TokenServerDown   no token for now

``read_token_refusal`` turns a mail server's NO, and the JSON it sent before, into one of them. Providers say little:
one "AUTHENTICATE failed" stands for a wrong account, a wrong scope and IMAP switched off, so the hint names them all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from wherefrom.mail.failures import LoginFailed, MailboxError, Throttled, quote, read_refusal


class TokenRefused(LoginFailed):
    code = "mailbox-token"
    title = "The mail server does not take the token"


class GrantEnded(LoginFailed):
    code = "mailbox-grant-ended"
    title = "The mailbox has to be connected again"


class ClientRefused(LoginFailed):
    code = "mailbox-client"
    title = "The provider refuses this service"


class TokenServerDown(MailboxError):
    code = "mailbox-token-server"
    title = "The provider's token server does not answer"


_IMAP_OFF = re.compile(r"imap (?:access )?(?:is )?(?:disabled|not enabled|off)|not enabled for imap", re.I)
_MICROSOFT = ("office365.com", "outlook.com", "outlook.office.com", "hotmail.com")
_SCOPE_STATUS = frozenset({"403", "insufficient_scope"})


def read_token_refusal(answer: str, said_before: Mapping[str, str], host: str, username: str) -> MailboxError:
    """The error that a server's refusal of a token means. ``said_before``: the JSON of its challenge."""
    usual = read_refusal(answer, "login", host)
    if isinstance(usual, Throttled) or "authenticated but not connected" in answer.lower():
        return usual
    status = said_before.get("status", "")
    said = quote(answer) + (f" (status {quote(status)})" if status else "")
    if _IMAP_OFF.search(answer) and "invalid" not in answer.lower():
        return LoginFailed(
            f"IMAP is switched off for {username}: {said}",
            hint="Switch it on in the webmail's settings (“Forwarding and IMAP”, “Mail programs”), or have the "
            "administrator allow it. Connecting again is not needed.",
        )
    if status in _SCOPE_STATUS or _is_scope_missing(said_before):
        wants = f"; the server wants the scope {quote(said_before['scope'])}" if said_before.get("scope") else ""
        return TokenRefused(
            f"What was granted does not include reading mail by IMAP: {said}{wants}",
            hint="Check the scopes of the client at the provider and here, then connect again and agree to all of it.",
        )
    return TokenRefused(f"The server does not take the token for {username}: {said}", hint=_hint(host, username))


def _is_scope_missing(said_before: Mapping[str, str]) -> bool:
    return "scope" in said_before.get("error", "").lower()


def _hint(host: str, username: str) -> str:
    account = f"Was it {username} who agreed, and not another account of the same browser? If not, connect again."
    name = host.lower().rstrip(".")
    if any(name == known or name.endswith("." + known) for known in _MICROSOFT):
        return (
            f"{account} For a shared mailbox somebody with full access to it agrees. Else IMAP may be switched off for "
            "this mailbox (Exchange admin centre, “Manage email apps”) or for the whole organisation, or the client "
            "lacks the permission IMAP.AccessAsUser.All."
        )
    return (
        f"{account} Else IMAP may be switched off in the webmail's settings, or the client was not allowed the scope "
        "that IMAP takes."
    )
