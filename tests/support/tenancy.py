"""Says which tables of a statement are read or changed without regard to the site.

A tenant table has ``site_id`` first in its primary key. It is *bound* where its ``site_id`` must equal a value that was
handed in, or the ``site_id`` of a table that is bound (or the ``id`` of a ``site`` that is). What counts is what has to
hold for every row: an AND of conditions, both sides of an OR, the ON of a join for the side that it may leave out.

Judged from SQLAlchemy's own structures, not from text. A nested SELECT is judged by itself, and sees what encloses it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Alias,
    BindParameter,
    ColumnClause,
    CompoundSelect,
    Delete,
    False_,
    FromClause,
    Insert,
    Join,
    Lateral,
    Select,
    Table,
    Tuple,
    Update,
)  # fmt: skip
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import AsBoolean, BinaryExpression, BooleanClauseList, ClauseElement, Grouping
from sqlalchemy.sql.selectable import AliasedReturnsRows, ScalarSelect, SelectBase, TableValuedAlias, Values

Key = FromClause
"""A table, an alias or a subquery: the site of its rows is one unknown."""


@dataclass
class _Scope:
    """What encloses a nested SELECT: its tables, and those of them that are bound."""

    tables: frozenset[Key] = frozenset()
    bound: frozenset[Key] = frozenset()


@dataclass
class _Block:
    """One SELECT, UPDATE or DELETE: ``given`` are conditions, each with the tables it restricts (None: all)."""

    tables: list[Key] = field(default_factory=list)
    given: list[tuple[ClauseElement, frozenset[Key] | None]] = field(default_factory=list)


def find_unbound(statement: Any) -> list[str]:
    """The tenant tables that a statement does not bind to a site, by name; each once, sorted."""
    return sorted(set(_judge(statement, _Scope(), set())))


def _judge(statement: Any, outer: _Scope, seen: set[int]) -> Iterator[str]:
    if id(statement) in seen:  # a recursive query holds itself
        return
    seen.add(id(statement))
    if isinstance(statement, CompoundSelect):
        for one in statement.selects:
            yield from _judge(one, outer, seen)
        return
    block = _block_of(statement, outer)
    outer = _Scope(outer.tables, outer.bound - frozenset(block.tables))
    bound = _bound(block, outer)
    for table in block.tables:
        if is_tenant(table) and table not in bound:
            yield _name(table)
    inner = _Scope(outer.tables | frozenset(block.tables), outer.bound | bound)
    for nested, sees_outside in _nested(statement):
        yield from _judge(nested, inner if sees_outside else _Scope(), seen)


def is_tenant(table: FromClause) -> bool:
    """Whether the rows of a table, or of an alias of one, belong to sites."""
    base = table.element if isinstance(table, Alias) else table
    keys = list(base.primary_key) if isinstance(base, Table) else []
    return bool(keys) and keys[0].name == "site_id"


def _block_of(statement: Any, outer: _Scope) -> _Block:
    block = _Block()
    if isinstance(statement, Select):
        for one in _froms(statement):
            _take_from(one, block)
        if len(block.tables) > 1:  # as SQLAlchemy correlates: one table alone is never the enclosing one's
            block.tables = [one for one in block.tables if one not in outer.tables]
    elif isinstance(statement, Update | Delete):
        block.tables = [statement.table]
        where = [column.table for one in statement._where_criteria for column in _columns(one)]
        block.tables += {one for one in where if isinstance(one, FromClause)} - {statement.table} - outer.tables
    else:
        return block
    block.given += [(one, None) for one in statement._where_criteria]
    return block


def _froms(statement: Select[Any]) -> Sequence[FromClause]:
    """As ``get_final_froms``, without compiling the statement."""
    dialect = sqlite.dialect()
    state: Any = statement._compile_state_factory(statement, dialect.statement_compiler(dialect, None))
    froms: Sequence[FromClause] = state._get_display_froms()
    return froms


def _take_from(source: FromClause, block: _Block) -> frozenset[Key]:
    """The tables of a FROM; ON conditions as they restrict them."""
    if not isinstance(source, Join):
        block.tables.append(source)
        return frozenset([source])
    left, right = _take_from(source.left, block), _take_from(source.right, block)
    if source.onclause is not None and not source.full:
        block.given.append((source.onclause, right if source.isouter else None))
    return left | right


def _bound(block: _Block, outer: _Scope) -> frozenset[Key]:
    """Of the tables of a block and of what encloses it, those whose rows are of sites that were named."""
    known = outer.bound | {one for one in block.tables if not is_tenant(one) and not _is_site(one)}
    clauses = [(one, reach) for clause, reach in block.given for one in _each(clause)]
    if any(isinstance(one, False_) and reach is None for one, reach in clauses):
        return known.union(block.tables)  # no row at all
    while True:
        found = known
        for clause, reach in clauses:
            told = _told_by(clause, found)
            found |= told if reach is None else told & reach
        if found == known:
            return known
        known = found


def _told_by(clause: ClauseElement, known: frozenset[Key]) -> frozenset[Key]:
    """What one condition binds, where ``known`` is bound already."""
    if isinstance(clause, BooleanClauseList) and clause.operator is operators.or_:
        sides = [one for one in clause.clauses if not isinstance(one, False_)]
        told = [_bound_by_all(_each(one), known) for one in sides]
        return frozenset.intersection(*told) if told else frozenset()
    if not isinstance(clause, BinaryExpression):
        return frozenset()
    pairs = [(clause.left, clause.right)]
    if clause.operator is operators.eq:
        pairs.append((clause.right, clause.left))
    elif clause.operator is not operators.in_op:
        return frozenset()
    return frozenset(
        key
        for one, other in pairs
        for part in _parts(one)
        if (key := _site_of(part)) is not None and _is_known(other, known)
    )


def _parts(value: Any) -> Iterable[Any]:
    """``(a, b)`` of ``(a, b) IN (SELECT …)``; else the value itself."""
    return value.clauses if isinstance(value, Tuple) else [value]


def _bound_by_all(clauses: Iterable[ClauseElement], known: frozenset[Key]) -> frozenset[Key]:
    clauses = list(clauses)
    while True:
        found = known.union(*(_told_by(one, known) for one in clauses)) if clauses else known
        if found == known:
            return known
        known = found


def _each(clause: Any) -> Iterator[ClauseElement]:
    """The conditions that all have to hold."""
    if isinstance(clause, Grouping) or (isinstance(clause, AsBoolean) and clause.operator is operators.is_true):
        yield from _each(clause.element)
    elif isinstance(clause, BooleanClauseList) and clause.operator is operators.and_:
        for one in clause.clauses:
            yield from _each(one)
    else:
        yield clause


def _is_known(value: Any, known: frozenset[Key]) -> bool:
    """Whether a value was handed in, or is the site of a bound table. (A nested SELECT is judged by itself.)"""
    while isinstance(value, Grouping):
        value = value.element
    if isinstance(value, BindParameter | ScalarSelect | SelectBase):
        return True
    table = _site_of(value)
    if table is not None:
        return table in known
    return all(isinstance(column.table, TableValuedAlias | Values) for column in _columns(value))


def _site_of(value: Any) -> Key | None:
    """The table whose rows' site this is."""
    if not isinstance(value, ColumnClause) or not isinstance(value.table, FromClause):
        return None
    is_site = value.name == "site_id" or (value.name == "id" and _is_site(value.table))
    return value.table if is_site else None


def _is_site(table: FromClause) -> bool:
    base = table.element if isinstance(table, Alias) else table
    return isinstance(base, Table) and base.name == "site"


def _name(table: FromClause) -> str:
    base = table.element if isinstance(table, Alias) else table
    return str(getattr(base, "name", base))


def _columns(clause: Any) -> Iterator[ColumnClause[Any]]:
    """The columns of an expression, not of SELECTs within it."""
    if isinstance(clause, ColumnClause):
        yield clause
    elif not isinstance(clause, SelectBase):
        for one in clause.get_children():
            yield from _columns(one)


def _nested(statement: Any) -> Iterator[tuple[SelectBase, bool]]:
    """The SELECTs one step within, and whether they see the tables of the statement."""
    for one in statement.get_children():
        yield from _nested_in(one)
    if isinstance(statement, Select):
        for source in _froms(statement):
            yield from _nested_in(source)
    if isinstance(statement, Insert) and statement.select is not None:
        yield statement.select, False


def _nested_in(element: Any) -> Iterator[tuple[SelectBase, bool]]:
    if isinstance(element, SelectBase):
        yield element, True
    elif isinstance(element, Table):
        return
    elif isinstance(element, ColumnClause):
        if isinstance(element.table, AliasedReturnsRows):
            yield from _nested_in(element.table)
    elif isinstance(element, AliasedReturnsRows):
        for select, _ in _nested_in(element.element):
            yield select, isinstance(element, Lateral)
    else:
        for one in element.get_children():
            yield from _nested_in(one)
