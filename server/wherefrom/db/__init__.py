"""The database: engines, transactions, group commit, column types."""

from wherefrom.db.engine import Database, Tx
from wherefrom.db.insert import insert
from wherefrom.db.types import Json, Moment, metadata

__all__ = ["Database", "Json", "Moment", "Tx", "insert", "metadata"]
