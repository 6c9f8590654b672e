"""Rounds: each substitute is asked, by a letter to it, whether what is sent there arrives.

    due ─▶ one write: row of ``probe``, the next time ─▶ SMTP ─▶ … ─▶ the mailbox ─▶ ``record_return`` ─▶ may be lent
            │ the last one is not back, or was refused: a loss                       (called by whoever reads the mail)
            ▼
    two losses in a row, while other probes of the site do come back ─▶ lent no longer

Without an SMTP account nothing can be proved: whatever waits is lent unproved, as if there were no probes.
When nothing at all comes back (the account is blocked, the mailbox is not read) no address is blamed for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from msgspec import Struct

from wherefrom.db import Tx
from wherefrom.errors import Conflict
from wherefrom.mail.smtp import RecipientRefused, SenderFailed, SmtpAccount, SmtpError
from wherefrom.probes import store
from wherefrom.probes.door import Door
from wherefrom.probes.letter import compose_probe, sign_probe
from wherefrom.probes.store import Probe
from wherefrom.services import Services
from wherefrom.settings import Settings
from wherefrom.substitution.code import make_substitute
from wherefrom.substitution.store import proofs
from wherefrom.substitution.store.proofs import Candidate

log = structlog.get_logger(__name__)

AT_ONCE = 10
_LOSSES_TO_BLAME = 2
_LONGEST_WAIT = 27  # times lost_minutes: how far two probes to a dead address are apart at last
_UNSENT_AGAIN = timedelta(minutes=5)
_KEPT = timedelta(days=90)
_FORGET_AT_ONCE = 1_000
_PROBE_VISIT = 9_999_999_999
"""Stands in for the visit number in a probe to a pattern of visit numbers: no site has had so many visits."""


class Rounds(Struct, frozen=True):
    """The worker's step."""

    services: Services

    async def step(self) -> bool:
        """Sends up to ten probes that are due; whether there were any."""
        services, now = self.services, self.services.clock.now()
        if not services.settings.smtp.host:
            await _waive(services, now)
            return False
        async with services.db.read() as tx:
            if not await proofs.is_any_due(tx, now):
                return False
        async with services.db.write() as tx:
            due = await proofs.claim_due(tx, now, AT_ONCE)
            sent = [await _begin(services, tx, one, now) for one in due]
        await _send_all(services, sent)
        return bool(due)


async def probe_target(services: Services, site_id: int, target_id: int, limit: int = AT_ONCE) -> list[Probe]:
    """Sends probes to a target now: one code, or up to ``limit`` addresses of its pool, the unproved ones first. The
    probes as they stand when the mail server has taken them. Conflict when no SMTP account is set."""
    require_account(services.settings)
    now = services.clock.now()
    async with services.db.write() as tx:
        claimed = await proofs.claim_target(tx, site_id, target_id, limit)
        begun = [await _begin(services, tx, one, now) for one in claimed]
    await _send_all(services, begun)
    async with services.db.read() as tx:
        return sorted(await store.list_by_id(tx, site_id, [one.id for one in begun]), key=lambda one: one.id)


async def record_return(
    services: Services, tx: Tx, site_id: int, probe_id: int, mailbox_id: int | None, folder: str
) -> bool:
    """A probe was found in ``folder`` (as people call it) of a mailbox: its address is proved. False when that was
    known, or the probe is not."""
    now = services.clock.now()
    found = await store.find_probe(tx, site_id, probe_id)
    if found is None or not await store.mark_returned(tx, site_id, probe_id, now, mailbox_id, f"arrived in {folder}"):
        return False
    next_at = now + timedelta(hours=services.settings.probes.every_hours)
    await proofs.mark_proved(tx, site_id, found.target_id, found.substitute_id, now, next_at)
    return True


async def record_refusal(tx: Tx, site_id: int, probe_id: int, detail: str) -> None:
    """A bounce came for a probe."""
    await store.mark_unreturned(tx, site_id, probe_id, "refused", detail)


def require_account(settings: Settings) -> SmtpAccount:
    """The account probes go out by; Conflict when none is set."""
    group = settings.smtp
    if not group.host:
        raise Conflict(
            "no probes can be sent: no outgoing mail server is set",
            hint="name one in settings.toml: group [smtp], at least host and sender",
        )
    return SmtpAccount(
        host=group.host, port=group.port, security=group.security, username=group.username, password=group.password,
        ca_file=group.ca_file, timeout=group.timeout_seconds,
    )  # fmt: skip


async def forget_old(services: Services) -> int:
    """Removes probes of more than 90 days ago; how many. The latest of each address stays."""
    async with services.db.write() as tx:
        return await store.forget_probes(tx, services.clock.now() - _KEPT, _FORGET_AT_ONCE)


async def _waive(services: Services, now: datetime) -> None:
    async with services.db.read() as tx:
        if not await proofs.is_any_unproved(tx):
            return
    async with services.db.write() as tx:
        await proofs.waive_proofs(tx, now)


async def _begin(services: Services, tx: Tx, one: Candidate, now: datetime) -> Probe:
    lost_after = timedelta(minutes=services.settings.probes.lost_minutes)
    last = await store.find_latest(tx, one.site_id, one.target.id, one.substitute_id)
    losses = one.losses
    if last is not None and await _is_loss(tx, last, now, lost_after):
        losses += 1
        silent_since = await store.find_silence(tx, last)
        if losses >= _LOSSES_TO_BLAME and one.lent and await store.is_way_open(tx, one.site_id, silent_since):
            log.warning("mail to a substitute does not arrive", site=one.site_id, address=one.address, losses=losses)
            await proofs.mark_lost(tx, one, now)
    next_at = now + lost_after * min(3**losses, _LONGEST_WAIT)
    await proofs.set_next(tx, one.site_id, one.target.id, one.substitute_id, next_at, losses)
    address = one.address if one.substitute_id is not None else make_substitute(one.target, _PROBE_VISIT)
    probe = Probe(
        site_id=one.site_id, id=services.ids.next(), target_id=one.target.id, substitute_id=one.substitute_id,
        address=address, status="sent", detail="", sent_at=now, returned_at=None, mailbox_id=None,
    )  # fmt: skip
    await store.append_probe(tx, probe)
    return probe


async def _is_loss(tx: Tx, last: Probe, now: datetime, lost_after: timedelta) -> bool:
    """Whether the last probe is to be held against its address by now."""
    if last.status == "sent" and last.sent_at + lost_after <= now:
        await store.mark_unreturned(tx, last.site_id, last.id, "lost", f"not back by {now:%Y-%m-%d %H:%M} UTC")
        return True
    return last.status in ("refused", "lost")


async def _send_all(services: Services, probes: Sequence[Probe]) -> None:
    """Hands the probes in, one after the other; what the server says against one is kept with it. When no letter goes
    out at all, the rest is not tried."""
    sender = services.settings.smtp.sender
    door = Door(services, require_account(services.settings))
    down: SmtpError | None = None
    for one in probes:
        raw = compose_probe(sign_probe(services.tokens, one.site_id, one.id), sender, one.address, one.sent_at)
        try:
            if down is not None:
                raise down
            await door.hand_in(sender, one.address, raw)
        except SmtpError as error:
            down = error if isinstance(error, SenderFailed) else None
            await _record_failure(services, one, error)


async def _record_failure(services: Services, one: Probe, error: SmtpError) -> None:
    log.warning("a probe was not taken", site=one.site_id, address=one.address, why=error.detail)
    final = isinstance(error, RecipientRefused) and error.permanent
    async with services.db.write() as tx:
        words = f"{error.detail}. {error.hint}"
        await store.mark_unreturned(tx, one.site_id, one.id, "refused" if final else "unsent", words)
        if not final:
            again = services.clock.now() + _UNSENT_AGAIN
            await proofs.set_next(tx, one.site_id, one.target_id, one.substitute_id, again)


def list_tokens(services: Services, probes: Sequence[Probe]) -> dict[str, Probe]:
    """The probes by the token their letters carry."""
    return {sign_probe(services.tokens, one.site_id, one.id): one for one in probes}
