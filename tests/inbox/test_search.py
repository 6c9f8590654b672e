"""A text is found by the index as it is found by looking through all letters, whatever happens to them meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, func, select, text

from tests.inbox.heap import make_heap
from tests.inbox.letters import Post, letter
from wherefrom.clock import FixedClock
from wherefrom.db import Tx, migrate
from wherefrom.inbox.indexing import Indexing
from wherefrom.inbox.store import candidates, history, parts
from wherefrom.inbox.store.filters import HistoryFilter
from wherefrom.inbox.store.old_letters import forget_letters
from wherefrom.inbox.tables import search_fresh, search_gram
from wherefrom.services import Services


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
async def test_a_letter_that_is_erased_while_a_part_is_made_is_neither_lost_nor_kept(
    services: Services, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    heap = await make_heap(services, 3, small=20)
    await heap.add(20, text="zanzibar")
    if kept == "part":
        await heap.index()
    erased, name = heap.places[5], "read_texts" if kept == "fresh" else "read_on"
    read = getattr(parts, name)

    async def erase_first(*given: Any) -> Any:
        if erased in heap.places:
            heap.places.remove(erased)
            async with services.db.write() as tx:
                await forget_letters(tx, 1, [erased[1]])
        return await read(*given)

    monkeypatch.setattr(parts, name, erase_first)
    if kept == "part":
        await heap.indexing._join(1, await heap.list_parts())
    else:
        await heap.indexing.step()
    assert erased not in heap.places
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
    assert len(worked) > 3
    assert not any(worked)
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
    for n in range(8):
        await post.receive(letter(message_id=f"<{n}@x>", subject=f"Zanzibar {n}"), at=post.minutes(n))
    indexing = Indexing(services, 3, 4)
    counts = []
    for _ in range(3):
        async with services.db.read() as tx:
            rows, _ = await history.list_messages(tx, 1, HistoryFilter(text="anziba"))
            counts.append(await parts.count_fresh(tx, 1, 10))
        assert len(rows) == 8
        await indexing.step()
    assert counts == [8, 4, 0]


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
