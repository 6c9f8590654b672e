"""What the code says of indexes that have some of a table's rows, against the databases that migrations make."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex

import wherefrom.app  # noqa: F401 - imports every room, and so every table
from wherefrom.db import Tx, metadata
from wherefrom.db.partial_index import PartialIndex, spell_out
from wherefrom.services import Services

_DIALECTS: Mapping[str, type[Dialect]] = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect}
_LISTS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
}


def _bare(condition: str) -> str:
    """As all spell it: PostgreSQL puts brackets and casts of its own."""
    return "".join(condition.lower().replace("::text", "").replace("(", "").replace(")", "").split())


def _condition(sql: str) -> str:
    return _bare(sql.partition(" WHERE ")[2])


async def _in_database(tx: Tx) -> dict[str, str]:
    rows = await tx.run_sync(lambda connection: connection.exec_driver_sql(_LISTS[tx.dialect.name]).fetchall())
    return {name: condition for name, sql in rows if (condition := _condition(sql))}


async def test_indexes_have_the_rows_that_the_code_says(services: Services) -> None:
    async with services.db.read() as tx:
        found, dialect = await _in_database(tx), _DIALECTS[tx.dialect.name]()
    ours = [
        index
        for table in spell_out(metadata).tables.values()
        for index in table.indexes
        if isinstance(index, PartialIndex)
    ]
    told = {str(index.name): _condition(str(CreateIndex(index).compile(dialect=dialect))) for index in ours}
    assert len(told) > 10
    assert found == told
