"""However many letters a site has, few parts of the index are asked; and what is in a part stays in one when they are
joined, or some of its letters go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from tests.inbox.heap import make_heap
from wherefrom.clock import FixedClock
from wherefrom.inbox import indexing
from wherefrom.inbox.grams import list_numbers, pack, unpack
from wherefrom.inbox.indexing import Indexing
from wherefrom.inbox.renumbering import Renumbering
from wherefrom.inbox.store import history, parts
from wherefrom.inbox.store.filters import HistoryFilter
from wherefrom.inbox.store.old_letters import forget_letters
from wherefrom.inbox.store.traits import Place
from wherefrom.inbox.tables import search_fresh
from wherefrom.services import Services


@given(st.data())
def test_letters_of_parts_keep_their_grams_under_new_numbers(data: st.DataObject) -> None:
    """Parts that follow each other, that overlap, that share letters; of which some are gone."""
    drawn = st.one_of(
        st.lists(st.sets(st.integers(0, 99), min_size=1), min_size=1, max_size=4),
        st.lists(st.integers(1, 60), min_size=1, max_size=4).map(_neighbours),
    )
    letters = [sorted(one, reverse=True) for one in data.draw(drawn)]
    gone = data.draw(st.one_of(st.just(set()), st.sets(st.integers(0, 99), max_size=9)))
    joined = sorted({one for of_part in letters for one in of_part} - gone, reverse=True)
    if not joined:
        return
    has = [data.draw(st.sets(st.sampled_from(of_part))) for of_part in letters]
    had = [
        (place, pack([n for n, one in enumerate(of_part) if one in has[place]], len(of_part)))
        for place, of_part in enumerate(letters)
    ]
    found = Renumbering(letters, joined).join(had)
    expected = set().union(*has) - gone
    assert {joined[number] for number in list_numbers(unpack(found, len(joined)))} == expected
    assert bool(found) == bool(expected)


def _neighbours(counts: Iterable[int]) -> list[set[int]]:
    """As many letters a part, each of them older than those of the part before."""
    found, begin = [], 0
    for count in counts:
        found.append(set(range(-begin - count, -begin)))
        begin += count
    return found


async def test_parts_are_joined_until_few_are_left(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """As letters come, some older than those that are indexed already."""
    monkeypatch.setattr(history, "_FIRST_GLANCE", 1)
    heap = await make_heap(services, 11, small=2, middle=16, large=128)
    for turn in range(20):
        await heap.add(17, days=1 + turn % 5)
        await heap.index()
        if turn % 5 == 4:
            await heap.hold(3)
    known = await heap.list_parts()
    assert sum(one.letters for one in known) + await heap.count(search_fresh) == 340
    assert sum(one.letters <= 2 for one in known) < 8
    assert sum(2 < one.letters <= 64 for one in known) < 8
    assert all(one.letters <= 128 for one in known)
    assert sum(one.letters > 64 for one in known) >= 2


async def test_parts_of_before_there_were_large_ones_are_joined(services: Services) -> None:
    heap = await make_heap(services, 12, small=8, middle=16, large=16)
    await heap.add(160)
    await heap.index()
    assert len(await heap.list_parts()) == 10
    heap.indexing = Indexing(services, 8, 16, 128)
    await heap.index()
    known = await heap.list_parts()
    assert [one.letters for one in known] == [16, 16, 128], "the newest first"
    assert all(newer.oldest_at >= older.newest_at for newer, older in pairwise(known))
    await heap.hold(8)


async def test_the_last_of_many_letters_are_indexed_with_the_others(services: Services) -> None:
    """A few of the oldest, left fresh, would one day be in one part with the newest."""
    heap = await make_heap(services, 18, small=8, middle=16)
    await heap.add(16 * 3 + 7)
    await heap.index()
    assert [one.letters for one in await heap.list_parts()] == [16, 16, 23]
    assert await heap.count(search_fresh) == 0


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_of_a_large_part_the_place_of_one_letter_is_read_without_the_others(services: Services) -> None:
    storage = "SELECT attstorage FROM pg_attribute WHERE attrelid = 'search_part'::regclass AND attname = 'places'"
    async with services.db.read() as tx:
        assert str(await tx.scalar(text(storage))) in ("e", "b'e'"), "not compressed"


async def test_an_erased_letter_makes_no_other_one_fresh(services: Services) -> None:
    """Else all letters of its part would be looked through one by one until they are indexed anew."""
    heap = await make_heap(services, 14)
    await heap.add(60, text="zanzibar")
    await heap.index()
    before = [one.letters for one in await heap.list_parts()]
    await heap.forget(3)
    await heap.index()
    assert await heap.count(search_fresh) == 0
    assert sum(one.letters for one in await heap.list_parts()) == sum(before) - 3
    await heap.hold_to_all(HistoryFilter(text="zanzibar"), 10)


async def test_a_part_goes_with_the_last_of_its_letters(services: Services) -> None:
    heap = await make_heap(services, 15)
    await heap.add(8)
    await heap.index()
    await heap.forget(8)
    await heap.index()
    assert await heap.list_parts() == []


@pytest.mark.parametrize("is_stale", [False, True])
async def test_a_letter_erased_just_before_parts_are_joined_is_in_none(
    services: Services, monkeypatch: pytest.MonkeyPatch, is_stale: bool
) -> None:
    heap = await make_heap(services, 16)
    await heap.add(40, text="zanzibar")
    await heap.index()
    if is_stale:
        await heap.forget(1)
    erased = heap.places[5]
    real, is_first = parts.list_there, True

    async def list_there(*given: Any) -> list[Place]:
        nonlocal is_first
        found = await real(*given)
        if is_first:
            is_first = False
            async with services.db.write() as tx:
                await forget_letters(tx, 1, [erased[1]])
            heap.places.remove(erased)
        return found

    monkeypatch.setattr(parts, "list_there", list_there)
    await heap.indexing._join(1, await heap.list_parts())
    await heap.index()
    assert {one.status for one in await heap.list_parts()} == {"ready"}
    async with services.db.read() as tx:
        known = await parts.read_places(tx, 1, {one.id: None for one in await heap.list_parts()})
    assert sorted(place for some in known.values() for place in some) == sorted(heap.places)
    await heap.hold_to_all(HistoryFilter(text="zanzibar"), 10)


async def test_two_processes_join_parts_at_once(services: Services, clock: FixedClock) -> None:
    heap = await make_heap(services, 17, small=2, middle=16, large=16)
    await heap.add(200)
    await heap.index()
    both = Indexing(services, 2, 16, 128), Indexing(services, 2, 16, 128)
    for _ in range(200):
        if not any(await asyncio.gather(*(one.step() for one in both))):
            break
        clock.advance(timedelta(seconds=1))
    assert sum(one.letters for one in await heap.list_parts()) == 200
    assert max(one.letters for one in await heap.list_parts()) > 64
    await heap.hold()


async def test_of_long_letters_a_part_is_made_of_fewer(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many as memory may hold the grams of."""
    monkeypatch.setattr(indexing, "_MOST_GRAMS", 500)
    monkeypatch.setattr(indexing, "_LONG", 1000)
    heap = await make_heap(services, 19, small=8, middle=64)
    for n in range(4):
        await heap.add(1, text=" ".join(f"{n}{word:03x}" for word in range(400)))
    await heap.add(20)
    made = []
    while await heap.indexing.step():
        known = [one for one in await heap.list_parts() if one.status == "ready"]
        assert sum(one.letters for one in known) + await heap.count(search_fresh) == 24
        made.append(len(known))
    assert max(made) >= 2
    await heap.hold_to_all(HistoryFilter(text="2018"), 10)
    await heap.hold(4)
