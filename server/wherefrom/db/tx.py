"""A transaction as stores see it: SQLAlchemy's statements, and the prepared ones of the hot path.

One class for every way to run a statement; the ways differ in ``run`` alone (see ``engine``):

    PostgreSQL, SQLite's readers   through the driver's own event loop support
    SQLite's ``write()``           a hop to the writer's thread for each statement
    SQLite's ``batch()``           at once, in the writer's thread, where a piece goes on that needs an answer

A transaction that *gathers* holds back what is appended, and writes the rows of all pieces of a batch by one statement
a table. Nobody can tell: whatever reads a table, or might, has its rows written first.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol, TypeVar, TypeVarTuple, overload

from sqlalchemy import Connection, CursorResult, Dialect, Executable, ScalarResult, Table, func, select
from sqlalchemy.sql.selectable import TypedReturnsRows

from wherefrom.db.prepared import Prepared

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Row = tuple[Any, ...]
Values = Mapping[str, Any]
Recalled = dict[Table, dict[Hashable, Any]]
"""Answers that hold until somebody writes to the table."""
Check = Callable[["Tx", Sequence[Any]], Awaitable[None]]
"""Says by ``Refused`` that rows which are about to be written may not be."""


class Refused(Exception):
    """A row may not be written; what was about to write it can write another one instead."""


class Run(Protocol):
    """Calls a function with the connection before ``arguments``."""

    def __call__(self, call: Callable[..., T], /, *arguments: Any) -> Awaitable[T]: ...


class Tx:
    """Made by ``Database``; good until the block or the piece of work it was made for ends."""

    def __init__(
        self,
        run: Run,
        dialect: Dialect,
        *,
        gathers: bool = False,
        recalled: Recalled | None = None,
        arrive: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``arrive`` is awaited before anything is asked of the database, and before it is settled what to ask."""
        self.dialect = dialect
        self._run = run
        self._arrive = arrive
        self._gathers = gathers
        self._held: dict[Prepared, list[Row]] = {}
        self._unchecked: dict[Check, list[Any]] = {}
        self._recalled: Recalled = {} if recalled is None else recalled

    # ------------------------------------------------------------------------------------------ any statement

    @overload
    async def execute(self, statement: TypedReturnsRows[*Ts], parameters: Any = None) -> CursorResult[*Ts]: ...
    @overload
    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]: ...
    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """As SQLAlchemy's own; the answer's rows are there already."""
        if self._arrive is not None:
            await self._arrive()
        await self.flush()
        if not getattr(statement, "is_select", False):
            self._recalled.clear()
        return await self._run(Connection.execute, statement, parameters)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """The first column of the first row; None when there is none."""
        return (await self.execute(statement, parameters)).scalar()

    async def scalars(self, statement: Executable, parameters: Any = None) -> ScalarResult[Any]:
        """The first column of each row."""
        return (await self.execute(statement, parameters)).scalars()

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[Any]:
        """SQL in the driver's own spelling."""
        await self._settle()
        return await self._run(Connection.exec_driver_sql, statement, parameters)

    async def run_sync(self, call: Callable[..., T], *arguments: Any) -> T:
        """``call`` with SQLAlchemy's connection, for what is written for that (Alembic)."""
        await self._settle()
        return await self._run(call, *arguments)

    # ------------------------------------------------------------------------------------------ prepared statements

    async def fetch(self, query: Prepared, values: Values) -> list[Row]:
        """The rows that a prepared SELECT finds."""
        if self._arrive is not None:
            await self._arrive()
        form = query.form(self.dialect)
        await self._flush_of(query.tables)
        return await self._run(form.fetch, form.bind(values))

    async def change(self, statement: Prepared, values: Values) -> int:
        """How many rows a prepared UPDATE or DELETE met."""
        if self._arrive is not None:
            await self._arrive()
        form = statement.form(self.dialect)
        await self._flush_of(statement.tables)
        self._forget(statement.tables)
        return await self._run(form.change, form.bind(values))

    async def fetch_each(self, query: Prepared, asked: Sequence[Values]) -> list[list[Row]]:
        """The rows that a prepared SELECT finds for each of ``asked``, in that order; one round trip on PostgreSQL."""
        if not asked:
            return []
        if self._arrive is not None:
            await self._arrive()
        await self._flush_of(query.tables)
        form = query.form(self.dialect)
        return await self._run(form.fetch_each, [form.bind(values) for values in asked])

    async def change_each(self, statement: Prepared, changes: Sequence[Values]) -> None:
        """A prepared UPDATE for each of ``changes``, which meet different rows, or the same ones with the same values;
        one round trip on PostgreSQL."""
        if not changes:
            return
        if self._arrive is not None:
            await self._arrive()
        await self._flush_of(statement.tables)
        self._forget(statement.tables)
        form = statement.form(self.dialect)
        await self._run(form.change_each, [form.bind(values) for values in changes])

    async def append(self, insert: Prepared, rows: Sequence[Any], check: Check | None = None) -> None:
        """Writes new rows by a prepared INSERT, unless ``check`` refuses them.

        A transaction that gathers checks and writes them later, with those of other pieces. What is refused then
        undoes the whole batch, and each piece is run once more by itself, where it hears of it here.
        """
        if not rows:
            return
        form = insert.form(self.dialect)
        if self._recalled:
            self._forget(insert.tables)
        if self._gathers:
            held = self._held.get(insert)
            if held is None:
                held = self._held[insert] = []
            for row in rows:
                held.append(form.bind(row))
            if check is not None:
                self._unchecked.setdefault(check, []).extend(rows)
            return
        if check is not None:
            await check(self, rows)
        await self._run(form.append, [form.bind(row) for row in rows])

    async def flush(self) -> None:
        """Writes what is held back. ``Refused`` when a check says so."""
        if not self._held:
            return
        held, unchecked = self._held, self._unchecked
        self._held, self._unchecked = {}, {}
        for check, values in unchecked.items():
            await check(self, values)
        for insert, rows in held.items():
            await self._run(insert.form(self.dialect).append, rows)

    async def _flush_of(self, tables: frozenset[Table]) -> None:
        """Writes what is held back for these tables, so that it is seen."""
        asked = [insert for insert in self._held if not insert.tables.isdisjoint(tables)]
        if asked and self._unchecked:
            await self.flush()
            return
        for insert in asked:
            await self._run(insert.form(self.dialect).append, self._held.pop(insert))

    async def recall(self, table: Table, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """What ``ask`` reads of ``table``, which is asked once for all pieces of a batch, until somebody writes. (On
        SQLite, where it is known who writes, once for all batches until then.)"""
        recalled = self._recalled.get(table, {})
        if key not in recalled and self._arrive is not None:
            await self._arrive()
            recalled = self._recalled.get(table, {})  # another piece may have asked meanwhile
        if key in recalled:
            known: T = recalled[key]
            return known
        answer = await ask()
        if self._gathers:
            self._recalled.setdefault(table, {})[key] = answer
        return answer

    # ------------------------------------------------------------------------------------------ parts

    @contextlib.asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """What is written in the block is undone when the block raises, and nothing else."""
        await self._settle()
        nested = await self._run(Connection.begin_nested)
        try:
            yield
            await self.flush()
        except BaseException:
            await self._run(lambda _: nested.rollback())
            raise
        await self._run(lambda _: nested.commit())

    async def lock(self, *name: object) -> None:
        """Lets no other transaction pass here with the same name until this one ends. Of several locks a transaction
        takes all others take them in the same order, or two wait for each other. SQLite has one writer anyhow."""
        if self.dialect.name == "postgresql":
            if self._arrive is not None:
                await self._arrive()
            digest = hashlib.sha256(repr(name).encode()).digest()
            number = int.from_bytes(digest[:8], "big", signed=True)
            await self._run(Connection.execute, select(func.pg_advisory_xact_lock(number)))

    async def _settle(self) -> None:
        """Before a statement of which nothing is known."""
        if self._arrive is not None:
            await self._arrive()
        await self.flush()
        self._recalled.clear()

    def _forget(self, tables: frozenset[Table]) -> None:
        for table in tables:
            self._recalled.pop(table, None)
