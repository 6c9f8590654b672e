"""INSERT with ON CONFLICT, which SQLAlchemy spells per engine."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Insert, Table
from sqlalchemy.dialects import postgresql, sqlite

from wherefrom.db.tx import Tx


def insert_unless_there(table: Table, *place: str) -> Insert:
    """An insert for ``Prepared``: rows whose ``place``, the columns of a unique index, is taken are left out."""
    # SQLite's compiler understands PostgreSQL's ON CONFLICT, not the other way round.
    return postgresql.insert(table).on_conflict_do_nothing(index_elements=place)


def insert(tx: Tx, table: Table) -> Any:
    """The engine's own insert of ``table``: has ``on_conflict_do_nothing`` and ``on_conflict_do_update`` (and
    ``excluded``) with the same arguments on both engines, which is why the answer's type is left open."""
    if tx.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
