"""Statements of the hot path: written in SQLAlchemy, compiled once, run by the driver.

SQLAlchemy spends 40 to 100 µs on a statement that SQLite answers in 5. What it knows about one (the SQL of the
dialect, how values become the driver's, how rows become ours) does not change from run to run, so it is asked once.
Only statements with fixed text: no ``IN`` over a list, no values that are left out at times.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, cast

from msgspec import Struct
from msgspec.structs import astuple
from sqlalchemy import BindParameter, Column, Connection, Delete, Dialect, Insert, Select, Table, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler

from wherefrom.db.insert import InsertUnlessThere
from wherefrom.db.many import FOUND, Many, combine, spell_for_many

Row = tuple[Any, ...]
Convert = Callable[[Any], Any]


_FLOAT8 = 701
"""How PostgreSQL numbers its type for floats; SQLAlchemy asks, of numbers only, what kind it gets."""

_MOST_ROWS = 64
"""Of one INSERT. They are halved until they fit: each number of rows is a statement of its own, which takes as long to
spell out as to run and is kept by the driver."""


class Question(NamedTuple):
    """One statement that asks for all ``keys``; the first column of an answer says by place for which."""

    sql: str
    values: Row
    keys: Sequence[Row]


class Form:
    """A statement as one dialect runs it."""

    def __init__(self, statement: Select[Any] | Insert | Update | Delete, dialect: Dialect, of: type | None) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        filled = {one.name for one in statement.table.c if not one.nullable} if isinstance(statement, Insert) else set()
        binds = [_binding(compiled, name, dialect, name in filled) for name in compiled.positiontup or ()]
        self._constants = {one.name: one.constant for one in binds if one.is_constant}
        self._get = _getter([one.name for one in binds], of)
        self._binders = [(at, one.convert) for at, one in enumerate(binds) if one.convert and not one.is_constant]
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        found = ((at, _reader(one.type, dialect)) for at, one in enumerate(columns))
        self._readers = [(at, convert) for at, convert in found if convert is not None]
        self._width = len(binds)
        self._inserts: dict[tuple[int, bool], str] = {}
        self._in_steps = dialect.name == "sqlite"
        self._many = spell_for_many(self.sql, statement, [one.is_constant for one in binds], dialect)
        self.appends = isinstance(statement, Insert)
        self._columns: list[tuple[Convert | None, Callable[[Sequence[Any]], str]]] = []
        if self._many is not None and self._many.spell is not None and not self._constants and self._width > 1:
            self._columns = [(one.convert, spell) for one, spell in zip(binds, self._many.spell, strict=True)]
        self.locks = not isinstance(statement, Select) or "FOR UPDATE" in self.sql

    def bind(self, values: Any) -> Row:
        """``values`` as the driver takes them, in its order."""
        found = self._get({**self._constants, **values} if self._constants else values)
        row: Row = found if self._width > 1 else (found,)
        if not self._binders:
            return row
        bound = list(row)
        for at, convert in self._binders:
            bound[at] = convert(bound[at])
        return tuple(bound)

    def read(self, rows: Sequence[Sequence[Any]], at: int = 0) -> list[Row]:
        """The driver's rows as ours, from column ``at`` on."""
        if not self._readers:
            return [tuple(row[at:]) for row in rows]
        found = []
        for row in rows:
            values = list(row[at:])
            for place, convert in self._readers:
                if (value := values[place]) is not None:
                    values[place] = convert(value)
            found.append(tuple(values))
        return found

    def fetch(self, connection: Connection, values: Row) -> list[Row]:
        return self.read(execute(connection, self.sql, values).fetchall())

    def change(self, connection: Connection, values: Row) -> int:
        return int(execute(connection, self.sql, values).rowcount)

    def fetch_each(self, connection: Connection, asked: Sequence[Row]) -> list[list[Row]]:
        """The rows found for each of ``asked``."""
        question = self.question(asked)
        if question is None:
            return [self.fetch(connection, values) for values in asked]
        return self.sort(asked, question, execute(connection, question.sql, question.values).fetchall())

    def question(self, asked: Sequence[Row]) -> Question | None:
        """One statement for all ``asked``; None where each has to be asked by itself."""
        if self._many is None or len(asked) == 1:
            return None
        keys = self._order(dict.fromkeys(asked))
        return Question(self._many.sql, self._many.pack(keys), keys)

    def sort(self, asked: Sequence[Row], question: Question, rows: Sequence[Sequence[Any]]) -> list[list[Row]]:
        """The rows that answer ``question``, for each of ``asked``."""
        answers: dict[Row, list[Row]] = {key: [] for key in question.keys}
        for row, read in zip(rows, self.read(rows, 1), strict=True):
            answers[question.keys[row[0]]].append(read)
        return [answers[values] for values in asked]

    def spell(self, rows: Sequence[Any]) -> Row:
        """The values of statement ``many``, of rows that are not bound yet where this is an INSERT."""
        if self._many is None:
            raise ValueError(f"is not written for many at once: {self.sql}")
        if not self.appends:
            return self._many.pack(self.arrange(rows))
        if not self._columns:
            return self._many.pack([self.bind(row) for row in rows])
        columns = zip(*map(self._get, rows), strict=True)
        return tuple(
            spell(values if convert is None else tuple(map(convert, values)))
            for (convert, spell), values in zip(self._columns, columns, strict=True)
        )

    def write(self, connection: Connection, rows: Sequence[Row], *, or_all_undone: bool = False) -> bool:
        """An INSERT or UPDATE of each of ``rows``; whether each UPDATE met a row, where each meets one at most.
        ``or_all_undone``: a fault ends the transaction, so that SQLite need not be able to undo this statement alone,
        for which it keeps a copy of each page."""
        if not self.appends:
            different = self.arrange(rows)
            if self._many is None or len(different) == 1:
                return sum([self.change(connection, values) for values in different]) == len(different)
            return int(execute(connection, self._many.sql, self._many.pack(different)).rowcount) == len(different)
        if self._many is not None:
            execute(connection, self._many.sql, self._many.pack(rows))
        elif not self._in_steps:
            connection.exec_driver_sql(self.sql, list(rows))
        else:  # a step for many rows: at each step SQLite's driver lets other threads run, and is slow to come back
            at, size = 0, _MOST_ROWS
            while at < len(rows):
                while at + size > len(rows):
                    size //= 2
                some = tuple(chain.from_iterable(rows[at : at + size]))
                execute(connection, self._insert_of(size, or_all_undone), some)
                at += size
        return True

    def arrange(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Of UPDATEs each once, in the order in which all lock rows."""
        return rows if self.appends else self._order(dict.fromkeys(rows))

    @property
    def many(self) -> Many | None:
        """As one statement for many rows."""
        return self._many

    def _order(self, asked: Iterable[Row]) -> list[Row]:
        """One order for all who lock rows, so that they never wait for each other."""
        if not self.locks:
            return list(asked)
        try:
            return sorted(asked)
        except TypeError:  # there is NULL among them
            return sorted(asked, key=repr)

    def _insert_of(self, size: int, or_all_undone: bool) -> str:
        place = size, or_all_undone
        if place not in self._inserts:
            head, _, rest = self.sql.rpartition(" VALUES ")
            row, _, tail = rest.partition(")")  # behind it may stand what to do about a conflict
            if or_all_undone and not tail:
                head = head.replace("INSERT", "INSERT OR FAIL", 1)
            self._inserts[place] = f"{head} VALUES {', '.join([row + ')'] * size)}{tail}"
        return self._inserts[place]


class Prepared:
    """A statement with named parameters (``bindparam``; an INSERT's are its columns). Made once, in a module.

    Its values are a mapping by name, or an object ``of`` a type with attributes of these names."""

    def __init__(
        self, statement: Select[Any] | Insert | Update | Delete | InsertUnlessThere, *, of: type | None = None
    ) -> None:
        self._statement = statement
        self._of = of
        self._forms: dict[str, Form] = {}
        self.tables = frozenset(_tables(statement))

    def form(self, dialect: Dialect) -> Form:
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = Form(self.spell(dialect), dialect, self._of)
        return form

    def spell(self, dialect: Dialect) -> Select[Any] | Insert | Update | Delete:
        """The statement as SQLAlchemy compiles it for ``dialect``."""
        one = self._statement
        return one.spell(dialect.name) if isinstance(one, InsertUnlessThere) else one


class Write(NamedTuple):
    """Rows that are to be written: of an INSERT as they are given, of an UPDATE bound. ``or_refused``: each UPDATE must
    meet a row."""

    form: Form
    rows: list[Any]
    or_refused: bool = False


Held = Sequence[Write]
Guards = Sequence[tuple[Form, Row]]
"""SELECTs that must find nothing, each with its values."""


def write_all(connection: Connection, held: Held) -> bool:
    """On PostgreSQL by one statement, where that can be. A fault ends the transaction, and so must False: an UPDATE
    that must meet a row met none."""
    if len(held) == 1 or not is_one_statement(held):  # on SQLite too
        for form, rows, or_refused in held:
            bound = [form.bind(row) for row in rows] if form.appends else rows
            if not form.write(connection, bound, or_all_undone=True) and or_refused:
                return False
        return True
    try:
        execute(connection, *spell_all(held))
    except DBAPIError as fault:
        if is_refusal(fault) and any(one.or_refused for one in held):
            return False
        raise
    return True


def spell_all(held: Held, guards: Guards = ()) -> tuple[str, Row]:
    """The one statement, and its values. It fails (``is_refusal``) when a guard finds anything, or an UPDATE that must
    meet a row meets none."""
    counted = {at: len(set(one.rows)) for at, one in enumerate(held) if one.or_refused}
    sql = combine(
        tuple(one.form.many.sql for one in held if one.form.many), tuple(form.sql for form, _ in guards), tuple(counted)
    )
    written = (one.form.spell(one.rows) for one in held)
    return sql, tuple(chain(chain.from_iterable(written), *(values for _, values in guards), counted.values()))


def is_refusal(fault: BaseException) -> bool:
    """Whether PostgreSQL's statement failed because it said so itself."""
    return getattr(getattr(fault, "orig", None), "sqlstate", None) == FOUND


def is_one_statement(held: Held) -> bool:
    return all(one.form.many is not None and one.form.many.combines for one in held)


def execute(connection: Connection, sql: str, values: Row = ()) -> Any:
    """The driver's cursor. Without SQLAlchemy's share, which is several times the statement's, unless somebody listens
    to its events."""
    if connection.engine.dispatch.before_cursor_execute:
        return connection.exec_driver_sql(sql, values)
    dialect = connection.dialect
    cursor: Any
    if dialect.is_async:
        cursor = connection.connection.cursor()
    else:  # its rows are fetched here, so it need not be one that keeps them
        driver: Any = connection.connection.driver_connection
        cursor = driver.cursor(sqlite3.Cursor)
    try:
        cursor.execute(sql, values)
    except dialect.loaded_dbapi.Error as fault:
        if dialect.is_disconnect(fault, connection.connection.dbapi_connection, cursor):
            connection.invalidate(fault)
        raise told_by_driver(sql, values, fault, dialect) from fault
    return cursor


def told_by_driver(sql: str, values: Row, fault: Exception, dialect: Dialect) -> BaseException:
    """What a driver raised, as SQLAlchemy would have raised it."""
    return DBAPIError.instance(sql, values, fault, dialect.loaded_dbapi.Error, dialect=dialect)


def _reader(type_: Any, dialect: Dialect) -> Convert | None:
    """As ``_converter``, for what is read; NULL is no concern of its."""
    straight: Convert | None = getattr(type_, "read_value", None)
    if straight is not None:
        return straight
    return cast("Convert | None", type_.dialect_impl(dialect).result_processor(dialect, _FLOAT8))


def _tables(statement: Any) -> set[Table]:
    if isinstance(statement, InsertUnlessThere):
        return {statement.table}
    written = [statement.table] if isinstance(statement, Insert | Update | Delete) else []
    named = (one.table if isinstance(one, Column) else one for one in visitors.iterate(statement))
    return {one for one in (*written, *named) if isinstance(one, Table)}


def _getter(names: Sequence[str], of: type | None) -> Callable[[Any], Any]:
    """What takes the values of these names out of a mapping or an object: their tuple, or the value if it is one."""
    if of is None:
        return itemgetter(*names)
    if issubclass(of, Struct) and len(names) > 1 and tuple(names) == of.__struct_fields__:
        return astuple  # a fifth of the time
    if issubclass(of, tuple) and tuple(names) == getattr(of, "_fields", None):
        return tuple
    return attrgetter(*names)


class _Binding(NamedTuple):
    """A parameter, or (``is_constant``) a value that the statement itself has."""

    name: str
    convert: Convert | None
    is_constant: bool
    constant: Any


def _binding(compiled: SQLCompiler, name: str, dialect: Dialect, is_filled: bool) -> _Binding:
    bind = compiled.binds[name]
    if bind.expanding:
        raise ValueError(f"a prepared statement has fixed text, and {name} is a list")
    convert = _converter(bind, dialect, is_filled)
    value = bind.effective_value
    return _Binding(name, convert, not bind.required, value if convert is None or bind.required else convert(value))


def _converter(bind: BindParameter[Any], dialect: Dialect, is_filled: bool) -> Convert | None:
    """SQLAlchemy's own way to ``Moment`` and ``Json`` goes through three calls; theirs through one. ``is_filled``: it
    is never None."""
    straight: Convert | None = getattr(bind.type, "bind_value", None)
    if straight is None:
        return bind.type.dialect_impl(dialect).bind_processor(dialect)
    return straight if is_filled else lambda value: None if value is None else straight(value)
