"""Statements of the hot path: written in SQLAlchemy, compiled once, run by the driver.

SQLAlchemy spends 40 to 100 µs on a statement that SQLite answers in 5. What it knows about one (the SQL of the
dialect, how values become the driver's, how rows become ours) does not change from run to run, so it is asked once.
Only statements with fixed text: no ``IN`` over a list, no values that are left out at times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Delete, Dialect, Insert, Select, Table, Update
from sqlalchemy.sql import visitors
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

Row = tuple[Any, ...]
Convert = Callable[[Any], Any]


class Form:
    """A statement as one dialect runs it."""

    def __init__(self, statement: Select[Any] | Insert | Update | Delete, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._binds = [_binding(compiled, name, dialect) for name in compiled.positiontup or ()]
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        converters = ((at, _result_converter(one.type, dialect)) for at, one in enumerate(columns))
        self._converters = [(at, convert) for at, convert in converters if convert is not None]

    def bind(self, values: Mapping[str, Any]) -> Row:
        """``values`` as the driver takes them, in its order."""
        return tuple(
            [
                constant if name is None else values[name] if convert is None else convert(values[name])
                for name, convert, constant in self._binds
            ]
        )

    def read(self, rows: Sequence[Sequence[Any]]) -> list[Row]:
        """The driver's rows as ours."""
        if not self._converters:
            return [tuple(row) for row in rows]
        converted = [list(row) for row in rows]
        for row in converted:
            for at, convert in self._converters:
                row[at] = convert(row[at])
        return [tuple(row) for row in converted]

    def fetch(self, connection: Connection, values: Row) -> Sequence[Sequence[Any]]:
        return connection.exec_driver_sql(self.sql, values).fetchall()

    def change(self, connection: Connection, values: Row) -> int:
        return connection.exec_driver_sql(self.sql, values).rowcount

    def append(self, connection: Connection, rows: list[Row]) -> None:
        connection.exec_driver_sql(self.sql, rows)


class Prepared:
    """A statement with named parameters (``bindparam``; an INSERT's are its columns). Made once, in a module."""

    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self._statement = statement
        self._forms: dict[str, Form] = {}
        self.tables = frozenset(_tables(statement))

    def form(self, dialect: Dialect) -> Form:
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = Form(self._statement, dialect)
        return form


def _tables(statement: Any) -> set[Table]:
    written = [statement.table] if isinstance(statement, Insert | Update | Delete) else []
    named = (one.table if isinstance(one, Column) else one for one in visitors.iterate(statement))
    return {one for one in (*written, *named) if isinstance(one, Table)}


def _binding(compiled: SQLCompiler, name: str, dialect: Dialect) -> tuple[str | None, Convert | None, Any]:
    """Name and converter of a parameter, or its value when the statement itself has it."""
    bind = compiled.binds[name]
    if bind.expanding:
        raise ValueError(f"a prepared statement has fixed text, and {name} is a list")
    convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if bind.required:
        return name, convert, None
    value = bind.effective_value
    return None, None, value if convert is None else convert(value)


def _result_converter(type_: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    return type_.dialect_impl(dialect).result_processor(dialect, None)
