"""A text is found by the index as it is found by looking through all letters, whatever happens to them meanwhile."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, func, select, text
from sqlalchemy.event import listen, remove

from tests.inbox.letters import Post, letter
from tests.inbox.rows import Rows
from wherefrom.clock import FixedClock
from wherefrom.db import Tx, migrate
from wherefrom.inbox.indexing import Indexing
from wherefrom.inbox.store import candidates, history, parts
from wherefrom.inbox.store.filters import HistoryFilter, conditions
from wherefrom.inbox.store.messages import _UNSORTED
from wherefrom.inbox.store.old_letters import forget_letters
from wherefrom.inbox.store.rows import select_rows
from wherefrom.inbox.store.traits import Place
from wherefrom.inbox.tables import message, message_address, search_fresh, search_gram, search_part
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

    async def count(self, table: Any) -> int:
        async with self.services.db.read() as tx:
            return int(await tx.scalar(select(func.count()).select_from(table)))


async def make_heap(services: Services, seed: int, small: int = 8, large: int = 64) -> Heap:
    rows = Rows(services)
    await rows.site()
    return Heap(services, random.Random(seed), rows, Indexing(services, small, large))


@pytest.mark.parametrize("seed", range(2))
async def test_what_the_index_finds_is_what_a_look_at_all_letters_finds(
    services: Services, clock: FixedClock, monkeypatch: Any, seed: int
) -> None:
    monkeypatch.setattr(history, "_FIRST_GLANCE", 1)
    monkeypatch.setattr(candidates, "_FRESH_AT_ONCE", 7)
    monkeypatch.setattr(history, "MOST_SEARCHED", 23)
    heap = await make_heap(services, seed)
    await heap.add(120)
    await heap.hold(2)
    for turn in range(4):
        await heap.index(heap.chance.randrange(1, 4))
        await heap.hold()
        await heap.forget(heap.chance.randrange(1, 9))
        await heap.hold(3)
        await heap.add(heap.chance.choice((3, 30)), 12)
        if turn == 2:
            await heap.add(1, status="arriving", text="zanzibar is on its way")
        clock.advance(timedelta(hours=1))
    await heap.index()
    await heap.hold(12)
    assert await heap.count(search_fresh) < 8
    async with services.db.read() as tx:
        known = await parts.list_parts(tx, 1)
    assert {one.status for one in known} == {"ready"}
    assert sum(one.letters <= 8 for one in known) < 8, "small parts become large ones"


async def test_letters_are_found_by_the_index_and_not_by_looking_through_all(services: Services) -> None:
    heap = await make_heap(services, 1)
    await heap.add(1, text="a needle", days=9)
    await heap.add(1000, days=2, text="straw")
    await heap.index()
    looked_at: list[int] = []
    whole = history._among

    async def note(tx: Tx, site_id: int, fitting: Any, ids: Any, limit: int) -> Any:
        looked_at.extend(ids)
        return await whole(tx, site_id, fitting, ids, limit)

    history._among = note
    try:
        await heap.hold_to_all(HistoryFilter(text="needle"), 10)
        await heap.hold_to_all(HistoryFilter(text="haystack"), 10)
    finally:
        history._among = whole
    async with services.db.read() as tx:
        fresh = await parts.count_fresh(tx, 1, 100)
    assert len(looked_at) <= 1 + 2 * fresh


async def test_of_an_erased_letter_no_gram_stays(services: Services) -> None:
    heap = await make_heap(services, 2)
    await heap.add(1, text="xylograph")
    await heap.add(20, text="other")
    await heap.index()
    gram = ord("x") << 42 | ord("y") << 21 | ord("l")
    kept = select(func.count()).select_from(search_gram).where(search_gram.c.gram == gram)
    async with services.db.write() as tx:
        assert await tx.scalar(kept) == 1
        await forget_letters(tx, 1, [heap.places[0][1]])
    await heap.index()
    async with services.db.read() as tx:
        assert await tx.scalar(kept) == 0
    await heap.hold_to_all(HistoryFilter(text="other"), 10)


@pytest.mark.parametrize("kept", ["fresh", "part"])
async def test_a_letter_that_is_sorted_or_erased_while_a_part_is_made_is_neither_lost_nor_kept(
    services: Services, kept: str
) -> None:
    heap = await make_heap(services, 3, small=20)
    await heap.add(20, text="zanzibar")
    if kept == "part":
        await heap.index()
        async with services.db.write() as tx:  # as if it were small, and seven others with it
            await tx.execute(search_part.update().values(letters=20))
        heap.indexing = Indexing(services, 1000, 200)
    counting, erased = asyncio.Event(), heap.places[5]

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "message_address.message_id" in statement:
            counting.set()

    async def change() -> None:
        await counting.wait()
        async with services.db.write() as tx:
            await forget_letters(tx, 1, [erased[1]])
        heap.places.remove(erased)

    changing = asyncio.create_task(change())
    engine = services.db._engine.sync_engine
    listen(engine, "after_cursor_execute", note)
    try:
        if kept == "part":
            async with services.db.read() as tx:
                small = await parts.list_parts(tx, 1)
            await heap.indexing._make(1, small)
        else:
            await heap.indexing.step()
    finally:
        remove(engine, "after_cursor_execute", note)
    await changing
    await heap.hold_to_all(HistoryFilter(text="zanzibar"), 10)
    heap.indexing = Indexing(services, 8, 64)
    await heap.index()
    await heap.hold_to_all(HistoryFilter(text="zanzibar"), 10)
    async with services.db.read() as tx:
        known = await parts.list_parts(tx, 1)
        places = await parts.read_places(tx, 1, {one.id: None for one in known})
    assert erased not in [place for some in places.values() for place in some]


async def test_two_processes_index_at_once_and_one_that_dies_is_followed(services: Services, clock: FixedClock) -> None:
    heap = await make_heap(services, 4)
    await heap.add(200)
    async with services.db.write() as tx:  # of a process that died at it
        await parts.add_part(tx, 1, 7, sorted(heap.places, reverse=True)[:9], clock.now() + timedelta(seconds=50))
        await parts.add_grams(tx, 1, 7, [(1, b"x")], clock.now() + timedelta(seconds=50))
    assert not await heap.indexing.step(), "while its claim holds"
    clock.advance(timedelta(seconds=51))
    both = heap.indexing, Indexing(services, 8, 64)
    for _ in range(200):
        if not any(await asyncio.gather(*(one.step() for one in both))):
            break
    await heap.hold(12)
    async with services.db.read() as tx:
        known = await parts.list_parts(tx, 1)
        assert await tx.scalar(select(func.count()).where(search_gram.c.part_id == 7)) == 0
    assert sum(one.letters for one in known) + await heap.count(search_fresh) == 200, "each letter once"


async def test_a_part_whose_letters_take_long_to_read_is_left_to_who_makes_it(
    services: Services, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two processes would take large letters away from each other for ever."""
    heap = await make_heap(services, 6)
    await heap.add(200)
    one, other = Indexing(services, 8, 1000), Indexing(services, 8, 1000)
    read, worked = parts.read_texts, []
    is_others = False

    async def read_slowly(*given: Any) -> dict[int, list[str]]:
        nonlocal is_others
        if not is_others:
            is_others = True
            clock.advance(timedelta(seconds=50))
            worked.append(await other.step())
            is_others = False
        return await read(*given)

    monkeypatch.setattr(parts, "read_texts", read_slowly)
    assert await one.step()
    assert worked == [False] * 4
    assert await heap.count(search_fresh) == 0


async def test_parts_that_change_while_they_are_asked_are_asked_anew(services: Services, monkeypatch: Any) -> None:
    monkeypatch.setattr(history, "_FIRST_GLANCE", 1)
    heap = await make_heap(services, 5)
    await heap.add(100, text="zanzibar")
    await heap.index(1)
    turns = 0
    ask = history._ask_index

    async def late(*arguments: Any) -> Any:
        nonlocal turns
        turns += 1
        page = await ask(*arguments)
        if turns == 1:
            await heap.index(3)
        return page

    monkeypatch.setattr(history, "_ask_index", late)
    async with services.db.read() as tx:
        rows, _ = await history.list_messages(tx, 1, HistoryFilter(text="zanzibar"), None, 5)
    assert len(rows) == 5
    assert turns == (2 if services.db.dialect == "postgresql" else 1), "SQLite reads one moment"


async def test_a_sorted_letter_is_found_before_and_after_it_is_indexed(services: Services) -> None:
    post = await Post.open(services)
    await post.rows.site()
    for n in range(5):
        await post.receive(letter(message_id=f"<{n}@x>", subject=f"Zanzibar {n}"), at=post.minutes(n))
    indexing = Indexing(services, 3, 4)
    counts = []
    for _ in range(3):
        async with services.db.read() as tx:
            rows, _ = await history.list_messages(tx, 1, HistoryFilter(text="anziba"))
            counts.append(await parts.count_fresh(tx, 1, 10))
        assert len(rows) == 5
        await indexing.step()
    assert counts == [5, 1, 1]


async def test_letters_of_before_there_was_an_index_are_indexed(services: Services) -> None:
    """As the migration leaves them, on the services' own engine."""
    heap = await make_heap(services, 6)
    await heap.add(30)
    await heap.index()
    async with services.db.write() as tx:
        await tx.run_sync(_again)
    assert await heap.count(search_fresh) == 30
    await heap.hold()
    await heap.index()
    await heap.hold()
    assert await heap.count(search_fresh) < 8


def _again(connection: Connection) -> None:
    """Takes the migration back by hand, and runs it once more."""
    for table in ("search_fresh", "search_part", "search_gram"):
        connection.execute(text(f"DROP TABLE {table}"))
    connection.execute(text("UPDATE alembic_version SET version_num = '0031'"))
    config = Config()
    config.set_main_option("script_location", str(migrate._folder()))
    config.attributes["connection"] = connection
    command.upgrade(config, "0032")
