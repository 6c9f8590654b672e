"""Sends what is queued: connections to each account, kept open while there are letters, closed soon after.

    letter due ─▶ lane of its site ─▶ claimed ─▶ connection (opened, or open already) ─▶ signed ─▶ handed in ─▶ outcome
                    ▲    └ nothing due: waits a while with its connection open, then ends         │
                    └──────────────────────────── next letter ────────────────────────────────────┘

At least once: when the process dies between the server's answer and our commit, the claim runs out and the letter goes
again, the same to the byte but for its signature and with the same Message-ID, by which mailboxes that look for doubles
know it. When it dies while the letter is on its way, the server has none: what has no end is no letter.

A stop lets each letter that is on its way arrive, within the supervisor's grace.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import structlog

from wherefrom.db import Tx
from wherefrom.errors import SettingsError, WherefromError
from wherefrom.mail.submission import Submission
from wherefrom.mail.troubles import AccountFailed, Answer, LetterLost, LetterRefused
from wherefrom.outbound.dkim import sign
from wherefrom.outbound.outcome import note_trouble, note_working, record_later, record_refused, record_taken
from wherefrom.outbound.pace import pause_after
from wherefrom.outbound.queue import CLAIM, Claimed, claim_letter
from wherefrom.outbound.return_path import return_path
from wherefrom.outbound.sender import TOPIC, smtp_account
from wherefrom.outbound.store import outgoing
from wherefrom.outbound.store.senders import Sender
from wherefrom.services import Services
from wherefrom.tracking.marks import Mark

log = structlog.get_logger(__name__)

MOST_LANES = 32
IDLE_SECONDS = 1.0  # how long what another process has made due waits at most
LINGER_SECONDS = 10.0  # how long a connection is kept open for the next letter
LETTERS_A_CONNECTION = 100  # many servers end one that sends more
_RENEW_SECONDS = CLAIM.total_seconds() / 3
_SHORTEST_IDLE = 0.002


@dataclass(slots=True)
class _Line:
    """An open connection, to the account as it was at ``revision``."""

    submission: Submission
    revision: int
    letters: int = 0

    def serves(self, account: Sender) -> bool:
        return self.submission.is_open and self.revision == account.revision and self.letters < LETTERS_A_CONNECTION


class Postman:
    """Keeps up to ``MOST_LANES`` connections. ``chance`` gives numbers in [0, 1) for the jitter; ``linger`` in
    seconds."""

    def __init__(
        self, services: Services, *, chance: Callable[[], float] = random.random, linger: float = LINGER_SECONDS
    ) -> None:
        self._services = services
        self._chance = chance
        self._linger = linger
        self._lanes: dict[asyncio.Task[None], int] = {}
        self._claiming: Counter[int] = Counter()
        self._resting: Counter[int] = Counter()
        self._stopping = False

    async def run(self, stop: asyncio.Event) -> None:
        """Works until ``stop`` is set, then lets what is on its way arrive. When cancelled, what is on its way is
        dropped, and due again when its claim runs out."""
        bell = self._services.bell
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                before = bell.count(TOPIC)
                if await self.step():
                    continue
                waking = asyncio.create_task(bell.wait(TOPIC, await self._idle_seconds(), since=before))
                await asyncio.wait({waking, stopping}, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
            await self.close()
        finally:
            stopping.cancel()
            for task in self._lanes:
                task.cancel()

    async def step(self) -> bool:
        """Sets a lane to work for each site that has a letter to send, without waiting for it; False when there was
        nothing to set to work."""
        async with self._services.db.read() as tx:
            sites = await outgoing.list_due_sites(tx, self._services.clock.now())
        begun = False
        for site_id in sites:
            if self._claiming[site_id]:
                continue
            if self._resting[site_id]:
                self._services.bell.ring(_lane_topic(site_id))
            elif len(self._lanes) < MOST_LANES:
                self._claiming[site_id] += 1
                task = asyncio.create_task(self._lane(site_id), name=f"letters of site {site_id}")
                self._lanes[task] = site_id
                task.add_done_callback(self._finished)
                begun = True
        return begun

    async def settle(self) -> None:
        """Waits until nothing is due, on its way, or open."""
        while await self.step() or self._lanes:
            await asyncio.wait(set(self._lanes), return_when=asyncio.FIRST_COMPLETED)

    async def close(self) -> None:
        """Lets what is on its way arrive, starts nothing more, and closes the connections."""
        self._stopping = True
        for site_id in set(self._lanes.values()):
            self._services.bell.ring(_lane_topic(site_id))
        while self._lanes:
            await asyncio.wait(set(self._lanes))

    async def _idle_seconds(self) -> float:
        now = self._services.clock.now()
        async with self._services.db.read() as tx:
            next_at = await outgoing.find_next_at(tx, now)
        if next_at is None:
            return IDLE_SECONDS
        return min(max((next_at - now).total_seconds(), _SHORTEST_IDLE), IDLE_SECONDS)

    def _finished(self, task: asyncio.Task[None]) -> None:
        del self._lanes[task]
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.error("letters not sent, due again when their claim runs out", task=task.get_name(), exc_info=fault)

    # ------------------------------------------------------------------------------------------ one connection

    async def _lane(self, site_id: int) -> None:
        line: _Line | None = None
        claiming = True  # counted by who made the task
        try:
            while not self._stopping:
                if not claiming:
                    self._claiming[site_id] += 1
                    claiming = True
                before = self._services.bell.count(_lane_topic(site_id))
                try:
                    claimed = await claim_letter(self._services, site_id)
                finally:
                    self._claiming[site_id] -= 1
                    claiming = False
                if claimed is None:
                    if line is None or not line.submission.is_open or not await self._rest(site_id, before):
                        return
                    continue
                self._services.bell.ring(TOPIC)  # is there another one, for another lane?
                line = await self._send(claimed, line)
        finally:
            if claiming:
                self._claiming[site_id] -= 1
            if line is not None:
                await line.submission.close()

    async def _rest(self, site_id: int, before: int) -> bool:
        """Waits with an open connection; whether a letter may have come."""
        self._resting[site_id] += 1
        try:
            return await self._services.bell.wait(_lane_topic(site_id), self._linger, since=before)
        finally:
            self._resting[site_id] -= 1

    async def _send(self, claimed: Claimed, line: _Line | None) -> _Line | None:
        """One letter, and what came of it written down; the connection as it is then."""
        services, letter, account = self._services, claimed.letter, claimed.account
        async with self._keep_claim(claimed):
            opened = False
            try:
                raw = await self._sign(claimed)
                sender = self._return_path(claimed)
                line, opened = await self._connect(account, line), True
                try:
                    answer = await line.submission.hand_in(sender, letter.email, raw)
                except LetterLost as lost:
                    if lost.whole or not line.letters:
                        raise
                    line = await self._connect(account, None)  # it had been closed while nothing was sent
                    answer = await line.submission.hand_in(sender, letter.email, raw)
            except AccountFailed as error:
                await self._stop_account(claimed, error, of_letter=opened)
                return None
            except LetterRefused as error:
                await self._note_working(account)
                await (self._refuse if error.permanent else self._put_off)(claimed, error.answer)
            except LetterLost as error:
                await self._put_off(claimed, error)
                return None
            else:
                await self._write(claimed, lambda tx: record_taken(tx, services, letter, answer))
                await self._note_working(account)
                log.info("letter sent", site=letter.site_id, send=letter.id, answer=answer.line)
        if line is not None:
            line.letters += 1
        return line

    async def _connect(self, account: Sender, line: _Line | None) -> _Line:
        """``line`` where it still serves, or a new one. AccountFailed."""
        if line is not None and line.serves(account):
            return line
        if line is not None:
            await line.submission.close()
        try:
            opened = Submission(smtp_account(self._services, account), account.from_address.rpartition("@")[2])
        except SettingsError as error:
            raise AccountFailed(error.detail, hint=error.hint, trouble="login", field="password") from None
        await opened.connect()
        await opened.login()
        return _Line(opened, account.revision)

    async def _sign(self, claimed: Claimed) -> bytes:
        """The letter with a signature by each key of the account, made in a thread: it takes some ten milliseconds."""
        raw, tokens = claimed.letter.raw.encode("ascii"), self._services.tokens
        fields = b""
        for key in claimed.account.dkim:
            try:
                secret = tokens.decrypt(key.sealed)
            except SettingsError as error:
                raise AccountFailed(error.detail, hint=error.hint, trouble="login", field="dkim") from None
            fields += await asyncio.to_thread(sign, raw, key.domain, key.selector, key.algorithm, secret)
        return fields + raw

    def _return_path(self, claimed: Claimed) -> str:
        account, letter = claimed.account, claimed.letter
        if not account.bounce_address:
            return account.from_address
        return return_path(self._services.tokens, account.bounce_address, Mark(letter.site_id, letter.id))

    async def _stop_account(self, claimed: Claimed, error: AccountFailed, *, of_letter: bool) -> None:
        """Everything of the site waits. ``of_letter``: it was met with this letter, which then lets others go first."""
        services, letter = self._services, claimed.letter
        now = services.clock.now()
        pause = pause_after(claimed.account.failures + 1)
        next_at = now + 2 * pause if of_letter else letter.next_at or now

        async def write(tx: Tx) -> None:
            await outgoing.release_outgoing(tx, letter, min(next_at, letter.expires_at))
            await note_trouble(tx, services, claimed.account, error)

        await self._write(claimed, write)
        services.bell.ring("events")
        log.warning("sending account failed", site=letter.site_id, trouble=error.trouble, error=error.detail)

    async def _refuse(self, claimed: Claimed, answer: Answer) -> None:
        services, letter = self._services, claimed.letter
        await self._write(claimed, lambda tx: record_refused(tx, services, letter, answer))
        services.bell.ring("events")
        log.info("letter refused", site=letter.site_id, send=letter.id, answer=answer.line)

    async def _put_off(self, claimed: Claimed, why: Answer | LetterLost) -> None:
        services, letter, chance = self._services, claimed.letter, self._chance()
        words = why.line if isinstance(why, Answer) else why.detail
        await self._write(claimed, lambda tx: record_later(tx, services, letter, words, chance))
        log.info("letter put off", site=letter.site_id, send=letter.id, answer=words)

    async def _note_working(self, account: Sender) -> None:
        if account.status != "working":
            async with self._services.db.write() as tx:
                await note_working(tx, self._services, account)

    async def _write(self, claimed: Claimed, work: Callable[[Tx], Awaitable[None]]) -> None:
        """What came of a letter is too dear to throw away: after a fault of the database it is tried once more."""
        try:
            await self._services.db.batch(work)
        except WherefromError:
            raise
        except Exception:
            log.warning("outcome not written, trying once more", send=claimed.letter.id, exc_info=True)
            await self._services.db.batch(work)

    @contextlib.asynccontextmanager
    async def _keep_claim(self, claimed: Claimed) -> AsyncIterator[None]:
        keeping = asyncio.create_task(self._renew(claimed))
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _renew(self, claimed: Claimed) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            async with self._services.db.write() as tx:
                await outgoing.renew_claim(tx, claimed.letter, self._services.clock.now() + CLAIM)


def _lane_topic(site_id: int) -> str:
    return f"{TOPIC} of {site_id}"
