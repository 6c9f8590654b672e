"""Indexes of some of a table's rows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Index, MetaData, text


class PartialIndex(Index):
    """Has the rows for which ``where`` holds (``on_sqlite`` where that is spelled differently there).

    SQLAlchemy loads each dialect that an index has options for. So nothing is told of them (``spell_out``) but to who
    compares a schema or makes one: a service does neither, and does without PostgreSQL's on SQLite."""

    def __init__(
        self, name: str, *columns: Any, where: str | ColumnElement[bool], on_sqlite: str = "", unique: bool = False
    ) -> None:
        super().__init__(name, *columns, unique=unique)
        self._conditions = {"postgresql_where": where, "sqlite_where": on_sqlite or where}

    def spell_out(self) -> None:
        for option, where in self._conditions.items():
            self.dialect_kwargs[option] = text(where) if isinstance(where, str) else where


def spell_out(metadata: MetaData) -> MetaData:
    """Tells ``metadata`` which rows its partial indexes have."""
    for table in metadata.tables.values():
        for index in table.indexes:
            if isinstance(index, PartialIndex):
                index.spell_out()
    return metadata
