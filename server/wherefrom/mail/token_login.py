"""Logging in to IMAP with an access token instead of a password.

C: AUTHENTICATE XOAUTH2
S: +
C: base64 of user and token                   S: A1 OK                       the token is taken
                                              S: + base64 of a JSON error    it is not: the client answers with
C: (an empty line)                            S: A1 NO …                     nothing, and hears NO
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from wherefrom.mail.failures import LoginFailed
from wherefrom.mail.oauth import choose_mechanism, first_words, last_words, read_challenge
from wherefrom.mail.oauth_failures import read_token_refusal

_MECHANISMS = ("XOAUTH2", "OAUTHBEARER")


def log_in_by_token(client: Any, host: str, port: int, username: str, token: str) -> None:
    """``client``: imapclient's, greeted and not logged in. LoginFailed, TokenRefused, Throttled; and what the library
    raises when the connection breaks."""
    mechanism = choose_mechanism({name: client.has_capability(f"AUTH={name}") for name in _MECHANISMS})
    if not mechanism:
        raise LoginFailed(
            f"{host} takes no tokens: it offers neither XOAUTH2 nor OAUTHBEARER",
            hint="Check the host, or connect the mailbox with a password.",
        )
    wire = client._imap
    exchange = _Exchange(mechanism, first_words(mechanism, username, token, host, port))
    # imaplib asks a literal that is a method for what to answer, and takes its bytes as they are.
    wire.literal = exchange.answer
    status, data = wire._simple_command("AUTHENTICATE", mechanism)
    if status != "OK":
        answer = b" ".join(part for part in data if isinstance(part, bytes)).decode("utf-8", "replace")
        raise read_token_refusal(answer, read_challenge(exchange.refusal), host, username)
    wire.state = "AUTH"


class _Exchange:
    """Our side: the token at first, then whatever ends the exchange."""

    def __init__(self, mechanism: str, words: str) -> None:
        self.refusal = b""
        self._words: str | None = words
        self._mechanism = mechanism

    def answer(self, challenge: bytes) -> bytes:
        words, self._words = self._words, None
        if words is None:
            self.refusal = self.refusal or _decode(challenge)
            words = last_words(self._mechanism)
        return base64.b64encode(words.encode())


def _decode(challenge: bytes) -> bytes:
    try:
        return base64.b64decode(challenge)
    except (binascii.Error, ValueError):
        return b""
