"""Each test gets an empty database of its own, on both engines, with the whole schema."""

from datetime import timedelta

import asyncpg  # type: ignore[import-untyped]
import pytest
from sqlalchemy import inspect, text

from tests.support.components import POSTGRES, require
from tests.support.postgres import Postgres
from wherefrom.clock import FixedClock
from wherefrom.db import Tx, metadata
from wherefrom.services import Services


async def _tables(tx: Tx) -> set[str]:
    return set(await tx.run_sync(lambda connection: inspect(connection).get_table_names()))


async def test_a_database_has_every_table_and_no_row(services: Services) -> None:
    async with services.db.read() as tx:
        tables = await _tables(tx)
        counts = {
            table.name: (await tx.execute(text(f'SELECT count(*) FROM "{table.name}"'))).scalar_one()
            for table in metadata.sorted_tables
        }
    assert metadata.tables.keys() <= tables
    assert len(counts) > 10
    assert set(counts.values()) == {0}


@pytest.mark.parametrize("turn", [1, 2])
async def test_what_one_test_writes_the_next_does_not_see(services: Services, turn: int) -> None:
    async with services.db.write() as tx:
        assert "left_behind" not in await _tables(tx)
        await tx.execute(text("CREATE TABLE left_behind (turn INTEGER)"))
        assert "left_behind" in await _tables(tx)


async def test_the_clock_of_the_services_is_the_one_a_test_moves(services: Services, clock: FixedClock) -> None:
    before = services.clock.now()
    clock.advance(timedelta(hours=2))
    assert services.clock.now() - before == timedelta(hours=2)


async def test_the_engine_is_the_one_the_test_is_named_for(services: Services, engine: str) -> None:
    assert services.db.dialect == engine


async def test_a_database_is_dropped_under_a_client_that_is_still_connected(postgres: Postgres) -> None:
    name = await postgres.create_database()
    left_open = await asyncpg.connect(postgres.url(name))
    await postgres.drop_database(name)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)):
        await left_open.fetchval("SELECT 1")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(postgres.url(name))


async def test_postgresql_keeps_its_port_and_its_rows_over_a_restart() -> None:
    require(POSTGRES)
    server = Postgres()
    try:
        server.start()
        name = await server.create_database()
        connection = await asyncpg.connect(server.url(name))
        await connection.execute("CREATE TABLE kept (n integer); INSERT INTO kept VALUES (7)")
        server.stop()
        with pytest.raises(OSError, match="Connect call failed"):
            await asyncpg.connect(server.url(name))
        server.start()
        connection = await asyncpg.connect(server.url(name))
        assert await connection.fetchval("SELECT n FROM kept") == 7
        await connection.close()
    finally:
        server.remove()
    assert not server.home.exists()
