"""Rows in every table there is, made from the tables themselves: a table of tomorrow is in as well."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    insert,
    select,
)
from sqlalchemy.types import TypeDecorator

import wherefrom.app  # noqa: F401 - imports every room, and so every table
from wherefrom.db import Database, Json, metadata

_TEXTS = (
    "",
    "plain",
    "Straße, Ελλάδα, 你好, 👩‍🔬",
    "a\tb\nc\r\nd\\N\\.\\",
    "'; DROP TABLE visit; --",
    '"quoted", {curly}',
    "é",
)


async def fill(url: str, rows: int = 45) -> None:
    """Puts ``rows`` rows into every table."""
    database = Database(url)
    try:
        async with database.write() as tx:
            for table in metadata.sorted_tables:
                twin = as_stored(table)
                made = [{one.name: _value(one, number) for one in table.columns} for number in range(rows)]
                await tx.execute(insert(twin), made)
    finally:
        await database.close()


async def read_all(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables as they are stored, each table's in the order of its key."""
    database = Database(url)
    try:
        found = {}
        async with database.read() as tx:
            for table in metadata.sorted_tables:
                twin = as_stored(table)
                keys = [list(twin.columns).index(one) for one in twin.primary_key]
                rows = [tuple(row) for row in (await tx.execute(select(twin))).all()]
                found[table.name] = sorted(rows, key=lambda row, keys=keys: [row[one] for one in keys])  # type: ignore[misc]
        return found
    finally:
        await database.close()


def as_stored(table: Table) -> Table:
    """The table with plain column types: what is really in the database."""
    return Table(
        table.name,
        MetaData(),
        *(
            Column(one.name, one.type.impl_instance if isinstance(one.type, TypeDecorator) else one.type,
                   primary_key=one.primary_key)
            for one in table.columns
        ),
    )  # fmt: skip


def _value(column: Column[Any], number: int) -> Any:
    if column.nullable and number % 3 == 0:
        return None
    kind = column.type
    if isinstance(kind, Json):
        return f'{{"number":  {number}, "tenth": 0.10, "text": "\\u00e9{_TEXTS[number % 2]}"}}'  # odd blanks stay
    if isinstance(kind, TypeDecorator | BigInteger):
        return number * ((1 << 63) // 50) - (0 if column.primary_key else 1)
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, Integer):
        return number * ((1 << 31) // 50)
    if isinstance(kind, Float):
        return number / 7
    if isinstance(kind, LargeBinary):
        return bytes(range(256)) * number
    assert isinstance(kind, String | Text), f"{column}: say here what a {kind} may hold"
    most = kind.length or 10_000
    name = f"{chr(ord('a' if number % 2 else 'A') + number % 26)}{number}"
    return f"{name}{_TEXTS[number % len(_TEXTS)]}"[:most]
