"""Letters by chance, and an index of small parts, whose answers are held to a look at all letters."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from tests.inbox.rows import Rows
from wherefrom.inbox.indexing import Indexing
from wherefrom.inbox.store import history, parts
from wherefrom.inbox.store.filters import HistoryFilter, conditions
from wherefrom.inbox.store.messages import _UNSORTED
from wherefrom.inbox.store.old_letters import forget_letters
from wherefrom.inbox.store.rows import select_rows
from wherefrom.inbox.store.traits import Place
from wherefrom.inbox.tables import message, message_address
from wherefrom.services import Services

WORDS = (
    "delivery", "Delivery", "zanzibar", "price", "of", "the", "ПРИВЕТ", "привет", "Straße", "STRASSE", "配送",
    "配送料金", "100%", "under_score", "k7f3q9x2", "sales+k7f3q9x2@shop.example", "\\", "…",
)  # fmt: skip
ASKED = (
    *WORDS, "zanzi", "anzib", "elivery", "y zan", "the price", "rice of", "Привет", "strasse", "送料", "料", "a",
    "sales+k7f3", "xylograph", "customer.example", "Lead 3", "0%", "r_s", "\\ …",
)  # fmt: skip


@dataclass
class Heap:
    """Letters of a site by chance, and an index of small parts."""

    services: Services
    chance: random.Random
    rows: Rows
    indexing: Indexing
    places: list[Place] = field(default_factory=list)

    async def add(self, count: int, days: int = 9, **given: Any) -> None:
        """Spread over the last days; as sorting leaves them."""
        now = self.services.clock.now()
        rows, receivers, places = [], [], []
        for _ in range(count):
            id_, at = self.services.ids.next(), now - timedelta(minutes=self.chance.randrange(days * 1440))
            values = {
                **_UNSORTED, "site_id": self.rows.site_id, "id": id_, "mailbox_id": 1, "folder_id": 1, "uid": id_,
                "folder_kind": self.chance.choice(("inbox", "junk")), "uidvalidity": 1, "sha256": f"{id_:064x}",
                "size": 1, "truncated": False, "arrived_at": at, "stored_at": at, "status": "sorted",
                "subject": self._some(2), "from_name": f"Lead {id_ % 5}", "text": self._some(6),
                "from_address": f"lead{id_ % 7}@customer.example", **given,
            }  # fmt: skip
            rows.append(values)
            key = {"site_id": self.rows.site_id, "message_id": id_, "role": "to", "name": ""}
            receivers.append({**key, "number": 1, "address": self.chance.choice(("a@x.example", WORDS[15]))})
            places.append((at, id_))
        async with self.services.db.write() as tx:
            await tx.execute(message.insert(), rows)
            await tx.execute(message_address.insert(), receivers)
            if given.get("status") != "arriving":
                await parts.add_fresh(tx, self.rows.site_id, places)
        self.places += places

    def _some(self, most: int) -> str:
        return " ".join(self.chance.choice(WORDS) for _ in range(self.chance.randrange(most + 1)))

    async def forget(self, count: int) -> None:
        gone = [self.places.pop(self.chance.randrange(len(self.places))) for _ in range(count)]
        async with self.services.db.write() as tx:
            await forget_letters(tx, self.rows.site_id, [id_ for _, id_ in gone])

    async def index(self, steps: int = 1000) -> None:
        for _ in range(steps):
            if not await self.indexing.step():
                return
        assert steps < 1000, "it finds work for ever"

    async def hold_to_all(self, asked: HistoryFilter, limit: int = 3) -> None:
        """What is found page by page is what a look at all letters finds, in the same order."""
        site_id, found, cursor, pages = self.rows.site_id, list[int](), None, 0
        async with self.services.db.read() as tx:
            shown = message.c.status.in_(("sorted", "unreadable", "arriving"))
            rows = (await tx.execute(select_rows(site_id).where(shown, *conditions(asked)))).all()
            while pages == 0 or cursor:
                page, cursor = await history.list_messages(tx, site_id, asked, cursor, limit)
                found += [one.id for one in page]
                pages += 1
                assert pages < 1000
        expected = [row.id for row in sorted(rows, key=lambda row: (row.arrived_at, row.id), reverse=True)]
        assert found == expected, asked

    async def hold(self, times: int = 6) -> None:
        now = self.services.clock.now()
        for _ in range(times):
            span = self.chance.choice(((None, None), (now - timedelta(days=5), now - timedelta(days=2, minutes=7))))
            kind = self.chance.choice(("", "", "junk"))
            wanted = HistoryFilter(span[0], span[1], text=self.chance.choice(ASKED), folder_kind=kind)
            await self.hold_to_all(wanted, self.chance.choice((2, 7, 50)))

    async def list_parts(self) -> list[parts.Part]:
        async with self.services.db.read() as tx:
            return await parts.list_parts(tx, self.rows.site_id)

    async def count(self, table: Any) -> int:
        async with self.services.db.read() as tx:
            return int(await tx.scalar(select(func.count()).select_from(table)))


async def make_heap(services: Services, seed: int, small: int = 8, middle: int = 64, large: int = 512) -> Heap:
    rows = Rows(services)
    await rows.site()
    return Heap(services, random.Random(seed), rows, Indexing(services, small, middle, large))
