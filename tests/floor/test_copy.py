"""A whole database moves from one engine to the other, and nothing of it is lost on the way."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy import func, insert, select, text

from tests.inbox.letters import Post, letter
from tests.inbox.rows import Rows
from tests.support.databases import PostgresDatabases, SqliteDatabases
from tests.support.full_tables import fill, read_all
from wherefrom.clock import FixedClock
from wherefrom.db import Database, metadata
from wherefrom.db.copy import copy_database
from wherefrom.errors import Conflict, SettingsError
from wherefrom.services import Services
from wherefrom.sites.tables import host
from wherefrom.vault.tables import blob_piece


def _silent(table: str, copied: int, total: int) -> None: ...


@pytest_asyncio.fixture
async def sqlite_url(sqlite_databases: SqliteDatabases, tmp_path: Path) -> str:
    return await sqlite_databases.create(tmp_path)


@pytest_asyncio.fixture
async def postgres_url(postgres_databases: PostgresDatabases, tmp_path: Path) -> AsyncIterator[str]:
    url = await postgres_databases.create(tmp_path)
    yield url
    await postgres_databases.drop(url)


async def _count(url: str) -> int:
    database = Database(url)
    try:
        async with database.read() as tx:
            return sum([int(await tx.scalar(select(func.count()).select_from(one))) for one in metadata.sorted_tables])
    finally:
        await database.close()


async def test_every_row_of_every_table_goes_to_postgresql_and_back(
    sqlite_url: str, postgres_url: str, tmp_path: Path
) -> None:
    await fill(sqlite_url)
    told: list[tuple[str, int, int]] = []
    copied = await copy_database(sqlite_url, postgres_url, lambda *line: told.append(line))
    before = await read_all(sqlite_url)
    assert copied == sum(map(len, before.values())) == 45 * len(metadata.tables)
    assert await read_all(postgres_url) == before
    back = f"sqlite:///{tmp_path}/back.db"
    assert await copy_database(postgres_url, back, _silent) == copied
    assert await read_all(back) == before
    for name in metadata.tables:
        lines = [line[1:] for line in told if line[0] == name]
        assert (lines[0], lines[-1]) == ((0, 45), (45, 45))


async def test_a_target_with_a_single_row_is_refused_and_left_as_it_is(sqlite_url: str, postgres_url: str) -> None:
    await fill(sqlite_url, rows=1)
    database = Database(postgres_url)
    async with database.write() as tx:
        await tx.execute(insert(host).values(site_id=5, name="company.example"))
    await database.close()
    with pytest.raises(Conflict, match="holds rows already, in the table host") as caught:
        await copy_database(sqlite_url, postgres_url, _silent)
    assert "new, empty database" in caught.value.hint
    assert await _count(postgres_url) == 1


async def test_somebody_elses_database_gets_no_table_of_ours(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "theirs.db"
    with sqlite3.connect(file) as theirs:
        theirs.execute("CREATE TABLE invoice (id INTEGER)")
    with pytest.raises(Conflict, match="invoice"):
        await copy_database(sqlite_url, f"sqlite:///{file}", _silent)
    with sqlite3.connect(file) as theirs:
        assert theirs.execute("SELECT name FROM sqlite_master").fetchall() == [("invoice",)]


async def test_a_target_of_another_schema_is_refused_and_not_migrated(sqlite_url: str, tmp_path: Path) -> None:
    file = tmp_path / "older.db"
    with sqlite3.connect(file) as older:
        older.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        older.execute("INSERT INTO alembic_version VALUES ('0001')")
    with pytest.raises(Conflict, match="at schema 0001"):
        await copy_database(sqlite_url, f"sqlite:///{file}", _silent)


async def test_a_target_that_is_not_there_is_told_by_its_option(sqlite_url: str) -> None:
    with pytest.raises(SettingsError, match="--to"):
        await copy_database(sqlite_url, "postgresql://nobody@127.0.0.1:1/nothing", _silent)


async def test_a_source_that_was_never_migrated_is_refused(tmp_path: Path, sqlite_url: str) -> None:
    with pytest.raises(SettingsError, match="schema none"):
        await copy_database(f"sqlite:///{tmp_path}/empty.db", sqlite_url, _silent)


def _write_to_sqlite(url: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as other:
        other.execute("INSERT INTO host (site_id, name) VALUES (9, 'late.example')")


def _write_to_postgres(url: str) -> None:
    """Returns when the server's own counters show the row."""

    async def write() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute("INSERT INTO host (site_id, name) VALUES (9, 'late.example')")
        await connection.close()
        connection = await asyncpg.connect(url)
        seen, until = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'host'", time.monotonic() + 60
        while await connection.fetchval(seen) < 4 and time.monotonic() < until:  # noqa: ASYNC110 - the server's counter
            await asyncio.sleep(0.05)
        await connection.close()

    thread = threading.Thread(target=asyncio.run, args=(write(),))
    thread.start()
    thread.join()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"], indirect=True)
async def test_what_is_written_during_the_copy_stops_it_and_is_not_in_a_rehearsal(
    database_url: str, engine: str, tmp_path: Path
) -> None:
    await fill(database_url, rows=3)
    write = _write_to_sqlite if engine == "sqlite" else _write_to_postgres
    left = [None]

    def write_once(table: str, copied: int, total: int) -> None:
        if left:
            left.pop()
            write(database_url)

    target = f"sqlite:///{tmp_path}/target.db"
    with pytest.raises(Conflict, match="was written to") as caught:
        await copy_database(database_url, target, write_once)
    assert "stop the service" in caught.value.hint
    assert await _count(target) == 0

    left.append(None)

    def write_again(table: str, copied: int, total: int) -> None:
        if left and left.pop() is None and engine == "sqlite":
            with sqlite3.connect(database_url.removeprefix("sqlite:///")) as other:
                other.execute("INSERT INTO host (site_id, name) VALUES (10, 'later.example')")

    copied = await copy_database(database_url, target, write_again, rehearsal=True)
    assert copied == 3 * len(metadata.tables) + 1, "the row of before is in, that of meanwhile is not"


async def test_a_value_the_target_cannot_hold_is_told_with_its_place_and_nothing_is_left_there(
    sqlite_url: str, postgres_url: str
) -> None:
    await fill(sqlite_url, rows=2)
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as spoilt:  # SQLite does not mind lengths
        spoilt.execute("UPDATE host SET name = ? WHERE site_id = 0", ("x" * 300,))
    with pytest.raises(Conflict, match=r"table host between \[0, .*too long"):
        await copy_database(sqlite_url, postgres_url, _silent)
    assert await _count(postgres_url) == 0


async def test_large_values_and_many_rows_take_no_more_memory_than_a_slice(sqlite_url: str, tmp_path: Path) -> None:
    database = Database(sqlite_url)
    piece = os.urandom(1_000_000)
    async with database.write() as tx:
        for number in range(60):
            await tx.execute(
                insert(blob_piece).values(site_id=1, sha256="a" * 64, number=number, pieces=60, content=piece)
            )
        await tx.execute(
            text(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
                "INSERT INTO host (site_id, name) SELECT i, 'name' || i FROM n"
            )
        )
    await database.close()
    tracemalloc.start()
    try:
        copied = await copy_database(sqlite_url, f"sqlite:///{tmp_path}/target.db", _silent)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert copied == 20_060
    assert most < 40_000_000, "a slice is of eight pieces, and there are two or three copies of it"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the way back is the same code
async def test_the_copy_serves_as_the_old_database_did(
    services: Services, postgres_url: str, clock: FixedClock
) -> None:
    code = "sales+k7f3q9x2@company.example"
    post = await Post.open(services)
    await post.rows.visit(7, utm_source="fb")
    await post.rows.lease(7, await post.rows.target("sales@company.example"), code)
    await copy_database(services.settings.database.url, postgres_url, _silent)
    clock.advance(timedelta(minutes=3))
    moved = Database(postgres_url)
    try:
        there = replace(services, db=moved)
        detail = await replace(post, services=there, rows=Rows(there)).receive(letter(code, at=clock.now()))
        assert (detail.row.visit_id, detail.row.rule) == (7, "code")
    finally:
        await moved.close()


async def test_there_is_no_sequence_a_copy_would_have_to_set(postgres_url: str) -> None:
    database = Database(postgres_url)
    async with database.read() as tx:
        assert (await tx.scalars(text("SELECT sequence_name FROM information_schema.sequences"))).all() == []
    await database.close()


async def test_the_command_copies_says_what_is_next_and_refuses_a_second_time(sqlite_url: str, tmp_path: Path) -> None:
    await fill(sqlite_url, rows=2)
    (tmp_path / "settings.toml").write_text(f'[database]\nurl = "{sqlite_url}"\n')
    command = [sys.executable, "-m", "wherefrom", "copy", "--to", f"sqlite:///{tmp_path}/new.db"]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)

    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as source:
        source.execute("UPDATE mailbox SET watched_until = 9000000000000")
    refused = await asyncio.to_thread(run)
    assert (refused.returncode, "a service is at work" in refused.stderr) == (1, True), refused.stderr
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as source:
        source.execute("UPDATE mailbox SET watched_until = NULL")
    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stderr
    assert f"{2 * len(metadata.tables)} rows copied" in done.stdout
    assert "database] url" in done.stdout
    assert "host: 2\n" in done.stderr
    again = await asyncio.to_thread(run)
    assert again.returncode == 1
    assert "holds rows already" in again.stderr
