"""Pieces of a batch side by side: what they ask together, and what keeps them out of each other's way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, event, select, update
from sqlalchemy.exc import DBAPIError

from wherefrom.db import Prepared, Tx
from wherefrom.services import Services
from wherefrom.visits.tables import dropped

ADD = Prepared(dropped.insert())
FIND = Prepared(
    select(dropped.c.count)
    .where(dropped.c.site_id == bindparam("of_site"), dropped.c.reason == bindparam("of_reason"))
    .order_by(dropped.c.day.desc())
    .limit(1)
    .with_for_update()
)
RAISE = Prepared(
    update(dropped)
    .where(dropped.c.site_id == bindparam("of_site"), dropped.c.reason == bindparam("of_reason"))
    .values(count=dropped.c.count + bindparam("by"))
)

on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite's pieces take turns


async def count(tx: Tx, reason: str, by: int = 1) -> int:
    """What was counted so far; one more is counted, as if by a read and a write."""
    found = await tx.fetch(FIND, {"of_site": 1, "of_reason": reason})
    tx.claim(reason)
    if not found:
        await tx.append(ADD, [{"site_id": 1, "day": "2026-11-02", "reason": reason, "count": by}])
        return 0
    await tx.change(RAISE, {"of_site": 1, "of_reason": reason, "by": by})
    return int(found[0][0])


async def together(services: Services, *works: Callable[[Tx], Awaitable[Any]]) -> list[Any]:
    return await asyncio.gather(*(services.db.batch(work, is_social=True) for work in works), return_exceptions=True)


async def counts(services: Services) -> dict[str, int]:
    async with services.db.read() as tx:
        rows = (await tx.execute(select(dropped.c.reason, dropped.c.count))).all()
    return dict([tuple(row) for row in rows])


@contextlib.contextmanager
def statements(services: Services) -> Iterator[list[str]]:
    kept: list[str] = []

    def keep(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        kept.append(statement)

    event.listen(services.db.sync_engine, "before_cursor_execute", keep)
    try:
        yield kept
    finally:
        event.remove(services.db.sync_engine, "before_cursor_execute", keep)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 3)), min_size=1, max_size=20))
async def test_whatever_is_counted_side_by_side_is_counted_as_if_one_by_one(
    services: Services, asked: list[tuple[str, int]]
) -> None:
    async with services.db.write() as tx:
        await tx.execute(dropped.delete())
    answers = await together(services, *(lambda tx, one=one: count(tx, *one) for one in asked))
    totals: dict[str, int] = {}
    for reason, by in asked:
        totals[reason] = totals.get(reason, 0) + by
    assert await counts(services) == totals
    for reason in totals:  # each heard another sum, as the ones before it had left it
        heard = [answer for answer, (one, _) in zip(answers, asked, strict=True) if one == reason]
        assert len(set(heard)) == len(heard)
        assert min(heard) == 0


@on_postgresql
async def test_what_many_ask_and_change_is_a_statement_each(services: Services) -> None:
    names = [f"r{number}" for number in range(20)]
    await together(services, *(lambda tx, name=name: count(tx, name) for name in names))
    with statements(services) as kept:
        assert await together(services, *(lambda tx, name=name: count(tx, name, 5) for name in names)) == [1] * 20
    assert [one.split()[0] for one in kept] == ["SELECT", "UPDATE"]
    assert await counts(services) == dict.fromkeys(names, 6)


async def test_a_change_says_how_many_rows_it_met(services: Services) -> None:
    async with services.db.write() as tx:
        for day in ("2026-11-01", "2026-11-02"):
            await tx.append(ADD, [{"site_id": 1, "day": day, "reason": "two", "count": 1}])
        await tx.append(ADD, [{"site_id": 1, "day": "2026-11-02", "reason": "one", "count": 1}])

    def changing(reason: str) -> Callable[[Tx], Awaitable[int]]:
        return lambda tx: tx.change(RAISE, {"of_site": 1, "of_reason": reason, "by": 1})

    assert await together(services, changing("one"), changing("none"), changing("two")) == [1, 0, 2]


async def test_who_must_be_alone_sees_what_the_others_wrote_and_nobody_in_the_middle(services: Services) -> None:
    inside: list[str] = []

    async def alone(tx: Tx, name: str) -> dict[str, int]:
        await tx.fetch(FIND, {"of_site": 1, "of_reason": name})
        await tx.alone()
        assert inside == []
        inside.append(name)
        rows = await tx.execute(select(dropped.c.reason, dropped.c.count))
        await tx.fetch(FIND, {"of_site": 1, "of_reason": name})
        await tx.append(ADD, [{"site_id": 1, "day": "2026-11-02", "reason": name, "count": 1}])
        inside.remove(name)
        return {reason for reason, _ in rows}

    works = [lambda tx, name=name: alone(tx, name) for name in "xyz"]
    answers = await together(services, works[0], lambda tx: count(tx, "one"), works[1], works[2])
    seen = [len(answer) for answer in answers if isinstance(answer, set)]
    assert len(seen) == 3
    assert len(set(seen)) == 3  # each sees those before it
    assert sorted(await counts(services)) == ["one", "x", "y", "z"]


async def test_a_fault_of_one_undoes_it_alone_and_the_others_are_written_once(services: Services) -> None:
    async def fail(tx: Tx) -> None:
        await count(tx, "failing")
        raise ValueError("no")

    async def fail_early(tx: Tx) -> None:
        raise LookupError("not at all")

    works = [lambda tx, name=name: count(tx, name) for name in ("a", "b", "a")]
    answers = await together(services, works[0], fail, works[1], fail_early, works[2])
    assert [type(one) for one in answers] == [int, ValueError, int, LookupError, int]
    assert await counts(services) == {"a": 2, "b": 1}


async def test_other_work_of_the_batch_is_done_too(services: Services) -> None:
    async def plain(tx: Tx) -> Any:
        await tx.alone()  # it is alone anyhow
        tx.claim("a")
        return await tx.scalar(select(dropped.c.reason).where(dropped.c.reason == "nothing"))

    answers = await asyncio.gather(
        services.db.batch(plain),
        services.db.batch(lambda tx: count(tx, "a"), is_social=True),
        services.db.batch(plain),
        services.db.batch(lambda tx: count(tx, "a"), is_social=True),
    )
    assert (answers[0], sorted([answers[1], answers[3]]), answers[2]) == (None, [0, 1], None)
    assert await counts(services) == {"a": 2}


@on_postgresql
async def test_rows_that_are_asked_for_together_are_locked_all_the_same(services: Services) -> None:
    await together(services, lambda tx: count(tx, "a"), lambda tx: count(tx, "b"))

    async def refused(tx: Tx, reason: str) -> str:
        await tx.fetch(FIND, {"of_site": 1, "of_reason": reason})
        mine = select(dropped.c.count).where(dropped.c.reason == reason)
        try:
            async with services.db.write() as other:
                await other.execute(mine.with_for_update(nowait=True))
        except DBAPIError as fault:
            return str(getattr(fault.orig, "sqlstate", ""))
        return "not locked"

    answers = await together(services, *(lambda tx, name=name: refused(tx, name) for name in "ab"))
    assert answers == ["55P03", "55P03"]  # lock_not_available
