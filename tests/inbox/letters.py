"""Letters as bytes, and the shortest way from bytes to a stored message."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from sqlalchemy import select

from tests.inbox.rows import Rows
from wherefrom.events.store import Event, list_subject_events
from wherefrom.inbox.sort import Sorting
from wherefrom.inbox.store import details, messages
from wherefrom.inbox.store.details import MessageDetail
from wherefrom.inbox.tables import message
from wherefrom.inbox.taker import Attribution
from wherefrom.services import Services


def letter(
    to: str = "sales@company.example",
    subject: str = "Question",
    text: str = "Hello, how much is it?",
    sender: str = "Ann Lead <ann@customer.example>",
    at: datetime | None = None,
    message_id: str | None = "<1@customer.example>",
    **headers: str,
) -> bytes:
    """A plain letter; ``headers`` with ``_`` for ``-`` are added."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, to, subject
    if at is not None:
        made["Date"] = format_datetime(at)
    if message_id is not None:
        made["Message-ID"] = message_id
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made.as_bytes()


@dataclass
class Post:
    """Stores letters as the synchroniser does, and sorts them."""

    services: Services
    rows: Rows
    mailbox_id: int
    folder_id: int
    uid: int = 0

    @classmethod
    async def open(cls, services: Services, site_id: int = 1) -> "Post":
        rows = Rows(services, site_id)
        return cls(services, rows, *await rows.mailbox())

    async def store(self, raw: bytes, *, folder_kind: str = "inbox", at: datetime | None = None) -> int:
        """A stored message, arrived now (or ``at``); its id."""
        self.uid += 1
        sha256, message_id = await self.services.blobs.put(raw), self.services.ids.next()
        now = self.services.clock.now()
        async with self.services.db.write() as tx:
            await messages.add_message(
                tx,
                {
                    "site_id": self.rows.site_id, "id": message_id, "mailbox_id": self.mailbox_id,
                    "folder_id": self.folder_id, "folder_kind": folder_kind, "uidvalidity": 1, "uid": self.uid,
                    "sha256": sha256, "size": len(raw), "truncated": False, "arrived_at": at or now, "stored_at": now,
                },
            )  # fmt: skip
        return message_id

    async def sort(self, *takers: Any) -> None:
        """Steps until nothing waits."""
        sorting = Sorting(self.services, (*takers, Attribution()))
        for _ in range(50):
            if not await sorting.step():
                return
        raise AssertionError("sorting never ends")

    async def receive(self, raw: bytes, **where: Any) -> MessageDetail:
        """Stored, sorted, and what is known of it then."""
        message_id = await self.store(raw, **where)
        await self.sort()
        return await self.detail(message_id)

    async def detail(self, message_id: int) -> MessageDetail:
        async with self.services.db.read() as tx:
            return await details.get_message(tx, self.rows.site_id, message_id)

    async def status(self, message_id: int) -> tuple[str, str]:
        async with self.services.db.read() as tx:
            row = (await tx.execute(select(message).where(message.c.id == message_id))).one()
        return row.status, row.status_reason

    async def events(self, message_id: int) -> list[Event]:
        async with self.services.db.read() as tx:
            return await list_subject_events(tx, self.rows.site_id, message_id)

    def minutes(self, count: float) -> datetime:
        return self.services.clock.now() + timedelta(minutes=count)
