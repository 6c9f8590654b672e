"""A mailbox watched against a real server, with waits that end by row state or fail by deadline, never by luck."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from sqlalchemy import select

from tests.inbox.odd_mailbox import OddMailbox
from tests.mail.scripted import ScriptedServer
from tests.support.dovecot import Dovecot
from wherefrom.clock import SystemClock
from wherefrom.inbox.mailbox import AddMailbox, FolderChoice, add_mailbox
from wherefrom.inbox.sort import Sorting
from wherefrom.inbox.store import history, mailboxes
from wherefrom.inbox.store.filters import HistoryFilter
from wherefrom.inbox.store.mailboxes import Mailbox
from wherefrom.inbox.sync import MailboxWatch
from wherefrom.inbox.tables import message
from wherefrom.inbox.taker import Attribution
from wherefrom.services import Services

DEADLINE = 60.0


def real_time(services: Services, **mail: Any) -> Services:
    """The services on the machine's clock, which the mail server goes by, and with short mail settings."""
    short = {"poll_seconds": 1, "socket_timeout_seconds": 5, **mail}
    settings = msgspec.structs.replace(services.settings, mail=msgspec.structs.replace(services.settings.mail, **short))
    return replace(services, clock=SystemClock(), settings=settings)


@dataclass
class Watching:
    """One account of the server, connected as a mailbox of site 1."""

    services: Services
    server: Any
    account: Any
    mailbox_id: int = 0
    watches: list[tuple[asyncio.Event, asyncio.Task[None]]] = field(default_factory=list)

    async def connect(self, **values: Any) -> int:
        usual: dict[str, Any] = {"host": "127.0.0.1", "security": "none"}
        if isinstance(self.server, Dovecot):
            usual |= {"port": self.server.imap_port, "username": self.account.user, "password": self.account.password}
        wanted = usual | values
        added = await add_mailbox(self.services, 1, AddMailbox(**wanted))
        self.mailbox_id = added.id
        return added.id

    def start(self, name: str = "this process", look_seconds: float = 0.2) -> asyncio.Event:
        """Watches until the event that is answered is set."""
        stop = asyncio.Event()
        watch = MailboxWatch(self.services, name=name, look_seconds=look_seconds)
        self.watches.append((stop, asyncio.create_task(watch.run(stop))))
        return stop

    async def stop(self) -> None:
        for stop, task in self.watches:
            stop.set()
            await asyncio.wait_for(task, DEADLINE)
        self.watches.clear()

    async def deliver(self, raw: bytes) -> None:
        await asyncio.to_thread(self.server.deliver, self.account.address, raw)

    async def append(self, folder: str, raw: bytes) -> None:
        await asyncio.to_thread(self.server.append_to, self.account, folder, raw)

    async def rows(self) -> list[Any]:
        """Stored messages in the order they were stored."""
        async with self.services.db.read() as tx:
            return list((await tx.execute(select(message).order_by(message.c.id))).all())

    async def sort(self) -> list[str]:
        """Sorts what waits; the subjects of the history, oldest first."""
        sorting = Sorting(self.services, (Attribution(),))
        while await sorting.step():
            pass
        async with self.services.db.read() as tx:
            rows, _ = await history.list_messages(tx, 1, HistoryFilter(), None, history.MOST_ROWS)
        return [row.subject for row in sorted(rows, key=lambda row: row.id)]

    async def mailbox(self) -> Mailbox:
        async with self.services.db.read() as tx:
            return await mailboxes.get_mailbox(tx, 1, self.mailbox_id)

    async def stored(self, count: int) -> list[Any]:
        """The rows, once there are ``count``."""
        await until(lambda: self._has(count), f"{count} stored letters", self._state)
        return await self.rows()

    async def status(self, *wanted: str) -> Mailbox:
        """The mailbox as it was when its status was one of these."""
        return await self._once(lambda found: found.status in wanted, f"status {wanted}")

    async def settled(self) -> Mailbox:
        """The mailbox, once all that was there is read or passed over, and it waits for more."""
        return await self._once(
            lambda found: found.status == "ok" and all(one.baselined for one in found.folders), "a first look"
        )

    async def looked(self) -> None:
        """Once each folder was looked into anew."""
        before = {one.id: one.checked_at for one in (await self.mailbox()).folders}

        async def again() -> bool:
            folders = (await self.mailbox()).folders
            return all(one.checked_at != before[one.id] for one in folders)

        await until(again, "another look", self._state)

    async def _has(self, count: int) -> bool:
        return len(await self.rows()) >= count

    async def _once(self, fits: Callable[[Mailbox], bool], what: str) -> Mailbox:
        """The mailbox that fits: a moment later it may be another one."""
        found: Mailbox | None = None

        async def has_come() -> bool:
            nonlocal found
            found = await self.mailbox()
            return fits(found)

        await until(has_come, what, self._state)
        assert found is not None
        return found

    async def _state(self) -> str:
        found = await self.mailbox()
        return f"{len(await self.rows())} stored, {found.status}: {found.status_detail}"


async def until(
    true: Callable[[], Awaitable[bool]], what: str, state: Callable[[], Awaitable[str]] | None = None
) -> None:
    """Returns once ``true``; fails at the deadline with the state there was."""
    end = time.monotonic() + DEADLINE
    while not await true():
        if time.monotonic() > end:
            raise AssertionError(f"no {what} within {DEADLINE} s; " + (await state() if state else ""))
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def watching_odd(
    services: Services, odd: OddMailbox, *, folders: Sequence[str] = ("INBOX",), since: str = "new", **mail: Any
) -> AsyncIterator[Watching]:
    """The same on a server with the habits of ``odd``."""
    with ScriptedServer(odd) as server:
        made = Watching(real_time(services, **mail), server, server.account())
        try:
            chosen = tuple(FolderChoice(name=one, kind="inbox" if one == "INBOX" else "junk") for one in folders)
            account = {"port": server.port, "username": "anna", "password": "secret"}
            await made.connect(folders=chosen, since=since, **account)
            yield made
        finally:
            await made.stop()


@contextlib.asynccontextmanager
async def watching(services: Services, server: Dovecot, **mail: Any) -> AsyncIterator[Watching]:
    """A new account on ``server``; everything started is stopped at the end."""
    made = Watching(real_time(services, **mail), server, server.add_user())
    try:
        yield made
    finally:
        await made.stop()
