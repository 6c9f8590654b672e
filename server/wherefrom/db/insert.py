"""INSERT with ON CONFLICT, which SQLAlchemy spells per engine.

Of its dialects only the one in use is loaded: PostgreSQL's, with all its drivers, took a thirtieth of a start on
SQLite.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sqlalchemy import Insert, Table

if TYPE_CHECKING:
    from wherefrom.db.tx import Tx


class InsertUnlessThere:
    """An insert for ``Prepared``: rows whose ``place``, the columns of a unique index, is taken are left out."""

    def __init__(self, table: Table, *place: str) -> None:
        self.table = table
        self._place = place

    def spell(self, dialect: str) -> Insert:
        spelled: Insert = _insert(dialect, self.table).on_conflict_do_nothing(index_elements=self._place)
        return spelled


def insert(tx: Tx, table: Table) -> Any:
    """The engine's own insert of ``table``: has ``on_conflict_do_nothing`` and ``on_conflict_do_update`` (and
    ``excluded``) with the same arguments on both engines, which is why the answer's type is left open."""
    return _insert(tx.dialect.name, table)


def _insert(dialect: str, table: Table) -> Any:
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
