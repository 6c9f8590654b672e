"""INSERT with ON CONFLICT, which SQLAlchemy spells per engine."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

from wherefrom.db.tx import Tx


def insert(tx: Tx, table: Table) -> Any:
    """The engine's own insert of ``table``: has ``on_conflict_do_nothing`` and ``on_conflict_do_update`` (and
    ``excluded``) with the same arguments on both engines, which is why the answer's type is left open."""
    if tx.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
