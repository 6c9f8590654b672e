"""Copies a whole database into another one, of the same engine or the other.

Answers for completeness: all tables of ``metadata``, one consistent moment of the source, all of it or nothing at the
target, and counts that agree. Refuses to know what the rows mean.

    source   one transaction that only reads      ─▶ slices by primary key ─▶   target   one transaction
             (SQLite: WAL snapshot; PostgreSQL: REPEATABLE READ)                          (PostgreSQL: COPY)

Values go over as they are stored, so that the bytes of JSON stay the same. A slice is as many rows as make about eight
megabytes, however large one row is. There are no sequences to set: all ids are the service's own.
"""

from __future__ import annotations

import importlib.util
import pkgutil
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from asyncpg import PostgresError  # type: ignore[import-untyped]
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    Table,
    func,
    insert,
    inspect,
    literal,
    make_url,
    select,
    text,
    tuple_,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeDecorator

import wherefrom
from wherefrom.db.engine import Database
from wherefrom.db.migrate import check_revision, find_revision, newest_revision, upgrade
from wherefrom.db.tx import Tx
from wherefrom.db.types import metadata
from wherefrom.errors import Conflict, SettingsError, Unavailable

Progress = Callable[[str, int, int], None]
"""Told of each slice: the table, rows of it that are over, rows it has."""

_SLICE_BYTES = 8_388_608
_MOST_ROWS = 5_000
_FIRST_ROWS = 4  # until it is known how large a table's rows are
_GROWTH = 8  # and when small ones are followed by large ones
_WRITES = "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_user_tables"


async def copy_database(source_url: str, target_url: str, progress: Progress, *, rehearsal: bool = False) -> int:
    """Copies all rows of one database into another, empty one, whose schema is made when it has none; how many rows.

    Conflict when the target holds rows, when the source was written to meanwhile (unless it is a ``rehearsal``), or
    when a value does not fit there: then nothing is in the target. SettingsError when either cannot be used."""
    source = Database(source_url)
    try:
        await check_revision(source)
        await _prepare(target_url)
        target = Database(target_url)
        try:
            async with target.write() as writing:
                await _refuse_rows(writing)
                return await _copy(source, source_url, writing, progress, rehearsal)
        finally:
            await target.close()
    finally:
        await source.close()


async def _copy(source: Database, source_url: str, writing: Tx, progress: Progress, rehearsal: bool) -> int:
    watch = _Watch(source, source_url)
    try:
        await watch.begin()
        async with source.read() as reading:
            if source.dialect == "postgresql":
                await reading.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            copied = 0
            for table in _list_tables():
                copied += await _copy_table(reading, writing, _as_stored(table), progress)
        if not rehearsal and await watch.has_seen():
            raise Conflict(
                "the source was written to while it was copied; what came since would be lost, so nothing was copied",
                hint="stop the service, all its processes, and copy again (--rehearsal copies all the same)",
            )
        return copied
    finally:
        watch.close()


async def _prepare(target_url: str) -> None:
    """The newest schema at the target, made there when nothing is."""
    target = Database(target_url)
    try:
        try:
            found = await find_revision(target)
            async with target.read() as tx:
                tables = await tx.run_sync(lambda connection: inspect(connection).get_table_names())
        except (OSError, SQLAlchemyError, PostgresError, Unavailable) as error:
            raise SettingsError(
                f"--to: the database cannot be used: {error}",
                hint="is it running, does it exist, and are user and password right?",
            ) from error
    finally:
        await target.close()
    if found is None and tables:
        raise Conflict(
            f"the target is somebody else's: it holds the table {tables[0]}", hint="name a new, empty database"
        )
    if found not in (None, newest_revision()):
        raise Conflict(
            f"the target is at schema {found}, and this version writes {newest_revision()}",
            hint="name a new, empty database",
        )
    await upgrade(target_url)


async def _refuse_rows(tx: Tx) -> None:
    for table in _list_tables():
        if await tx.scalar(select(literal(1)).select_from(table).limit(1)):
            raise Conflict(
                f"the target holds rows already, in the table {table.name}; nothing was copied",
                hint="name a new, empty database: copying never mixes two installations",
            )


def _list_tables() -> list[Table]:
    """Those of every room: a command has loaded no more than it works with, and what is not loaded would be left
    behind."""
    for room in pkgutil.iter_modules(wherefrom.__path__, "wherefrom."):
        if room.ispkg and importlib.util.find_spec(f"{room.name}.tables") is not None:
            importlib.import_module(f"{room.name}.tables")
    return metadata.sorted_tables


def _as_stored(table: Table) -> Table:
    """The same table with the columns' plain types, so that values are not read into Python's and written anew."""
    columns = [
        Column(
            one.name,
            one.type.impl_instance if isinstance(one.type, TypeDecorator) else one.type,
            primary_key=one.primary_key,
        )
        for one in table.columns
    ]
    return Table(table.name, MetaData(), *columns)


async def _copy_table(reading: Tx, writing: Tx, table: Table, progress: Progress) -> int:
    key = list(table.primary_key)
    places = [list(table.columns).index(one) for one in key]
    total = int(await reading.scalar(select(func.count()).select_from(table)) or 0)
    rows: list[tuple[Any, ...]] = []
    limit, copied = _FIRST_ROWS, 0
    progress(table.name, 0, total)
    while copied < total:
        query = select(table).order_by(*key).limit(limit)
        if rows:
            query = query.where(tuple_(*key) > tuple_(*(rows[-1][place] for place in places)))
        rows = [tuple(row) for row in (await reading.execute(query)).all()]
        if not rows:
            break
        try:
            await writing.run_sync(_append, table, rows)
        except (SQLAlchemyError, PostgresError) as error:
            first, last = ([row[place] for place in places] for row in (rows[0], rows[-1]))
            raise Conflict(
                f"the target refuses a row of the table {table.name} between {first} and {last}: {_words(error)}",
                hint="nothing was copied; mend or remove that row in the source, and copy again",
            ) from error
        copied += len(rows)
        limit = _next_limit(rows)
        progress(table.name, copied, total)
    arrived = int(await writing.scalar(select(func.count()).select_from(table)) or 0)
    if not copied == arrived == total:
        raise Conflict(
            f"the table {table.name} has {total} rows, and {arrived} arrived; nothing was copied",
            hint="report this with the log of both databases",
        )
    return copied


def _next_limit(rows: Sequence[tuple[Any, ...]]) -> int:
    """So many rows as will be one slice, when the next ones are like these."""
    size = sum(len(one) if isinstance(one, str | bytes) else 8 for row in rows for one in row)
    return max(1, min(_MOST_ROWS, len(rows) * _GROWTH, _SLICE_BYTES * len(rows) // size))


def _append(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    names = [one.name for one in table.columns]
    if connection.dialect.name != "postgresql":
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])
        return
    driver: Any = connection.connection.dbapi_connection  # in the transaction that the count of rows began
    driver.run_async(lambda plain: plain.copy_records_to_table(table.name, records=rows, columns=names))


def _words(error: Exception) -> str:
    told = error.orig if isinstance(error, SQLAlchemyError) and hasattr(error, "orig") else error
    return str(told).splitlines()[0][:200]


class _Watch:
    """Sees whether anybody writes to a database. PostgreSQL counts with a lag of up to a second."""

    def __init__(self, database: Database, url: str) -> None:
        self._database = database
        self._file: sqlite3.Connection | None = None
        if database.dialect == "sqlite":
            self._file = sqlite3.connect(str(make_url(url).database))
        self._before = 0

    async def begin(self) -> None:
        self._before = await self._count()

    async def has_seen(self) -> bool:
        return await self._count() != self._before

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    async def _count(self) -> int:
        if self._file is not None:
            return int(self._file.execute("PRAGMA data_version").fetchone()[0])
        async with self._database.read() as tx:
            return int(await tx.scalar(text(_WRITES)) or 0)
