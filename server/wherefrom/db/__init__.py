"""The database: engines, transactions, group commit, column types."""

from wherefrom.db.engine import Database
from wherefrom.db.insert import insert
from wherefrom.db.prepared import Prepared
from wherefrom.db.refuse import Refused, Unless
from wherefrom.db.tx import Tx
from wherefrom.db.types import Json, Moment, metadata

__all__ = ["Database", "Json", "Moment", "Prepared", "Refused", "Tx", "Unless", "insert", "metadata"]
