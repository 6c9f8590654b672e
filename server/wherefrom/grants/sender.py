"""The installation's own grant: the account that letters of ours (probes) go out by, when it takes no password.

It is kept like a mailbox's, under site 0 and mailbox 0, which no site and no mailbox has. ``smtp.oauth`` in the
settings names its provider, ``smtp.username`` its account.
"""

from __future__ import annotations

from wherefrom.errors import BadInput, Conflict
from wherefrom.grants.ask import Asked, ask, find_asked, redeem
from wherefrom.grants.client import Choice
from wherefrom.grants.renew import Owner, grant_values
from wherefrom.grants.store import set_grant
from wherefrom.mail.oauth import Redirected
from wherefrom.services import Services
from wherefrom.settings import Settings

SITE = 0
_MEMO = "sender"


def sender_of(settings: Settings) -> Owner:
    """Whose grant it is."""
    return Owner(SITE, 0, "the account probes go out by", settings.smtp.username)


async def begin_sender(services: Services, holder: str) -> Asked:
    """Where the account's owner agrees that letters are sent. Conflict when the settings name no provider."""
    return await ask(services, SITE, holder, _choice(services.settings), services.settings.smtp.username, _MEMO)


async def complete_sender(services: Services, holder: str, state: str, back: Redirected) -> None:
    """Keeps what was granted. BadInput, Unprocessable: begin again; MailboxError: the provider or its set-up."""
    request, memo = await find_asked(services, holder, state)
    if memo != _MEMO:
        raise BadInput("this sign-in was begun for a mailbox", field="state")
    choice = _choice(services.settings)
    tokens = await redeem(services, request, choice, back)
    async with services.db.write() as tx:
        await set_grant(tx, SITE, 0, grant_values(services, choice, tokens))
    services.bell.ring("probes")


def _choice(settings: Settings) -> Choice:
    if not settings.smtp.oauth:
        raise Conflict(
            "the outgoing mail server is logged in to by a password, or not at all",
            hint="name its provider in settings.toml, for example oauth = “microsoft” in the group [smtp]",
        )
    return Choice(settings.smtp.oauth, purpose="send")
