"""Two batches under way at once, on PostgreSQL: what they see of each other, and what the trouble of one does to the
other."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import pytest
from sqlalchemy import Integer, bindparam, func, select, text, update
from sqlalchemy.exc import DBAPIError

from wherefrom.db import Database, Prepared, Refused, Tx, Unless
from wherefrom.db.batch import Batcher
from wherefrom.db.piece import Piece
from wherefrom.errors import Unavailable
from wherefrom.services import Services
from wherefrom.visits.tables import dropped

ADD = Prepared(dropped.insert())
COUNT = Prepared(select(dropped.c.count).where(dropped.c.reason == bindparam("of_reason")))
LOCK = Prepared(select(dropped.c.count).where(dropped.c.reason == bindparam("of_reason")).with_for_update())
RAISE = Prepared(
    update(dropped).where(dropped.c.reason == bindparam("of_reason")).values(count=dropped.c.count + bindparam("by"))
)

T = TypeVar("T")

WHO_WAIT = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

OF_SITE = dropped.c.site_id == bindparam("of_site")
FIND = Prepared(select(dropped.c.reason).where(OF_SITE, dropped.c.reason == bindparam("of_reason")))
DIVIDE = Prepared(select(dropped.c.count / bindparam("by", type_=Integer())).where(OF_SITE))

on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite has one writer


def row(reason: str, count: int = 0) -> dict[str, Any]:
    return {"site_id": 1, "day": "2026-11-02", "reason": reason, "count": count}


async def add(tx: Tx, reason: str) -> str:
    await tx.append(ADD, [row(reason)])
    return reason


async def raise_it(tx: Tx, reason: str) -> str:
    """Locks the row first."""
    assert await tx.fetch(LOCK, {"of_reason": reason})
    await tx.change(RAISE, {"of_reason": reason, "by": 1})
    return reason


async def run_each(tx: Tx, works: Sequence[Callable[[Tx], Awaitable[Any]]]) -> list[Any]:
    return [await work(tx) for work in works]


async def beside(db: Database, work: Callable[[Tx], Awaitable[T]]) -> T:
    """As ``Database.batch``, of work that may be written while other is."""
    answer: T = await db.batch_together(run_each, work, beside=True)
    return answer


async def counts(services: Services) -> dict[str, int]:
    async with services.db.read() as tx:
        rows = (await tx.execute(select(dropped.c.reason, dropped.c.count))).all()
    return dict([tuple(row) for row in rows])


class Held:
    """Work that goes on when it is let go; ``begun`` says that it is under way."""

    def __init__(self, work: Callable[[Tx], Awaitable[Any]]) -> None:
        self.begun, self.let_go = asyncio.Event(), asyncio.Event()
        self._work = work

    async def __call__(self, tx: Tx) -> Any:
        answer = await self._work(tx)
        self.begun.set()
        await self.let_go.wait()
        return answer


@on_postgresql
async def test_a_batch_is_written_while_another_is_under_way(services: Services) -> None:
    held = Held(lambda tx: add(tx, "first"))
    first = asyncio.create_task(beside(services.db, held))
    async with asyncio.timeout(20):
        await held.begun.wait()
        assert await beside(services.db, lambda tx: add(tx, "second")) == "second"
        assert await counts(services) == {"second": 0}
        held.let_go.set()
        assert await first == "first"
    assert await counts(services) == {"first": 0, "second": 0}


@on_postgresql
async def test_work_that_does_not_say_so_is_in_one_batch_at_a_time(services: Services) -> None:
    """So that it sees what came before it. What says so overtakes it."""
    held = Held(lambda tx: add(tx, "first"))
    first = asyncio.create_task(services.db.batch(held))
    async with asyncio.timeout(20):
        await held.begun.wait()
        second = asyncio.create_task(services.db.batch(count_all))
        assert await beside(services.db, lambda tx: add(tx, "overtaking")) == "overtaking"
        assert await beside(services.db, count_all) == 1
        assert not second.done()
        held.let_go.set()
        assert await first == "first"
        assert await second == 2


async def count_all(tx: Tx) -> int:
    return int(await tx.scalar(select(func.count()).select_from(dropped)))


@on_postgresql
async def test_a_third_batch_waits_for_one_of_two(services: Services) -> None:
    helds = [Held(lambda tx, n=n: add(tx, f"r{n}")) for n in range(3)]
    writing = []
    async with asyncio.timeout(20):
        for held in helds[:2]:
            writing.append(asyncio.create_task(beside(services.db, held)))
            await held.begun.wait()
        writing.append(asyncio.create_task(beside(services.db, helds[2])))
        assert await counts(services) == {}
        assert services.db.waiting == 1
        helds[0].let_go.set()
        await helds[2].begun.wait()
        helds[1].let_go.set()
        helds[2].let_go.set()
        assert await asyncio.gather(*writing) == ["r0", "r1", "r2"]


@on_postgresql
async def test_one_row_in_two_batches_is_changed_by_one_after_the_other(services: Services) -> None:
    async with services.db.write() as tx:
        await add(tx, "one")
    held = Held(lambda tx: raise_it(tx, "one"))
    first = asyncio.create_task(beside(services.db, held))
    async with asyncio.timeout(20):
        await held.begun.wait()
        second = asyncio.create_task(beside(services.db, lambda tx: raise_it(tx, "one")))
        await until_one_waits_for_a_lock(services)
        held.let_go.set()
        assert await asyncio.gather(first, second) == ["one", "one"]
    assert await counts(services) == {"one": 2}


async def until_one_waits_for_a_lock(services: Services) -> None:
    while True:
        async with services.db.read() as tx:
            if (await tx.exec_driver_sql(WHO_WAIT)).scalar():
                return
        await asyncio.sleep(0.02)


@on_postgresql
async def test_two_batches_that_deadlock_are_both_written_once(services: Services) -> None:
    async with services.db.write() as tx:
        await tx.append(ADD, [row("x"), row("y")])
    met = asyncio.Barrier(2)
    runs: list[str] = []
    begun = asyncio.Event()

    def crossing(first: str, second: str) -> Callable[[Tx], Awaitable[str]]:
        async def work(tx: Tx) -> str:
            runs.append(first)
            begun.set()
            await raise_it(tx, first)
            if runs.count(first) == 1:
                await met.wait()  # now each holds what the other wants next
            return await raise_it(tx, second)

        return work

    async with asyncio.timeout(30):
        one = asyncio.create_task(beside(services.db, crossing("x", "y")))
        await begun.wait()
        assert await asyncio.gather(one, beside(services.db, crossing("y", "x"))) == ["y", "x"]
    assert sorted((runs.count("x"), runs.count("y"))) == [1, 2]  # one of the two began again
    assert await counts(services) == {"x": 2, "y": 2}


@on_postgresql
async def test_a_connection_that_is_lost_is_the_trouble_of_one_batch_alone(services: Services) -> None:
    async def lose(tx: Tx) -> None:
        await add(tx, "lost")
        await tx.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    held = Held(lambda tx: raise_it(tx, "one"))
    async with services.db.write() as tx:
        await add(tx, "one")
    first = asyncio.create_task(beside(services.db, held))
    async with asyncio.timeout(20):
        await held.begun.wait()
        with pytest.raises(Exception, match=r"closed|terminat"):
            await beside(services.db, lose)
        held.let_go.set()
        assert await first == "one"
        helds = [Held(lambda tx, n=n: add(tx, f"r{n}")) for n in range(2)]
        writing = []
        for again in helds:  # both lanes go on
            writing.append(asyncio.create_task(beside(services.db, again)))
            await again.begun.wait()
            again.let_go.set()
        await asyncio.gather(*writing)
    assert await counts(services) == {"one": 1, "r0": 0, "r1": 0}


@on_postgresql
async def test_closing_waits_for_both_and_for_what_still_waits(services: Services) -> None:
    db = Database(services.settings.database.url)
    helds = [Held(lambda tx, n=n: add(tx, f"r{n}")) for n in range(2)]
    writing = []
    async with asyncio.timeout(20):
        for held in helds:
            writing.append(asyncio.create_task(beside(db, held)))
            await held.begun.wait()
        writing.append(asyncio.create_task(beside(db, lambda tx: add(tx, "r2"))))
        await asyncio.sleep(0)
        closing = asyncio.create_task(db.close())
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="shutting down"):
            await beside(db, lambda tx: add(tx, "late"))
        for held in helds:
            held.let_go.set()
        assert await asyncio.gather(*writing) == ["r0", "r1", "r2"]
        await closing
    assert await counts(services) == {"r0": 0, "r1": 0, "r2": 0}


@on_postgresql
async def test_who_went_away_while_two_are_under_way_is_not_written(services: Services) -> None:
    helds = [Held(lambda tx, n=n: add(tx, f"r{n}")) for n in range(2)]
    writing = []
    async with asyncio.timeout(20):
        for held in helds:
            writing.append(asyncio.create_task(beside(services.db, held)))
            await held.begun.wait()
        gone = asyncio.create_task(beside(services.db, lambda tx: add(tx, "gone")))
        await asyncio.sleep(0)
        gone.cancel()
        writing[0].cancel()  # whose rows are written all the same
        for held in helds:
            held.let_go.set()
        await asyncio.gather(*writing, gone, return_exceptions=True)
        await beside(services.db, lambda tx: add(tx, "after"))
    assert await counts(services) == {"r0": 0, "r1": 0, "after": 0}


async def count(tx: Tx) -> int:
    return len(await tx.fetch(COUNT, {"of_reason": "one"}))


async def recall(tx: Tx) -> int:
    return await tx.recall(dropped, "key", lambda: count(tx), may_be_old=True)


@on_postgresql
@pytest.mark.parametrize("fails", [False, True])
async def test_what_a_batch_recalls_of_its_own_rows_is_known_to_nobody_before_they_are_written(
    services: Services, fails: bool
) -> None:
    async def add_and_recall(tx: Tx) -> int:
        await add(tx, "one")
        return await recall(tx)

    held = Held(add_and_recall)

    async def work(tx: Tx) -> int:
        answer = await held(tx)
        if fails:
            raise LookupError
        return int(answer)

    assert await beside(services.db, recall) == 0
    first = asyncio.create_task(beside(services.db, work))
    async with asyncio.timeout(20):
        await held.begun.wait()
        assert await beside(services.db, recall) == 0
        held.let_go.set()
        (answer,) = await asyncio.gather(first, return_exceptions=True)
        assert isinstance(answer, LookupError) if fails else answer == 1
        assert await beside(services.db, recall) == (0 if fails else 1)


@on_postgresql
async def test_an_answer_of_before_is_not_kept_when_another_batch_has_written_since_it_was_asked(
    services: Services,
) -> None:
    held = Held(count)

    async def recall_slowly(tx: Tx) -> int:
        return await tx.recall(dropped, "key", lambda: held(tx), may_be_old=True)

    first = asyncio.create_task(beside(services.db, recall_slowly))
    async with asyncio.timeout(20):
        await held.begun.wait()
        await beside(services.db, lambda tx: add(tx, "one"))
        held.let_go.set()
        assert await first == 0
        assert await beside(services.db, recall) == 1


def ask_for_each(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"of_site": one["site_id"], "of_reason": one["reason"]} for one in rows]


UNLESS_THERE = Unless(FIND, ask_for_each)


@pytest.mark.parametrize("number", [1, 3, 12])
async def test_rows_that_a_check_refuses_are_not_written_whether_looked_for_before_or_with_them(
    services: Services, number: int
) -> None:
    """On PostgreSQL a few are looked for by the statement that writes."""

    async def add_unless_there(tx: Tx, names: Sequence[str]) -> Sequence[str]:
        answers = []
        for name in names:
            try:
                await tx.append(ADD, [row(name)], UNLESS_THERE)
            except Refused:
                answers.append(f"{name} is there")
            else:
                answers.append(name)
        return answers

    names = [f"r{n}" for n in range(number)]
    for before in (set(), {"r0"}, set(names)):
        async with services.db.write() as tx:
            await tx.execute(dropped.delete())
            await tx.append(ADD, [row(name, 7) for name in before])
        answers = await asyncio.gather(*(services.db.batch_together(add_unless_there, name) for name in names))
        assert answers == [f"{name} is there" if name in before else name for name in names]
        assert await counts(services) == {name: 7 if name in before else 0 for name in names}


@on_postgresql
async def test_a_division_by_zero_that_no_check_made_is_told_to_whose_it_is(services: Services) -> None:
    async def divide(tx: Tx) -> None:
        await tx.append(ADD, [row("divided")], UNLESS_THERE)
        await tx.fetch(DIVIDE, {"of_site": 1, "by": 0})

    results = await asyncio.gather(
        beside(services.db, lambda tx: add(tx, "before")), beside(services.db, divide), return_exceptions=True
    )
    assert results[0] == "before"
    assert isinstance(results[1], DBAPIError)
    assert await counts(services) == {"before": 0}


@on_postgresql
async def test_a_statement_that_takes_too_long_is_given_up_with_its_connection(services: Services) -> None:
    db = Database(services.settings.database.url, patience=0.5)
    try:
        async with services.db.write() as tx:
            await tx.execute(text("LOCK TABLE dropped IN ACCESS EXCLUSIVE MODE"))
            with pytest.raises((Unavailable, DBAPIError)):
                await beside(db, lambda tx: add(tx, "one"))
        assert await beside(db, lambda tx: add(tx, "two")) == "two"
    finally:
        await db.close()
    assert await counts(services) == {"two": 0}


class Counting:
    """Ways that write nothing, and are let go by hand."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.under_way: list[asyncio.Event] = []

    async def commit_together(self, batch: list[Piece]) -> None:
        let_go = asyncio.Event()
        self.sizes.append(len(batch))
        self.under_way.append(let_go)
        await let_go.wait()

    async def commit_again(self, *_: Any) -> None:
        raise AssertionError


async def test_beside_another_batch_only_one_of_its_size_begins() -> None:
    """Each batch has its price, so tiny ones beside a large one would cost more than they gain."""

    async def work(_tx: Tx, items: Sequence[int]) -> Sequence[int]:
        return items

    lanes = Counting(), Counting()
    batcher = Batcher(lanes, lambda _fault: None)
    waiting = [asyncio.create_task(batcher.join(work, n, beside=True)) for n in range(20)]
    await turns()
    assert [lane.sizes for lane in lanes] == [[20], []]
    waiting += [asyncio.create_task(batcher.join(work, n, beside=True)) for n in range(19)]
    await turns()
    assert [lane.sizes for lane in lanes] == [[20], []]
    waiting += [asyncio.create_task(batcher.join(work, 19, beside=True))]
    await turns()
    assert [lane.sizes for lane in lanes] == [[20], [20]]
    waiting += [asyncio.create_task(batcher.join(work, 0, beside=True))]
    lanes[0].under_way.pop().set()
    await turns()
    assert [lane.sizes for lane in lanes] == [[20], [20]]
    lanes[1].under_way.pop().set()  # nothing is under way any more: what waits begins, however few
    await turns()
    assert sum([*lanes[0].sizes, *lanes[1].sizes]) == 41
    for lane in lanes:
        for let_go in lane.under_way:
            let_go.set()
    await asyncio.gather(*waiting)
    await batcher.close()


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)
