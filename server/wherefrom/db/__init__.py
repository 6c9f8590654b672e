"""The database: engines, transactions, group commit, column types."""

from wherefrom.db.engine import Database
from wherefrom.db.insert import insert
from wherefrom.db.prepared import Prepared
from wherefrom.db.tx import Refused, Tx
from wherefrom.db.types import Json, Moment, metadata

__all__ = ["Database", "Json", "Moment", "Prepared", "Refused", "Tx", "insert", "metadata"]
