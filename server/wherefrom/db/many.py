"""One statement in the place of many that differ in their values alone, as each engine can be asked so.

    SELECT … WHERE id = $1     SELECT asked.at - 1, found.* FROM unnest($1) WITH ORDINALITY AS asked(v1, at)
                               CROSS JOIN LATERAL (SELECT … WHERE id = asked.v1) AS found
    SELECT … WHERE id = ?      SELECT json_each.key, … FROM json_each(?) CROSS JOIN … WHERE id = json_extract(…)
    UPDATE … WHERE id = …      UPDATE … FROM the same WHERE …
    INSERT … VALUES ($1, $2)   INSERT … SELECT * FROM unnest($1, $2)

The first column of what a SELECT finds says by place, from 0, for which of the sets of values. On PostgreSQL a
statement costs a round trip; on SQLite a thread that lets another one run, and waits to go on. Lists go to PostgreSQL
as its literals: asyncpg asks each value of a list what kind it is, which costs as much as all the rest. Refuses to know
connections.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Delete, Dialect, Insert, Select

Row = tuple[Any, ...]

FOUND = "22012"
"""SQLSTATE of a division by zero: PostgreSQL has no statement that fails with words of our choice."""

_PARAMETER = re.compile(r"\$(\d+)::(BIGINT|INTEGER|VARCHAR|TEXT|BOOLEAN|FLOAT)\b")
_NUMBER = re.compile(r"\$(\d+)\b")
_FROM = re.compile(r"\sFROM\s")
_JSON = msgspec.json.Encoder()


class Many(NamedTuple):
    """``pack``: several sets of values, each as the single statement takes them, as ``sql`` does; ``spell``: the same,
    column by column, where that can be. ``combines``: it may be one of several in a statement (``combine``)."""

    sql: str
    pack: Callable[[Sequence[Row]], Row]
    combines: bool = False
    spell: Sequence[Callable[[Sequence[Any]], str]] | None = None


def spell_for_many(sql: str, statement: Any, constant: Sequence[bool], dialect: Dialect) -> Many | None:
    """None for what cannot be asked so. ``constant`` says of each parameter whether it is always the same."""
    if isinstance(statement, Delete) or all(constant):
        return None
    if dialect.name == "sqlite":
        return _spell_by_json(sql, statement)
    return _spell_insert(sql) if isinstance(statement, Insert) else _spell_by_lists(sql, statement, constant)


def _spell_by_json(sql: str, statement: Any) -> Many | None:
    """Each row is a JSON array. Not for INSERT, where binding the values is quicker; nor for LIMIT and the like, which
    would count over all."""
    if isinstance(statement, Insert) or sql.count("SELECT") != isinstance(statement, Select):
        return None
    if " LIMIT " in sql or " GROUP BY " in sql:
        return None
    places = iter(range(sql.count("?")))
    once = re.sub(r"\?", lambda _: f"json_extract(json_each.value, '$[{next(places)}]')", sql)
    if isinstance(statement, Select):  # CROSS: SQLite takes the tables in this order
        head, tail = _FROM.split(once, 1)
        head = head.replace("SELECT ", "SELECT json_each.key, ", 1)
        once = f"{head} FROM json_each(?) CROSS JOIN {tail}"
    else:
        head, where, tail = once.partition(" WHERE ")
        once = f"{head} FROM json_each(?){where}{tail}"
    return Many(once, lambda rows: (_JSON.encode(rows).decode(),))


def _spell_by_lists(sql: str, statement: Any, constant: Sequence[bool]) -> Many | None:
    """As ``LATERAL`` it is the statement itself that is run for each set, with its own index, order and limit."""
    once = _PARAMETER.sub(lambda one: one[0] if constant[int(one[1]) - 1] else f"asked.v{one[1]}", sql)
    if "LIMIT asked" in once:
        return None
    types = dict(_PARAMETER.findall(sql))
    named = [n for n, fixed in enumerate(constant, start=1) if not fixed]
    lists = ", ".join(_spell_list(n, types[str(n)]) for n in named)
    literals = {n - 1: _literal_of(types[str(n)]) for n in named}
    asked = f"unnest({lists}) WITH ORDINALITY AS asked({', '.join(f'v{n}' for n in named)}, at)"

    def pack(rows: Sequence[Row]) -> Row:
        columns = enumerate(zip(*rows, strict=True))
        return tuple(literals[at](one) if at in literals else one[0] for at, one in columns)

    if isinstance(statement, Select):
        return Many(f"SELECT asked.at - 1, found.* FROM {asked} CROSS JOIN LATERAL ({once}) AS found", pack)  # noqa: S608
    head, where, tail = once.partition(" WHERE ")
    return Many(f"{head} FROM {asked}{where}{tail}", pack, combines=True)


def _spell_insert(sql: str) -> Many | None:
    """Behind the rows may stand what to do about a conflict."""
    head, _, rest = sql.rpartition(" VALUES (")
    values, _, tail = rest.partition(")")
    found = _PARAMETER.findall(values)
    if len(found) != values.count(",") + 1:
        return None
    lists = ", ".join(_spell_list(int(n), kind) for n, kind in found)
    literals = [_literal_of(kind) for _, kind in found]

    def pack(rows: Sequence[Row]) -> Row:
        return tuple(literal(one) for literal, one in zip(literals, zip(*rows, strict=True), strict=True))

    sql = f"{head} SELECT * FROM unnest({lists}){tail}"  # noqa: S608 - all of it is ours
    return Many(sql, pack, combines=True, spell=[_but_for_nothing(literal) for literal in literals])


def _spell_list(n: int, kind: str) -> str:
    return f"${n}::TEXT::{kind}[]"


def _literal_of(kind: str) -> Callable[[Sequence[Any]], str]:
    return _float_literal if kind == "FLOAT" else _literal


def _but_for_nothing(literal: Callable[[Sequence[Any]], str]) -> Callable[[Sequence[Any]], str]:
    """Many a column is NULL in all rows."""

    def spell(values: Sequence[Any]) -> str:
        if values[0] is None and values.count(None) == len(values):
            return _spell_nothing(len(values))
        return literal(values)

    return spell


@lru_cache
def _spell_nothing(number: int) -> str:
    return f"{{{','.join(['null'] * number)}}}"


def _literal(values: Sequence[Any]) -> str:
    """``{"a","b",null}``: PostgreSQL's own spelling of a list. JSON's is the same but for its brackets, and for what is
    escaped: there ``\\n`` is the letter n."""
    text = _JSON.encode(values).decode()
    if "\\" in text:
        return f"{{{','.join(map(_quoted, values))}}}"
    return f"{{{text[1:-1]}}}"


def _float_literal(values: Sequence[float | None]) -> str:
    """JSON has no infinity."""
    return f"{{{str(list(values))[1:-1].replace('None', 'NULL')}}}"


def _quoted(value: str | None) -> str:
    return "null" if value is None else '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@lru_cache
def combine(statements: tuple[str, ...], guards: tuple[str, ...] = (), counted: tuple[int, ...] = ()) -> str:
    """One statement of PostgreSQL that does what several do, which must not meet each other's rows; its parameters are
    theirs, one after the other, then those of the ``guards``: SELECTs that must find nothing of what was there before,
    or the whole fails with ``FOUND``. So it does where one of the ``counted``, by their places, meets another number of
    rows than the parameter for it says, which come last."""
    before = 0

    def renumber(sql: str) -> str:
        nonlocal before
        renumbered = _NUMBER.sub(lambda one, by=before: f"${int(one[1]) + by}", sql)  # type: ignore[misc]
        before += len(set(_NUMBER.findall(sql)))
        return renumbered

    returning = dict.fromkeys(counted, " RETURNING 1")
    writes = ", ".join(f"w{n} AS ({renumber(sql)}{returning.get(n, '')})" for n, sql in enumerate(statements))
    # Counted: for one row PostgreSQL would rather read the whole table.
    wanted = [f"(SELECT count(*) FROM ({renumber(sql)}) AS g{n}) = 0" for n, sql in enumerate(guards)]  # noqa: S608
    wanted += [f"(SELECT count(*) FROM w{at}) = ${before + n}::BIGINT" for n, at in enumerate(counted, start=1)]  # noqa: S608
    if not wanted:
        return f"WITH {writes} SELECT 1"
    return f"WITH {writes} SELECT 1 / CASE WHEN {' AND '.join(wanted)} THEN 1 ELSE 0 END"
