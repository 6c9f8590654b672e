"""One connection to the mail server of a site's account: opened for a letter, kept while there are more.

    claimed ─▶ signed ─▶ connection (open already, or opened now) ─▶ handed in ─▶ outcome ─▶ next letter
                                                                                    └ none: rests a while, then ends

At least once: when the process dies between the server's answer and our commit, the claim runs out and the letter goes
again, the same to the byte but for its signature and with the same Message-ID, by which mailboxes that look for doubles
know it. When it dies while the letter is on its way, the server has none: what has no end is no letter.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import structlog

from wherefrom.db import Tx
from wherefrom.db.insist import insist
from wherefrom.errors import SettingsError
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

LETTERS_A_CONNECTION = 100  # many servers end one that sends more
_RENEW_SECONDS = CLAIM.total_seconds() / 3


class Lane:
    """Sends the letters of one site, one after the other. ``choosing``: it is about to take one; ``resting``: it waits
    with an open connection, ``linger`` seconds at most. ``crowded``: the server has let in others, and not this one."""

    def __init__(self, services: Services, site_id: int, chance: Callable[[], float], linger: float) -> None:
        self.site_id = site_id
        self.choosing = True
        self.resting = False
        self.crowded = False
        self._services = services
        self._chance = chance
        self._linger = linger
        self._news = asyncio.Event()
        self._stopping = False
        self._line: Submission | None = None
        self._revision = 0  # of the account the connection was opened to
        self._letters = 0  # that it has carried

    def wake(self) -> None:
        """There is a letter, or an end."""
        self._news.set()

    def stop(self) -> None:
        """It ends when the letter on its way has arrived."""
        self._stopping = True
        self.wake()

    async def run(self) -> None:
        """Until there has been nothing to send for a while, or the account fails."""
        try:
            while not self._stopping:
                self.choosing = True
                self._news.clear()
                claimed = await claim_letter(self._services, self.site_id)
                self.choosing = False
                if claimed is not None:
                    self._services.bell.ring(TOPIC)  # is there another one, for another lane?
                    await self._send(claimed)
                if self._line is None or (claimed is None and not await self._rest()):
                    return
        except asyncio.CancelledError:
            self._drop()
            raise
        finally:
            self.choosing = False
            await self._close()

    async def _rest(self) -> bool:
        """Whether there may be a letter after all."""
        self.resting = True
        try:
            async with asyncio.timeout(self._linger):
                await self._news.wait()
        except TimeoutError:
            return False
        finally:
            self.resting = False
        return True

    async def _send(self, claimed: Claimed) -> None:
        """One letter, and what came of it written down. The connection is there afterwards unless it broke."""
        letter, account = claimed.letter, claimed.account
        async with self._keep_claim(claimed):
            connected = False
            try:
                raw = await self._sign(claimed)
                line, connected = await self._connect(account), True
                answer = await self._hand_in(line, claimed, raw)
            except AccountFailed as error:
                self._drop()
                await self._stop_account(claimed, error, of_letter=connected)
            except LetterRefused as error:
                await self._note_working(account)
                await (self._refuse if error.permanent else self._put_off)(claimed, error.answer)
            except LetterLost as error:
                self._drop()
                await self._put_off(claimed, error)
            except Exception as fault:  # of one letter: it must not stand in the way of all others
                self._drop()
                log.exception("a letter could not be sent", site=letter.site_id, send=letter.id, exc_info=fault)
                await self._put_off(claimed, LetterLost(f"a fault of ours: {type(fault).__name__}", whole=False))
            else:
                await insist(self._services.db, lambda tx: record_taken(tx, self._services, letter, answer))
                await self._note_working(account)
                self._services.tally.note("outgoing", "sent")
                log.info("letter sent", site=letter.site_id, send=letter.id, answer=answer.line)

    async def _hand_in(self, line: Submission, claimed: Claimed, raw: bytes) -> Answer:
        """The server's answer. A connection that was closed while nothing was sent is opened again at once."""
        sender, email = self._return_path(claimed), claimed.letter.email
        used, self._letters = self._letters, self._letters + 1
        try:
            return await line.hand_in(sender, email, raw)
        except LetterLost as lost:
            if lost.whole or not used:
                raise
        self._drop()
        line = await self._connect(claimed.account)
        self._letters = 1
        return await line.hand_in(sender, email, raw)

    async def _connect(self, account: Sender) -> Submission:
        """The connection as it is, where it still serves, or a new one. AccountFailed."""
        line = self._line
        fits = self._revision == account.revision and self._letters < LETTERS_A_CONNECTION
        if line is not None and line.is_open and fits:
            return line
        await self._close()
        try:
            line = Submission(smtp_account(self._services, account), account.from_address.rpartition("@")[2])
        except SettingsError as error:
            raise AccountFailed(error.detail, hint=error.hint, trouble="login", field="password") from None
        await line.connect()
        self._line, self._revision, self._letters = line, account.revision, 0
        await line.login()
        return line

    async def _close(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()

    def _drop(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.drop()

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
            if not self.crowded:
                await note_trouble(tx, services, claimed.account, error)

        self.crowded = await self._is_crowded(claimed, error, of_letter=of_letter)
        await insist(self._services.db, write)
        services.bell.ring("events")
        if self.crowded:
            log.info("no further connection to a sending account", site=letter.site_id, error=error.detail)
            return
        log.warning("sending account failed", site=letter.site_id, trouble=error.trouble, error=error.detail)

    async def _refuse(self, claimed: Claimed, answer: Answer) -> None:
        services, letter = self._services, claimed.letter
        await insist(self._services.db, lambda tx: record_refused(tx, services, letter, answer))
        services.bell.ring("events")
        services.tally.note("outgoing", "rejected")
        log.info("letter refused", site=letter.site_id, send=letter.id, answer=answer.line)

    async def _is_crowded(self, claimed: Claimed, error: AccountFailed, *, of_letter: bool) -> bool:
        """Whether the server takes letters, and only no further connection."""
        if of_letter or error.trouble != "busy" or claimed.account.status != "working":
            return False
        async with self._services.db.read() as tx:
            on_their_way = await outgoing.count_claimed(tx, self.site_id, self._services.clock.now())
        return on_their_way > 1

    async def _put_off(self, claimed: Claimed, why: Answer | LetterLost) -> None:
        services, letter, chance = self._services, claimed.letter, self._chance()
        words = why.line if isinstance(why, Answer) else why.detail
        await insist(self._services.db, lambda tx: record_later(tx, services, letter, words, chance))
        services.tally.note("outgoing", "deferred")
        log.info("letter put off", site=letter.site_id, send=letter.id, answer=words)

    async def _note_working(self, account: Sender) -> None:
        if account.status != "working":
            async with self._services.db.write() as tx:
                await note_working(tx, self._services, account)

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
            try:
                async with self._services.db.write() as tx:
                    await outgoing.renew_claim(tx, claimed.letter, self._services.clock.now() + CLAIM)
            except Exception as fault:  # the letter is on its way all the same
                log.warning("a claim could not be renewed", send=claimed.letter.id, fault=f"{fault}")
