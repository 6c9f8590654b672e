"""Test of a sending account: connects, logs in, asks whether its address may send, and says in words what is wrong.

    connect ─▶ login ─▶ sender address ─▶ (DNS record of each DKIM key)

No letter is sent. An account that works here is well again: what waited goes at once.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Literal

from wherefrom.errors import SettingsError
from wherefrom.mail.submission import Submission
from wherefrom.mail.troubles import AccountFailed
from wherefrom.outbound.outcome import note_well
from wherefrom.outbound.sender import TOPIC, smtp_account
from wherefrom.outbound.store.outgoing import wake_all
from wherefrom.outbound.store.senders import Sender, get_sender
from wherefrom.services import Services

_PATIENCE = 15.0  # seconds for each answer: somebody waits for this one
StepName = Literal["connect", "login", "sender", "dkim"]


@dataclass(frozen=True, slots=True)
class Step:
    """``detail`` is what was found, ``hint`` what to do about it or ""."""

    name: StepName
    ok: bool
    detail: str
    hint: str
    milliseconds: int


async def try_sender(services: Services, site_id: int) -> list[Step]:
    """The steps in their order; after one that failed there are no more. NotFound without an account."""
    async with services.db.read() as tx:
        account = await get_sender(tx, site_id)
    try:
        known = smtp_account(services, account)
        line = Submission(
            replace(known, timeout=min(known.timeout, _PATIENCE)), account.from_address.rpartition("@")[2]
        )
    except SettingsError as error:
        return [Step("login", False, error.detail, error.hint, 0)]
    try:
        steps = await _walk(line, account)
    finally:
        await line.close()
    if all(one.ok for one in steps) and account.status == "failing":
        async with services.db.write() as tx:
            await note_well(tx, services, account)
            await wake_all(tx, site_id, services.clock.now())
        services.bell.ring(TOPIC)
    return steps


async def _walk(line: Submission, account: Sender) -> list[Step]:
    secured = {"tls": "TLS from the first byte", "starttls": "TLS by STARTTLS", "none": "no TLS"}[account.security]
    readable = "" if account.security != "none" else "Password and letters travel readable: choose “tls” or “starttls”."
    named = f"{account.username} is logged in" if account.username else "no login is set, and none was asked for"
    ways: tuple[tuple[StepName, Callable[[], Awaitable[None]], str, str], ...] = (
        ("connect", line.connect, f"{account.host}:{account.port} answers, {secured}", readable),
        ("login", line.login, named, ""),
        (
            "sender", lambda: line.try_sender(account.from_address),
            f"letters from {account.from_address} are taken", "",
        ),
    )  # fmt: skip
    steps: list[Step] = []
    for name, way, detail, hint in ways:
        begun, ok = time.monotonic(), True
        try:
            await way()
        except AccountFailed as error:
            detail, hint, ok = error.detail, error.hint, False
        steps.append(Step(name, ok, detail, hint, round((time.monotonic() - begun) * 1000)))
        if not ok:
            break
    return steps
