"""Transactions on both engines: undone whole, committed together, read-only where they only read."""

import asyncio

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from wherefrom.db import Tx, insert
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
