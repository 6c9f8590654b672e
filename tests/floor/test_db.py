"""Transactions on both engines: undone whole, committed together, read-only where they only read."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from wherefrom.db import Database, Tx, insert
from wherefrom.errors import Unavailable
from wherefrom.services import Services
from wherefrom.visits.tables import dropped


async def add(tx: Tx, reason: str, site_id: int = 1) -> str:
    await tx.execute(dropped.insert().values(site_id=site_id, day="2026-11-02", reason=reason, count=1))
    return reason


async def reasons(services: Services) -> set[str]:
    async with services.db.read() as tx:
        return set((await tx.execute(select(dropped.c.reason))).scalars())


async def test_a_write_is_undone_whole_when_it_raises(services: Services) -> None:
    with pytest.raises(RuntimeError):
        async with services.db.write() as tx:
            await add(tx, "one")
            raise RuntimeError
    assert await reasons(services) == set()


async def test_batched_pieces_are_durable_when_their_answer_comes(services: Services) -> None:
    async def piece(number: int) -> None:
        answer = await services.db.batch(lambda tx: add(tx, f"r{number}"))
        assert answer in await reasons(services)

    await asyncio.gather(*(piece(number) for number in range(50)))


async def test_a_piece_that_fails_undoes_itself_alone(services: Services) -> None:
    async def twice(tx: Tx) -> None:
        await add(tx, "half")
        await add(tx, "half")

    results = await asyncio.gather(
        *(services.db.batch(lambda tx, n=n: add(tx, f"r{n}")) for n in range(5)),
        services.db.batch(twice),
        *(services.db.batch(lambda tx, n=n: add(tx, f"r{n}")) for n in range(5, 10)),
        return_exceptions=True,
    )
    assert isinstance(results[5], IntegrityError)
    assert await reasons(services) == {f"r{n}" for n in range(10)}


async def test_a_piece_whose_waiter_went_away_harms_no_other(services: Services) -> None:
    gone = asyncio.create_task(services.db.batch(lambda tx: add(tx, "gone")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await services.db.batch(lambda tx: add(tx, "stayed")) == "stayed"
    assert "stayed" in await reasons(services)


async def test_closing_waits_for_what_is_being_written_and_takes_no_more(services: Services) -> None:
    writing = asyncio.create_task(services.db.batch(lambda tx: add(tx, "last")))
    await asyncio.sleep(0)
    await services.db.close()
    assert await writing == "last"
    with pytest.raises(Unavailable):
        await services.db.batch(lambda tx: add(tx, "too late"))


async def test_many_writers_and_readers_at_once_lose_nothing(services: Services) -> None:
    async def write(number: int) -> None:
        async with services.db.write() as tx:
            await add(tx, f"w{number}")

    async def read() -> None:
        async with services.db.read() as tx:
            await tx.execute(select(func.count()).select_from(dropped))

    await asyncio.gather(*(write(n) for n in range(20)), *(read() for _ in range(20)))
    assert len(await reasons(services)) == 20


async def test_what_only_reads_cannot_write_on_sqlite(services: Services) -> None:
    async def write_in_a_read() -> None:
        async with services.db.read() as tx:
            await add(tx, "sneaked in")

    if services.db.dialect == "sqlite":
        with pytest.raises(DBAPIError, match="readonly"):
            await write_in_a_read()
    else:
        await write_in_a_read()
    assert await reasons(services) == set()


async def test_an_upsert_means_the_same_on_both_engines(services: Services) -> None:
    for _ in range(3):
        async with services.db.write() as tx:
            row = insert(tx, dropped).values(site_id=1, day="2026-11-02", reason="bot", count=1)
            await tx.execute(
                row.on_conflict_do_update(
                    index_elements=["site_id", "day", "reason"], set_={"count": dropped.c.count + row.excluded.count}
                )
            )
    async with services.db.read() as tx:
        assert (await tx.execute(select(dropped.c.count))).scalar() == 3


on_postgresql = pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite has one writer: no conflicts


async def count(services: Services, reason: str) -> int | None:
    async with services.db.read() as tx:
        return (await tx.execute(select(dropped.c.count).where(dropped.c.reason == reason))).scalar()


async def add_one(tx: Tx, reason: str) -> None:
    await tx.execute(update(dropped).where(dropped.c.reason == reason).values(count=dropped.c.count + 1))


@on_postgresql
async def test_group_commits_of_two_processes_that_deadlock_are_both_written_once(services: Services) -> None:
    other = Database(services.settings.database.url)
    async with services.db.write() as tx:
        for reason in ("x", "y", *(f"{side}{n}" for side in ("ours", "theirs") for n in (1, 2))):
            await tx.execute(dropped.insert().values(site_id=1, day="2026-11-02", reason=reason, count=0))
    met = asyncio.Barrier(2)
    runs: Counter[str] = Counter()

    def crossing(side: str, first: str, second: str) -> Callable[[Tx], Awaitable[str]]:
        async def work(tx: Tx) -> str:
            runs[side] += 1
            await add_one(tx, first)
            if runs[side] == 1:
                await met.wait()  # now each holds what the other wants next
            await add_one(tx, second)
            return side

        return work

    def plain(reason: str) -> Callable[[Tx], Awaitable[str]]:
        async def work(tx: Tx) -> str:
            runs[reason] += 1
            await add_one(tx, reason)
            return reason

        return work

    try:
        async with asyncio.timeout(60):
            answers = await asyncio.gather(
                *(services.db.batch(work) for work in (plain("ours1"), crossing("ours", "x", "y"), plain("ours2"))),
                *(other.batch(work) for work in (plain("theirs1"), crossing("theirs", "y", "x"), plain("theirs2"))),
            )
    finally:
        await other.close()
    assert answers == ["ours1", "ours", "ours2", "theirs1", "theirs", "theirs2"]
    assert sorted((runs["ours"], runs["theirs"])) == [1, 2]  # there was a deadlock, and one of the two began again
    assert sorted((runs["ours1"], runs["theirs1"])) == [1, 2]  # with all of its batch
    assert [await count(services, reason) for reason in ("x", "y")] == [2, 2]
    assert {await count(services, one) for one in ("ours1", "ours2", "theirs1", "theirs2")} == {1}


@on_postgresql
@pytest.mark.parametrize("sqlstate", ["40P01", "40001"])
async def test_a_piece_that_meets_a_conflict_alone_too_is_told_and_harms_no_other(
    services: Services, sqlstate: str
) -> None:
    tries = []

    async def unlucky(tx: Tx) -> None:
        tries.append(sqlstate)
        await add(tx, "unlucky")
        await tx.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '{sqlstate}'; END $$")

    results = await asyncio.gather(
        services.db.batch(lambda tx: add(tx, "before")),
        services.db.batch(unlucky),
        services.db.batch(lambda tx: add(tx, "after")),
        return_exceptions=True,
    )
    assert results[::2] == ["before", "after"]
    assert isinstance(results[1], DBAPIError)
    assert len(tries) == 2
    assert await reasons(services) == {"before", "after"}


@on_postgresql
@pytest.mark.parametrize(("sqlstate", "written"), [("40001", True), ("23514", False)])
async def test_a_commit_is_repeated_after_a_conflict_and_after_nothing_else(
    services: Services, sqlstate: str, written: bool
) -> None:
    async with services.db.write() as tx:
        await tx.exec_driver_sql("CREATE SEQUENCE commits")  # counts on when a transaction is undone
        await tx.exec_driver_sql(
            "CREATE FUNCTION refuse_the_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('commits') = 1"
            f" THEN RAISE EXCEPTION 'at the commit' USING ERRCODE = '{sqlstate}'; END IF; RETURN NULL; END $$"
        )
        await tx.exec_driver_sql(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON dropped DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION refuse_the_first()"
        )
    results = await asyncio.gather(
        *(services.db.batch(lambda tx, n=n: add(tx, f"r{n}")) for n in range(3)), return_exceptions=True
    )
    if written:
        assert results == ["r0", "r1", "r2"]
        assert await reasons(services) == {"r0", "r1", "r2"}
    else:
        assert all(isinstance(result, DBAPIError) for result in results)
        assert await reasons(services) == set()
