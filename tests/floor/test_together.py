"""Work that is done for many at once: what they ask and write together, and what a fault of one does to the others."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, event, select, update

from wherefrom.db import Database, Prepared, Refused, Tx, Unless, pace
from wherefrom.services import Services
from wherefrom.sites.tables import host
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
RENAME = Prepared(update(host).where(host.c.site_id == bindparam("of_site")).values(name=bindparam("name")))

on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite has no round trips

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL has no thread of the writer

Counted = tuple[str, int]


async def count_all(tx: Tx, items: Sequence[Counted]) -> list[int]:
    """What was counted of each so far; as much more is counted. The second of one name waits for the first."""
    answers: dict[int, int] = {}
    waiting = list(enumerate(items))
    while waiting:
        turn = {name: (at, by) for at, (name, by) in reversed(waiting)}
        waiting = [(at, item) for at, item in waiting if turn[item[0]][0] != at]
        found = await tx.fetch_each(FIND, [{"of_site": 1, "of_reason": name} for name in turn])
        new, more = [], []
        for (name, (at, by)), rows in zip(turn.items(), found, strict=True):
            if name == "failing":
                raise LookupError(name)
            answers[at] = int(rows[0][0]) if rows else 0
            if rows:
                more.append({"of_site": 1, "of_reason": name, "by": by})
            else:
                new.append({"site_id": 1, "day": "2026-11-02", "reason": name, "count": by})
        await tx.append(ADD, new, refuse_some)
        await tx.change_each(RAISE, more)
    return [answers[at] for at in range(len(items))]


def ask_of_none(rows: Sequence[Any]) -> list[Any]:
    if any(row["reason"] == "refused" for row in rows):
        raise Refused("not this one")
    return []


refuse_some = Unless(FIND, ask_of_none)


async def count_together(services: Services, items: Sequence[Counted]) -> list[Any]:
    counting = (services.db.batch_together(count_all, item) for item in items)
    return await asyncio.gather(*counting, return_exceptions=True)


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
@given(items=st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 3)), min_size=1, max_size=90))
async def test_what_is_counted_together_is_counted_as_if_one_by_one(services: Services, items: list[Counted]) -> None:
    async with services.db.write() as tx:
        await tx.execute(dropped.delete())
    answers = await count_together(services, items)
    totals: dict[str, int] = {}
    for (name, by), answer in zip(items, answers, strict=True):
        assert answer == totals.get(name, 0)
        totals[name] = totals.get(name, 0) + by
    assert await counts(services) == totals


@on_postgresql
async def test_what_many_ask_and_change_is_a_statement_each(services: Services) -> None:
    names = [f"r{number}" for number in range(20)]
    with statements(services) as kept:
        assert await count_together(services, [(name, 1) for name in names]) == [0] * 20
        assert await count_together(services, [(name, 5) for name in names]) == [1] * 20
    writes = ["INSERT", "UPDATE"]
    expected = [one for write in writes for one in ("BEGIN", "SELECT", write, "COMMIT")]  # the SELECT locks rows
    assert [one.split()[0] for one in kept] == expected
    assert await counts(services) == dict.fromkeys(names, 6)


@on_postgresql
async def test_what_many_append_and_change_is_one_statement_for_all_tables(services: Services) -> None:
    async def write(tx: Tx, numbers: Sequence[int]) -> Sequence[int]:
        await tx.append(ADD, [{"site_id": 1, "day": "2026-11-02", "reason": f"r{n}", "count": n} for n in numbers])
        await tx.change_each(RENAME, [{"of_site": n, "name": f"{n}.example"} for n in numbers])
        return numbers

    async with services.db.write() as tx:
        await tx.execute(host.insert(), [{"site_id": n, "name": "shop.example"} for n in range(30)])
    with statements(services) as kept:
        answers = await asyncio.gather(*(services.db.batch_together(write, n) for n in range(20)))
    assert answers == list(range(20))
    assert [one.split()[0] for one in kept] == ["WITH"]
    assert await counts(services) == {f"r{n}": n for n in range(20)}
    async with services.db.read() as tx:
        names = (await tx.scalars(select(host.c.name).order_by(host.c.site_id))).all()
    assert names == [f"{n}.example" for n in range(20)] + ["shop.example"] * 10


@pytest.mark.parametrize("fault", ["failing", "refused"])
async def test_a_fault_of_one_undoes_it_alone_and_the_others_are_written_once(services: Services, fault: str) -> None:
    answers = await count_together(services, [("a", 1), (fault, 1), ("b", 2), ("a", 3)])
    assert answers[:1] + answers[2:] == [0, 0, 1]
    assert isinstance(answers[1], LookupError if fault == "failing" else Refused)
    assert await counts(services) == {"a": 4, "b": 2}


async def test_other_work_of_the_batch_is_done_too(services: Services) -> None:
    async def add(tx: Tx, name: str) -> str:
        await tx.append(ADD, [{"site_id": 1, "day": "2026-11-02", "reason": name, "count": 1}])
        return name

    answers = await asyncio.gather(
        services.db.batch_together(count_all, ("a", 1)),
        services.db.batch(lambda tx: add(tx, "x")),
        services.db.batch_together(count_all, ("a", 1)),
        services.db.batch(lambda tx: add(tx, "y")),
    )
    assert answers == [0, "x", 1, "y"]
    assert await counts(services) == {"a": 2, "x": 1, "y": 1}


@on_sqlite
async def test_the_event_loop_goes_on_while_another_process_holds_the_file(services: Services) -> None:
    """Were the wait for the file in the event loop, the file would not be let go before the wait is over."""
    await count_together(services, [("before", 1)])
    other = sqlite3.connect(services.settings.database.url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(count_together(services, [("late", 1), ("late", 2)]))
        assert await counts(services) == {"before": 1}
        assert not waiting.done()
        other.execute("COMMIT")
        assert await waiting == [0, 1]
    finally:
        other.close()
    assert await count_together(services, [("late", 3)]) == [3]
    assert await counts(services) == {"before": 1, "late": 6}


@on_sqlite
async def test_after_a_batch_that_took_long_the_next_ones_ask_in_the_writers_thread(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a disk that is slow to read holds up the event loop once a while at most."""
    monkeypatch.setattr(pace, "QUICK", 0.0001)
    monkeypatch.setattr(pace, "LONGEST_REST", 1.0)
    ran: list[bool] = []

    async def dawdle(tx: Tx, items: Sequence[int]) -> Sequence[int]:
        await tx.fetch(FIND, {"of_site": 1, "of_reason": "any"})
        ran.append(threading.current_thread() is threading.main_thread())
        time.sleep(0.001)  # noqa: ASYNC251 - as a disk would
        return items

    await services.db.batch_together(dawdle, 1)
    assert ran == [True]
    async with asyncio.timeout(60):
        while ran[-1]:  # a busy machine may take longer for the next one than the first rests are
            await services.db.batch_together(dawdle, 1)
        while not ran[-1]:
            await asyncio.sleep(0.05)
            await services.db.batch_together(dawdle, 1)


@on_sqlite
async def test_what_another_process_wrote_is_asked_anew_in_the_event_loop_too(services: Services) -> None:
    async def count(tx: Tx) -> int:
        return len(await tx.fetch(FIND, {"of_site": 1, "of_reason": "one"}))

    async def recall(tx: Tx, items: Sequence[int]) -> list[int]:
        return [await tx.recall(dropped, "key", lambda: count(tx)) for _ in items]

    assert await services.db.batch_together(recall, 1) == 0
    assert await services.db.batch_together(recall, 1) == 0
    other = Database(services.settings.database.url)
    try:
        await other.batch_together(count_all, ("one", 1))
        assert await services.db.batch_together(recall, 1) == 1
    finally:
        await other.close()


async def test_who_all_wait_at_once_are_written_by_halves_so_that_the_next_batch_is_as_large(
    services: Services,
) -> None:
    """Else the disk and the processor would take turns: all are answered, then all ask again."""
    sizes: list[int] = []

    async def note(tx: Tx, items: Sequence[int]) -> Sequence[int]:
        sizes.append(len(items))
        await tx.fetch(FIND, {"of_site": 1, "of_reason": "any"})
        return items

    async def ask_again_and_again(number: int) -> None:
        for _ in range(5):
            assert await services.db.batch_together(note, number) == number

    await asyncio.gather(*(ask_again_and_again(number) for number in range(60)))
    assert sum(sizes) == 300
    assert max(sizes) <= 32


async def test_who_is_told_by_a_call_hears_the_answer_or_the_fault_once_and_not_when_given_up(
    services: Services,
) -> None:
    heard: list[tuple[str, Any, Exception | None]] = []
    last = asyncio.Event()

    def hear(name: str, answer: Any, fault: Exception | None) -> None:
        heard.append((name, answer, fault))
        if name == "last":
            last.set()

    for name in ("a", "failing", "given up", "last"):
        handed_in = services.db.hand_in(count_all, (name, 1), lambda *told, name=name: hear(name, *told))
        handed_in.given_up = name == "given up"
    async with asyncio.timeout(60):
        await last.wait()
    assert [(name, answer, type(fault)) for name, answer, fault in heard] == [
        ("a", 0, type(None)),
        ("failing", None, LookupError),
        ("last", 0, type(None)),
    ]
    assert await counts(services) == {"a": 1, "last": 1}
