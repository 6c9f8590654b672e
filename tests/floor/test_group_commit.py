"""The group commit: what pieces of one batch see of each other, and what becomes of those that may not be written."""

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError

from tests.support.processes import other_process
from wherefrom.db import Database, Prepared, Refused, Tx, Unless
from wherefrom.db.keys import among
from wherefrom.db.sqlite import Suspended
from wherefrom.errors import Unavailable
from wherefrom.services import Services
from wherefrom.sites.tables import host
from wherefrom.visits.tables import dropped

ADD = Prepared(dropped.insert())
COUNT = Prepared(select(dropped.c.count).where(dropped.c.reason == bindparam("of_reason")))
RAISE = Prepared(
    update(dropped).where(dropped.c.reason == bindparam("of_reason")).values(count=dropped.c.count + bindparam("by"))
)
ADD_HOST = Prepared(host.insert())

on_sqlite = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL has no thread of the writer


def row(reason: str, count: int = 1) -> dict[str, Any]:
    return {"site_id": 1, "day": "2026-11-02", "reason": reason, "count": count}


async def add(tx: Tx, reason: str) -> str:
    await tx.append(ADD, [row(reason)])
    return reason


def adding(reason: str) -> Callable[[Tx], Awaitable[str]]:
    return lambda tx: add(tx, reason)


async def counts(services: Services) -> dict[str, int]:
    async with services.db.read() as tx:
        rows = (await tx.execute(select(dropped.c.reason, dropped.c.count))).all()
    return dict([tuple(row) for row in rows])


async def together(services: Services, *works: Callable[[Tx], Awaitable[Any]]) -> list[Any]:
    """The answers or faults of pieces that share one batch."""
    return await asyncio.gather(*(services.db.batch(work) for work in works), return_exceptions=True)


async def test_a_piece_sees_what_the_one_before_appended(services: Services) -> None:
    async def by_prepared(tx: Tx) -> list[Any]:
        return await tx.fetch(COUNT, {"of_reason": "first"})

    async def by_any_statement(tx: Tx) -> Any:
        return await tx.scalar(select(dropped.c.reason).where(dropped.c.reason == "second"))

    async def raise_it(tx: Tx) -> int:
        return await tx.change(RAISE, {"of_reason": "third", "by": 4})

    answers = await together(
        services,
        lambda tx: add(tx, "first"),
        by_prepared,
        lambda tx: add(tx, "second"),
        by_any_statement,
        lambda tx: add(tx, "third"),
        raise_it,
    )
    assert answers == ["first", [(1,)], "second", "second", "third", 1]
    assert await counts(services) == {"first": 1, "second": 1, "third": 5}


async def test_rows_of_several_tables_and_pieces_are_all_written(services: Services) -> None:
    async def both(tx: Tx, number: int) -> int:
        await tx.append(ADD, [row(f"r{number}", number), row(f"again{number}", number)])
        await tx.append(ADD_HOST, [{"site_id": number, "name": "shop.example"}])
        return number

    answers = await together(services, *(lambda tx, n=n: both(tx, n) for n in range(200)))
    assert answers == list(range(200))
    assert len(await counts(services)) == 400
    async with services.db.read() as tx:
        assert set((await tx.scalars(select(host.c.site_id))).all()) == set(range(200))


async def test_a_piece_whose_rows_cannot_be_written_undoes_itself_alone(services: Services) -> None:
    """Its rows are written with those of the others, so it is known only afterwards whose they were."""
    runs: Counter[str] = Counter()

    async def noted(tx: Tx, reason: str, stored: str) -> str:
        runs[reason] += 1
        await add(tx, reason)
        return await add(tx, stored)

    results = await together(
        services,
        lambda tx: noted(tx, "before", "b"),
        lambda tx: noted(tx, "half", "half"),
        lambda tx: noted(tx, "after", "a"),
    )
    assert isinstance(results[1], IntegrityError)
    assert results[::2] == ["b", "a"]
    assert set(await counts(services)) == {"before", "b", "after", "a"}
    assert max(runs.values()) == 2  # together, and apart


async def test_a_fault_alone_in_its_batch_is_met_once(services: Services) -> None:
    runs: list[str] = []

    async def fail(tx: Tx) -> None:
        runs.append(await add(tx, "nothing"))
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await services.db.batch(fail)
    assert (runs, await counts(services)) == (["nothing"], {})


def ask_who_is_known(rows: Sequence[Any]) -> list[dict[str, Any]]:
    names = [one["reason"] for one in rows]
    if len(set(names)) < len(names):
        raise Refused
    return [{"of_site": 1, "names": names}]


OF_NAMES = select(dropped.c.reason).where(dropped.c.site_id == bindparam("of_site"), among(dropped.c.reason, "names"))
refuse_known = Unless(Prepared(OF_NAMES), ask_who_is_known)


async def test_what_a_check_refuses_can_be_written_otherwise(services: Services) -> None:
    """Three pieces of one batch want one name: each hears of it in its own turn."""

    async def add_named(tx: Tx, *names: str) -> str:
        for name in names:
            try:
                await tx.append(ADD, [row(name)], refuse_known)
            except Refused:
                continue
            return name
        raise LookupError(names)

    results = await together(
        services,
        lambda tx: add_named(tx, "x", "y"),
        lambda tx: add_named(tx, "x", "y", "z"),
        lambda tx: add_named(tx, "x"),
        lambda tx: add_named(tx, "x", "y", "z"),
    )
    assert (results[0], results[1], results[3]) == ("x", "y", "z")
    assert isinstance(results[2], LookupError)
    assert await counts(services) == {"x": 1, "y": 1, "z": 1}
    assert await services.db.batch(lambda tx: add_named(tx, "x", "alone")) == "alone"
    async with services.db.write() as tx:
        assert await add_named(tx, "x", "by itself") == "by itself"


async def test_what_is_recalled_is_asked_once_a_batch_and_anew_after_a_write(services: Services) -> None:
    asked: list[int] = []

    async def ask(tx: Tx) -> int:
        rows = await tx.fetch(COUNT, {"of_reason": "one"})
        asked.append(len(rows))
        return len(rows)

    async def recall(tx: Tx) -> int:
        return await tx.recall(dropped, "key", lambda: ask(tx))

    answers = await together(services, recall, recall, lambda tx: add(tx, "one"), recall, recall)
    assert answers in ([0, 0, "one", 1, 1], [1, 1, "one", 1, 1])  # SQLite lets those that ask nothing go first
    assert asked == sorted({one for one in answers if isinstance(one, int)})
    async with services.db.write() as tx:
        await tx.execute(dropped.delete())
    assert await together(services, recall, recall) == [0, 0]
    assert asked[-1:] == [0]


@on_sqlite
async def test_what_another_process_wrote_is_asked_anew(services: Services) -> None:
    async def recall(tx: Tx) -> int:
        return await tx.recall(dropped, "key", lambda: count(tx))

    async def count(tx: Tx) -> int:
        return len(await tx.fetch(COUNT, {"of_reason": "one"}))

    assert await services.db.batch(recall) == 0
    other = Database(services.settings.database.url)
    try:
        await other.batch(lambda tx: add(tx, "one"))
        assert await services.db.batch(recall) == 1
    finally:
        await other.close()


@on_sqlite
async def test_what_was_begun_on_an_answer_of_before_is_begun_anew_and_written_once(services: Services) -> None:
    async def count(tx: Tx) -> int:
        return len(await tx.fetch(COUNT, {"of_reason": "one"}))

    async def append_what_is_known(tx: Tx, reason: str) -> int:
        known = await tx.recall(host, "key", lambda: count(tx))
        await tx.append(ADD, [row(reason, known + 10)])
        return known

    assert await services.db.batch(lambda tx: append_what_is_known(tx, "before")) == 0
    other = Database(services.settings.database.url)
    try:
        await other.batch(lambda tx: add(tx, "one"))
    finally:
        await other.close()
    works = [lambda tx, name=name: append_what_is_known(tx, name) for name in "abc"]
    assert await together(services, *works) == [1, 1, 1]
    assert await counts(services) == {"before": 10, "one": 1, "a": 11, "b": 11, "c": 11}


async def test_what_is_recalled_of_rows_that_are_undone_is_forgotten(services: Services) -> None:
    async def count(tx: Tx) -> int:
        return len(await tx.fetch(COUNT, {"of_reason": "one"}))

    async def recall(tx: Tx) -> int:
        return await tx.recall(dropped, "key", lambda: count(tx))

    async def fail(tx: Tx) -> None:
        await add(tx, "one")
        assert await recall(tx) == 1
        raise LookupError

    with pytest.raises(LookupError):
        await services.db.batch(fail)
    assert await services.db.batch(recall) == 0


async def test_a_piece_sees_its_own_rows_however_many_others_write(services: Services) -> None:
    async def piece(tx: Tx, name: str) -> list[Any]:
        await add(tx, name)
        seen = [await tx.fetch(COUNT, {"of_reason": name})]
        await tx.change(RAISE, {"of_reason": name, "by": 1})
        await add(tx, f"{name} again")
        seen.append(await tx.fetch(COUNT, {"of_reason": name}))
        return seen

    answers = await together(services, *(lambda tx, n=n: piece(tx, f"r{n}") for n in range(100)))
    assert answers == [[[(1,)], [(2,)]]] * 100
    assert set((await counts(services)).values()) == {1, 2}


@on_sqlite
async def test_a_piece_that_awaits_something_else_is_told_so_and_harms_no_other(services: Services) -> None:
    async def dawdle(tx: Tx) -> None:
        await add(tx, "lost")
        await asyncio.sleep(0)

    for_ever = asyncio.get_running_loop().create_future()

    async def stubborn(tx: Tx) -> None:
        try:
            await asyncio.sleep(0)
        finally:
            await for_ever

    results = await together(services, lambda tx: add(tx, "a"), dawdle, stubborn, lambda tx: add(tx, "b"))
    assert [type(one) for one in results] == [str, Suspended, Suspended, str]
    assert "may await nothing but its transaction" in str(results[1])
    with pytest.raises(Suspended):
        await services.db.batch(dawdle)
    assert await services.db.batch(lambda tx: add(tx, "c")) == "c"
    assert set(await counts(services)) == {"a", "b", "c"}


async def test_more_than_the_queue_holds_is_refused_and_what_it_holds_is_written(services: Services) -> None:
    """While somebody else writes nothing is taken from the queue, on SQLite; on PostgreSQL it is emptied too slowly."""
    async with services.db.write() as tx:
        await add(tx, "first")
        waiting = [asyncio.create_task(services.db.batch(adding(f"r{n}"))) for n in range(4200)]
        await asyncio.sleep(0)
    results = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [one for one in results if isinstance(one, BaseException)]
    assert refused
    assert all(isinstance(one, Unavailable) and one.hint for one in refused)
    assert set(await counts(services)) == {"first", *(one for one in results if isinstance(one, str))}


async def test_a_write_cancelled_in_a_statement_is_undone_and_the_next_one_goes_on(services: Services) -> None:
    begun = asyncio.Event()

    async def write() -> None:
        async with services.db.write() as tx:
            await tx.execute(dropped.insert(), row("cancelled"))
            begun.set()
            for n in range(100_000):
                await tx.execute(dropped.insert(), row(f"r{n}"))

    writing = asyncio.create_task(write())
    await begun.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await services.db.batch(lambda tx: add(tx, "next")) == "next"
    assert await counts(services) == {"next": 1}


async def test_what_changes_what_was_appended_is_undone_with_the_batch(services: Services) -> None:
    """The change asks the database nothing, and yet the row has to be there before."""

    async def change(tx: Tx) -> None:
        await tx.change_each(RAISE, [{"of_reason": "a", "by": 5}])

    async def fail(_tx: Tx) -> None:
        raise LookupError

    await services.db.batch(lambda tx: add(tx, "first"))
    added, changed, failed = await together(services, lambda tx: add(tx, "a"), change, fail)
    assert (added, changed, type(failed)) == ("a", None, LookupError)
    assert await counts(services) == {"first": 1, "a": 6}


async def test_one_who_fails_when_told_keeps_no_other_answer_back(services: Services) -> None:
    told = asyncio.get_running_loop().create_future()

    async def add_all(tx: Tx, reasons: Sequence[str]) -> list[str]:
        return [await add(tx, one) for one in reasons]

    def fail(_answer: str, _fault: Exception | None) -> None:
        raise LookupError

    services.db.hand_in(add_all, "a", fail)
    services.db.hand_in(add_all, "b", lambda answer, fault: told.set_result((answer, fault)))
    assert await asyncio.wait_for(told, 60) == ("b", None)
    assert await counts(services) == {"a": 1, "b": 1}


@on_sqlite
async def test_a_write_that_is_cancelled_again_while_it_is_undone_lets_nobody_in_before(services: Services) -> None:
    entered, go = threading.Event(), threading.Event()

    def hold(_connection: Any) -> None:
        entered.set()
        go.wait(60)

    async def write() -> None:
        async with services.db.write() as tx:
            await add(tx, "cancelled")
            await tx.run_sync(hold)

    async def add_all(tx: Tx, reasons: Sequence[str]) -> list[str]:
        return [await add(tx, one) for one in reasons]

    writing = asyncio.create_task(write())
    await asyncio.to_thread(entered.wait, 60)
    for _ in range(3):
        writing.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
    after = asyncio.create_task(services.db.batch_together(add_all, "next"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not writing.done(), "the thread still works for it"
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await after == "next"
    assert await counts(services) == {"next": 1}


@on_sqlite
async def test_the_service_goes_on_while_another_process_holds_the_file(services: Services) -> None:
    """Were the wait for the file in the event loop, the file would not be let go before the wait is over."""
    other = sqlite3.connect(services.settings.database.url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(services.db.batch(lambda tx: add(tx, "late")))
        assert await counts(services) == {}
        assert not waiting.done()
        other.execute("COMMIT")
        assert await waiting == "late"
    finally:
        other.close()


OTHER_PROCESS = """
import asyncio, sys
from tests.floor.test_group_commit import add
from wherefrom.db import Database

async def main():
    db = Database(sys.argv[1])
    print("ready", flush=True)
    sys.stdin.readline()
    for part in range(5):
        await asyncio.gather(*(db.batch(lambda tx, n=n: add(tx, f"theirs{part}-{n}")) for n in range(20)))
    await db.close()

asyncio.run(main())
"""


async def test_two_processes_that_write_at_once_lose_nothing(services: Services) -> None:
    async with other_process(OTHER_PROCESS, services.settings.database.url):
        for part in range(5):
            await together(services, *(lambda tx, n=n, part=part: add(tx, f"ours{part}-{n}") for n in range(20)))
            async with services.db.write() as tx:
                await add(tx, f"ours{part}-alone")
    assert len(await counts(services)) == 205
