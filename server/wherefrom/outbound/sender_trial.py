"""Test of a sending account: connects, logs in, asks whether its address may send, and says in words what is wrong.

    connect ─▶ login ─▶ sender address ─▶ (DNS record of each DKIM key)

No letter is sent. An account that works here is well again: what waited goes at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Literal

from msgspec import Struct

from wherefrom.errors import SettingsError, Unavailable
from wherefrom.mail.submission import Submission
from wherefrom.mail.troubles import AccountFailed
from wherefrom.outbound.dkim import DkimKey, is_published, look_up
from wherefrom.outbound.outcome import note_well
from wherefrom.outbound.sender import TOPIC, smtp_account
from wherefrom.outbound.store.outgoing import wake_all
from wherefrom.outbound.store.senders import Sender, get_sender
from wherefrom.services import Services

_PATIENCE = 15.0  # seconds for each answer: somebody waits for this one
StepName = Literal["connect", "login", "sender", "dkim"]


class Step(Struct, frozen=True):
    """``detail`` is what was found, ``hint`` what to do about it or ""."""

    name: StepName
    ok: bool
    detail: str
    hint: str
    milliseconds: int


async def try_sender(services: Services, site_id: int) -> list[Step]:
    """The steps in their order; after one that failed there are no more but those of DNS. NotFound without an
    account."""
    async with services.db.read() as tx:
        account = await get_sender(tx, site_id)
    steps = await _try_account(services, account)
    if all(one.ok for one in steps) and account.status == "failing":
        async with services.db.write() as tx:
            await note_well(tx, services, account)
            await wake_all(tx, site_id, services.clock.now())
        services.bell.ring(TOPIC)
    return steps + list(await asyncio.gather(*(_try_key(account, key) for key in account.dkim)))


async def _try_account(services: Services, account: Sender) -> list[Step]:
    try:
        known = smtp_account(services, account)
    except SettingsError as error:
        return [Step("login", False, error.detail, error.hint, 0)]
    known = replace(known, timeout=min(known.timeout, _PATIENCE))
    line = Submission(known, account.from_address.rpartition("@")[2])
    try:
        return await _walk(line, account)
    finally:
        await line.close()


async def _try_key(account: Sender, key: DkimKey) -> Step:
    """Whether the world can verify what this key signs, and whether that counts for the sender's address."""
    begun, ok, hint = time.monotonic(), False, f"publish: {key.zone_line}"
    try:
        record = await asyncio.to_thread(look_up, key.record_name)
    except Unavailable as error:
        detail, hint = error.detail, error.hint
    else:
        if record is None:
            detail = f"there is no TXT record {key.record_name} yet: nobody can verify the signature"
        elif not is_published(key, record):
            detail = f"the TXT record {key.record_name} has another key"
        else:
            ok, detail, hint = True, f"{key.record_name} is published as it should be", _alignment(account, key)
    return Step("dkim", ok, detail, hint, round((time.monotonic() - begun) * 1000))


def _alignment(account: Sender, key: DkimKey) -> str:
    """What DMARC would miss (RFC 7489 3.1.1), "" for nothing."""
    host = account.from_address.rpartition("@")[2]
    if host == key.domain or host.endswith("." + key.domain) or key.domain.endswith("." + host):
        return ""
    return f"It signs for {key.domain}, and letters are from {host}: DMARC wants a key of {host}."


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
