"""Changes that must meet a row (``Tx.change_each(…, or_refused=True)``): what becomes of one that met none, and of
those that were to be written with it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import bindparam, event, select, update

from tests.support.processes import other_process
from wherefrom.db import Database, Prepared, Refused, Tx, Unless
from wherefrom.services import Services
from wherefrom.visits.tables import dropped

ADD = Prepared(dropped.insert())
FIND = Prepared(
    select(dropped.c.count).where(dropped.c.site_id == bindparam("of_site"), dropped.c.reason == bindparam("of_reason"))
)
REPLACE = Prepared(
    update(dropped)
    .where(
        dropped.c.site_id == bindparam("of_site"),
        dropped.c.reason == bindparam("of_reason"),
        dropped.c.count == bindparam("known"),
    )
    .values(count=bindparam("new"))
)

UNLESS_THERE = Unless(FIND, lambda rows: [{"of_site": 1, "of_reason": one["reason"]} for one in rows])

on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite has no round trips

Step = tuple[str, int, int]
"""A counter's name, what it is thought to be, and what it shall be."""


def row(reason: str, count: int = 0) -> dict[str, Any]:
    return {"site_id": 1, "day": "2026-11-02", "reason": reason, "count": count}


async def replace(tx: Tx, *steps: Step) -> None:
    changes = [{"of_site": 1, "of_reason": name, "known": known, "new": new} for name, known, new in steps]
    await tx.change_each(REPLACE, changes, or_refused=True)


async def replace_all(tx: Tx, steps: Sequence[Step]) -> Sequence[Step]:
    await replace(tx, *steps)
    return steps


async def together(services: Services, *steps: Step) -> list[Any]:
    answers = (services.db.batch_together(replace_all, step, beside=True) for step in steps)
    return await asyncio.gather(*answers, return_exceptions=True)


async def counts(services: Services) -> dict[str, int]:
    async with services.db.read() as tx:
        rows = (await tx.execute(select(dropped.c.reason, dropped.c.count))).all()
    return dict([tuple(row) for row in rows])


async def prepare(services: Services, *names: str) -> None:
    async with services.db.write() as tx:
        await tx.append(ADD, [row(name) for name in names])


async def test_a_transaction_hears_at_once_that_a_row_is_not_there_and_can_go_on(services: Services) -> None:
    await prepare(services, "a", "b")
    async with services.db.write() as tx:
        with pytest.raises(Refused):
            await replace(tx, ("a", 0, 5), ("missing", 0, 5))
        with pytest.raises(Refused):
            await replace(tx, ("b", 9, 5))
        await replace(tx, ("a", 0, 1), ("a", 0, 1), ("b", 0, 2))
    assert await counts(services) == {"a": 1, "b": 2}


async def test_of_a_batch_only_the_refused_piece_is_not_written(services: Services) -> None:
    await prepare(services, "a", "b", "c")

    async def add_and_replace(tx: Tx, step: Step) -> Step:
        await tx.append(ADD, [row(f"beside {step[0]}")])
        await replace(tx, ("c", 0, 7), step)
        return step

    answers = await asyncio.gather(
        services.db.batch(lambda tx: replace_all(tx, [("a", 0, 1)])),
        services.db.batch(lambda tx: add_and_replace(tx, ("missing", 0, 1))),
        services.db.batch(lambda tx: replace_all(tx, [("b", 0, 2)])),
        return_exceptions=True,
    )
    assert [type(one) for one in answers] == [list, Refused, list]
    assert await counts(services) == {"a": 1, "b": 2, "c": 0}


@pytest.mark.parametrize("number", [1, 2, 40])
async def test_of_what_is_done_together_only_the_refused_is_not_written(services: Services, number: int) -> None:
    names = [f"r{n}" for n in range(number)]
    await prepare(services, *names)
    steps: list[Step] = [(name, 0, at + 1) for at, name in enumerate(names)]
    assert await together(services, *steps) == steps
    again: list[Step] = [(name, 99 if name == "r0" else at + 1, 100) for at, name in enumerate(names)]
    answers = await together(services, *again)
    assert isinstance(answers[0], Refused)
    assert answers[1:] == again[1:]
    assert await counts(services) == {name: 1 if name == "r0" else 100 for name in names}


async def test_a_piece_that_is_refused_can_write_otherwise(services: Services) -> None:
    await prepare(services, "a")

    async def raise_it(tx: Tx, by: int) -> int:
        with contextlib.suppress(Refused):
            await replace(tx, ("a", 0, by))
            return by
        ((known,),) = await tx.fetch(FIND, {"of_site": 1, "of_reason": "a"})
        await replace(tx, ("a", known, known + by))
        return int(known + by)

    answers = await asyncio.gather(*(services.db.batch(lambda tx, by=by: raise_it(tx, by)) for by in (1, 2, 4)))
    assert answers == [1, 3, 7]
    assert await counts(services) == {"a": 7}


async def test_no_piece_takes_the_refusal_of_another_for_its_own(services: Services) -> None:
    """To write its own change, the second has those of the first written, which are refused."""
    await prepare(services, "b")

    async def replace_if_there(tx: Tx) -> str:
        try:
            await replace(tx, ("b", 0, 2))
        except Refused:
            return "not there"
        return "there"

    first, second = await asyncio.gather(
        services.db.batch(lambda tx: replace_all(tx, [("missing", 0, 1)])),
        services.db.batch(replace_if_there),
        return_exceptions=True,
    )
    assert isinstance(first, Refused)
    assert second == "there"
    assert await counts(services) == {"b": 2}


async def test_a_change_that_may_meet_nothing_still_may(services: Services) -> None:
    await prepare(services, "a")

    async def work(tx: Tx) -> None:
        await replace(tx, ("a", 0, 1))
        await tx.change_each(REPLACE, [{"of_site": 1, "of_reason": "missing", "known": 0, "new": 1}])

    await services.db.batch(work)
    async with services.db.write() as tx:
        await tx.change_each(REPLACE, [{"of_site": 1, "of_reason": "missing", "known": 0, "new": 1}])
    assert await counts(services) == {"a": 1}


@on_postgresql
async def test_it_is_part_of_the_one_statement_whatever_the_number_of_rows(services: Services) -> None:
    kept: list[str] = []

    await prepare(services, *(f"r{n}" for n in range(30)))

    @event.listens_for(services.db.sync_engine, "before_cursor_execute")
    def keep(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        kept.append(statement)

    try:
        await asyncio.gather(*(services.db.batch_together(replace_all, (f"r{n}", 0, 1)) for n in range(20)))
        await asyncio.gather(*(services.db.batch_together(replace_all, (f"r{n}", 0, 1)) for n in range(20, 23)))
    finally:
        event.remove(services.db.sync_engine, "before_cursor_execute", keep)
    assert len(kept) == 2
    assert len(set(kept)) == 1
    assert sum((await counts(services)).values()) == 23


async def test_rows_that_must_be_there_and_others_that_must_not_go_into_one_batch(services: Services) -> None:
    async def write(tx: Tx, name: str, new: str) -> str:
        await replace(tx, (name, 0, 1))
        await tx.append(ADD, [row(new)], UNLESS_THERE)
        return new

    await prepare(services, "a", "b", "c")
    tried = [("a", "x"), ("missing", "y"), ("b", "c"), ("c", "z")]
    answers = await asyncio.gather(
        *(services.db.batch(lambda tx, name=name, new=new: write(tx, name, new)) for name, new in tried),
        return_exceptions=True,
    )
    assert [one if isinstance(one, str) else type(one) for one in answers] == ["x", Refused, Refused, "z"]
    assert await counts(services) == {"a": 1, "b": 0, "c": 1, "x": 0, "z": 0}


OTHER_PROCESS = """
import asyncio, sys
from tests.floor.test_refused import count_up
from wherefrom.db import Database

async def main():
    db = Database(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    await count_up(db)
    await db.close()

asyncio.run(main())
"""
COUNTERS = 6


async def count_up(db: Database) -> None:
    """Raises each counter thirty times, by what was read of it some time before: who was overtaken reads anew."""

    async def raise_one(name: str) -> None:
        raised = 0
        while raised < 30:
            async with db.read() as tx:
                ((known,),) = await tx.fetch(FIND, {"of_site": 1, "of_reason": name})
            with contextlib.suppress(Refused):
                await db.batch_together(replace_all, (name, known, known + 1), beside=True)
                raised += 1

    await asyncio.gather(*(raise_one(f"r{n}") for n in range(COUNTERS)))


async def test_what_two_processes_change_at_once_by_what_they_know_is_lost_by_neither(services: Services) -> None:
    await prepare(services, *(f"r{n}" for n in range(COUNTERS)))
    async with other_process(OTHER_PROCESS, services.settings.database.url):
        await count_up(services.db)
    assert await counts(services) == {f"r{n}": 60 for n in range(COUNTERS)}
