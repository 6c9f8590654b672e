"""What surrounds a database is told in words, and waited for no longer than is said."""

import asyncio
import errno
import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from wherefrom.db import Database, Tx
from wherefrom.db.faults import describe, lurks
from wherefrom.errors import Unavailable


async def _raised(db: Database, statement: str) -> DBAPIError:
    with pytest.raises(DBAPIError) as caught:
        async with db.write() as tx:
            await tx.execute(text(statement))
    return caught.value


async def test_a_wrong_statement_is_a_fault_of_our_own(database_url: str) -> None:
    db = Database(database_url)
    try:
        assert describe(await _raised(db, "SELECT nothing FROM nowhere")) is None
        assert db.trouble is None
    finally:
        await db.close()


def test_a_disk_is_told_by_what_the_system_calls_it() -> None:
    assert describe(OSError(errno.ENOSPC, "No space left on device", "/a/secret/place")) == "the disk is full"
    assert describe(OSError(errno.EROFS, "Read-only file system")) == "the disk is read-only"
    assert describe(FileNotFoundError(errno.ENOENT, "No such file")) is None
    assert describe(ValueError("of ours")) is None


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # it has a limit of size to be full by
async def test_a_full_database_is_told_in_words_and_remembered(database_url: str) -> None:
    db = Database(database_url)
    try:
        async with db.write() as tx:
            await tx.execute(text("PRAGMA max_page_count = 1"))
        fault = await _raised(db, "CREATE TABLE large AS SELECT randomblob(100000) AS bytes")
        assert describe(fault) == "the disk of the database is full"
        assert db.trouble is not None
        assert lurks(db.trouble.words)
    finally:
        await db.close()


def test_a_file_that_may_not_be_written_is_told() -> None:
    fault = sqlite3.OperationalError("attempt to write a readonly database")
    fault.sqlite_errorname = "SQLITE_READONLY_DBMOVED"
    assert describe(DBAPIError("UPDATE", (), fault)) == (
        "the database cannot be written to: its file or its disk is read-only"
    )


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_lock_that_is_not_given_fails_a_batch_once_and_not_once_for_each_piece(database_url: str) -> None:
    db, other = Database(database_url, patience=5), Database(database_url)
    tries = 0

    async def work(tx: Tx) -> None:
        nonlocal tries
        tries += 1
        await tx.execute(text("LOCK TABLE visit IN EXCLUSIVE MODE"))

    try:
        async with other.write() as tx:
            await tx.execute(text("LOCK TABLE visit IN EXCLUSIVE MODE"))
            async with asyncio.timeout(60):
                answers = await asyncio.gather(*(db.batch(work) for _ in range(20)), return_exceptions=True)
        assert [describe(one) for one in answers if isinstance(one, Exception)] == [
            "what is to be written is locked by somebody else in the database"
        ] * 20
        assert tries <= 2  # the first piece is a batch of its own
        await db.batch(work)
    finally:
        await db.close()
        await other.close()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_statement_that_takes_longer_than_is_allowed_is_given_up_and_the_next_one_works(
    database_url: str,
) -> None:
    db = Database(database_url, patience=2)

    async def sleep(tx: Tx) -> None:
        await tx.execute(text("SELECT pg_sleep(60)"))

    try:
        async with asyncio.timeout(60):
            with pytest.raises(Unavailable, match="did not answer in time"):
                async with db.read() as tx:
                    await sleep(tx)
            with pytest.raises(Unavailable, match="did not answer in time"):
                await db.batch(sleep)
            await db.try_write()
    finally:
        await db.close()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_migrations_copies_and_backups_take_any_time(database_url: str) -> None:
    db = Database(database_url)
    try:
        async with db.read() as tx:
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                assert await tx.scalar(text(f"SHOW {name}")) == "0"
    finally:
        await db.close()


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
async def test_a_line_that_is_dead_is_noticed_at_both_ends(database_url: str) -> None:
    db = Database(database_url, patience=60)
    try:
        async with db.read() as tx:
            told = [await tx.scalar(text(f"SHOW {name}")) for name in ("tcp_keepalives_idle", "tcp_user_timeout")]
            assert told == ["10", "20000"]
            assert await tx.scalar(text("SHOW idle_in_transaction_session_timeout")) == "30s"
    finally:
        await db.close()
