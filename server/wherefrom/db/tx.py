"""A transaction as stores see it: SQLAlchemy's statements, and the prepared ones of the hot path.

One class for every way to run a statement; the ways differ in ``run`` alone (see ``engine``):

    PostgreSQL, SQLite's readers   through the driver's own event loop support
    PostgreSQL's ``batch()``       the same; its prepared statements straight by the driver (``Asks``)
    SQLite's ``write()``           a hop to the writer's thread for each statement
    SQLite's ``batch()``           at once, in the writer's thread, where a piece goes on that needs an answer

A transaction that *gathers* holds back what is appended, and writes the rows of all pieces of a batch by one statement
a table. Nobody can tell: whatever reads a table, or might, has its rows written first.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar, TypeVarTuple, overload

from sqlalchemy import Connection, CursorResult, Dialect, Executable, ScalarResult, Table, text
from sqlalchemy.sql.selectable import TypedReturnsRows

from wherefrom.db.asks import Asks, AsksByRun, Run
from wherefrom.db.prepared import Form, Guards, Prepared, Write, is_one_statement
from wherefrom.db.refuse import Refused, RefusedLate, Unless

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Row = tuple[Any, ...]
Values = Mapping[str, Any]
Recalled = dict[Table, dict[Hashable, Any]]
"""Answers that hold until somebody writes to the table."""
_FEW = 4
"""Guards of one statement: each number of them is a statement of its own."""


class Tx:
    """Made by ``Database``; good until the block or the piece of work it was made for ends."""

    def __init__(
        self,
        run: Run,
        dialect: Dialect,
        *,
        gathers: bool = False,
        recalled: Recalled | None = None,
        lasting: Recalled | None = None,
        arrive: Callable[[], Awaitable[None]] | None = None,
        begin: Callable[[], Awaitable[None]] | None = None,
        asks: Asks | None = None,
    ) -> None:
        """``arrive`` is awaited before anything is asked of the database, and before it is settled what to ask;
        ``begin`` before anything that only a transaction may do, where none has begun: what reads needs none."""
        self.dialect = dialect
        self._run = run
        self._asks = asks or AsksByRun(run)
        self._arrive = arrive
        self._begin = begin
        self._gathers = gathers
        self._held: dict[Prepared, list[Any]] = {}
        self._unchecked: dict[Unless, list[Any]] = {}
        self._must_meet: set[Prepared] = set()
        self._recalled: Recalled = {} if recalled is None else recalled
        self._lasting = self._recalled if lasting is None else lasting
        self._written: set[Table] = set()
        self._wrote_any = False

    # ------------------------------------------------------------------------------------------ any statement

    @overload
    async def execute(self, statement: TypedReturnsRows[*Ts], parameters: Any = None) -> CursorResult[*Ts]: ...
    @overload
    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]: ...
    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """As SQLAlchemy's own; the answer's rows are there already."""
        await self._get_ready()
        await self.flush()
        if not getattr(statement, "is_select", False):
            self._forget_all()
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
        form = query.form(self.dialect)
        await self._get_ready(writes=form.locks)
        await self._flush_of(query.tables)
        return await self._asks.fetch(form, form.bind(values))

    async def change(self, statement: Prepared, values: Values) -> int:
        """How many rows a prepared UPDATE or DELETE met."""
        await self._get_ready()
        await self._flush_of(statement.tables)
        self._forget(statement.tables)
        form = statement.form(self.dialect)
        return await self._asks.change(form, form.bind(values))

    async def fetch_each(self, query: Prepared, asked: Sequence[Values]) -> list[list[Row]]:
        """The rows that a prepared SELECT finds for each of ``asked``, in that order; by one statement where that can
        be (``db.many``)."""
        if not asked:
            return []
        form = query.form(self.dialect)
        await self._get_ready(writes=form.locks)
        await self._flush_of(query.tables)
        return await self._asks.fetch_each(form, [form.bind(values) for values in asked])

    async def change_each(self, statement: Prepared, changes: Sequence[Values], *, or_refused: bool = False) -> None:
        """A prepared UPDATE for each of ``changes``, which meet different rows, or the same ones with the same values.
        ``or_refused``: each must meet exactly one, or it is ``Refused``, and none of them is made.

        A transaction that gathers writes them later, by one statement; what is refused then is as ``append`` has it.
        """
        if not changes:
            return
        form = statement.form(self.dialect)
        bound = [form.bind(values) for values in changes]
        self._forget(statement.tables)
        if self._gathers:
            await self._flush_of(statement.tables)
            self._held[statement] = bound
            if or_refused:
                self._must_meet.add(statement)
        elif or_refused and len(bound) > 1:
            async with self.savepoint():
                await self._change_or_refuse(form, bound)
        elif or_refused:
            await self._change_or_refuse(form, bound)
        else:
            await self._asks.write(form, bound)

    async def _change_or_refuse(self, form: Form, bound: Sequence[Row]) -> None:
        if not await self._asks.write(form, bound):
            raise Refused("what must be there is not")

    async def append(self, insert: Prepared, rows: Sequence[Any], check: Unless | None = None) -> None:
        """Writes new rows by a prepared INSERT, unless ``check`` refuses them.

        A transaction that gathers checks and writes them later, with those of other pieces. What is refused then
        undoes the whole batch, and each piece is run once more by itself, where it hears of it here.
        """
        if not rows:
            return
        form = insert.form(self.dialect)
        self._forget(insert.tables)
        if self._gathers:
            self._held.setdefault(insert, []).extend(rows)
            if check is not None:
                self._unchecked.setdefault(check, []).extend(rows)
            return
        if check is not None:
            await self._look(check, check.ask(rows))
        await self._asks.write(form, [form.bind(row) for row in rows])

    async def flush(self, *, ends: bool = False) -> None:
        """Writes what is held back. ``RefusedLate`` when some of it may not be written. ``ends``: it is the last of the
        transaction, so that one statement needs none."""
        if not self._held:
            return
        try:
            await self._write_held(ends)
        except Refused as fault:
            raise RefusedLate(*fault.args) from fault

    async def _write_held(self, ends: bool) -> None:
        held = [Write(one.form(self.dialect), rows, one in self._must_meet) for one, rows in self._held.items()]
        checks = [(check, check.ask(rows)) for check, rows in self._unchecked.items()]
        self._held, self._unchecked, self._must_meet = {}, {}, set()
        guards: Guards = ()
        if self._asks.guards and is_one_statement(held) and sum(len(asked) for _, asked in checks) <= _FEW:
            forms = [(check.query.form(self.dialect), asked) for check, asked in checks]
            guards = [(form, form.bind(one)) for form, asked in forms for one in asked]
        else:
            for check, asked in checks:
                await self._look(check, asked)
        if self._begin is not None and not (ends and is_one_statement(held)):
            await self._begin()
        if not await self._asks.write_all(held, guards):
            raise Refused("what is there does not admit what was to be written")

    async def _look(self, check: Unless, asked: Sequence[Values]) -> None:
        for one in asked:
            if await self.fetch(check.query, one):
                raise Refused("what must not be there is there")

    async def _flush_of(self, tables: frozenset[Table]) -> None:
        """Writes what is held back for these tables, so that it is seen."""
        if not self._held or all(statement.tables.isdisjoint(tables) for statement in self._held):
            return
        await self._get_ready(writes=False)
        await self.flush()

    async def recall(
        self, table: Table, key: Hashable, ask: Callable[[], Awaitable[T]], *, may_be_old: bool = False
    ) -> T:
        """What ``ask`` reads of ``table``, which is asked once for all pieces of a batch, until somebody writes. (On
        SQLite, where it is known who writes, once for all batches until then.) ``may_be_old``: what another process
        wrote may stay unknown for some seconds, as in all that is shown to pages."""
        # what it has itself written is nobody else's business before the COMMIT
        is_ours = self._wrote_any or table in self._written
        all_recalled = self._lasting if may_be_old and not is_ours else self._recalled
        recalled = all_recalled.get(table, {})
        if key not in recalled and self._arrive is not None:
            await self._arrive()
            recalled = all_recalled.get(table, {})  # another piece may have asked meanwhile
        if key in recalled:
            known: T = recalled[key]
            return known
        # taken before it is asked: what is forgotten meanwhile, by another batch that writes, takes the answer with it
        recalled = all_recalled.setdefault(table, {}) if self._gathers else {}
        answer = recalled[key] = await ask()
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
        takes all others take them in the same order (``lock_each``), or two wait for each other. SQLite has one writer
        anyhow."""
        await self.lock_each([name])

    async def lock_each(self, names: Iterable[tuple[object, ...]]) -> None:
        """As ``lock`` for each name, in the one order in which all take them."""
        if self.dialect.name == "postgresql":
            await self._get_ready()
            digests = {hashlib.sha256(repr(name).encode()).digest() for name in names}
            numbers = sorted(int.from_bytes(digest[:8], "big", signed=True) for digest in digests)
            one_by_one = text("SELECT pg_advisory_xact_lock(one) FROM unnest(CAST(:numbers AS bigint[])) AS one")
            await self._run(Connection.execute, one_by_one, {"numbers": numbers})

    async def _settle(self) -> None:
        """Before a statement of which nothing is known."""
        await self._get_ready()
        await self.flush()
        self._forget_all()

    async def _get_ready(self, *, writes: bool = True) -> None:
        if self._arrive is not None:
            await self._arrive()
        if writes and self._begin is not None:
            await self._begin()

    def forget_again(self) -> None:
        """After the COMMIT: until then another batch may have asked, and got answers of before."""
        if self._wrote_any:
            self._lasting.clear()
        for table in self._written:
            self._lasting.pop(table, None)

    def _forget(self, tables: frozenset[Table]) -> None:
        self._written |= tables
        if self._recalled or self._lasting:
            for table in tables:
                self._recalled.pop(table, None)
                self._lasting.pop(table, None)

    def _forget_all(self) -> None:
        self._wrote_any = True
        self._recalled.clear()
        self._lasting.clear()
