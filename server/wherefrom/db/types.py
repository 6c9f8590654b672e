"""Column types that read the same on both engines."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, MetaData, Text
from sqlalchemy.types import TypeDecorator

from wherefrom.clock import from_ms, to_ms

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""All tables of all rooms; ``migrations/`` must bring a database to exactly this."""


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime in Python, integer milliseconds in the database."""

    impl = BigInteger
    cache_ok = True
    bind_value = staticmethod(to_ms)
    read_value = staticmethod(from_ms)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_ms(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_ms(value)


class Json(TypeDecorator[Any]):
    """Any JSON value or msgspec Struct; text in the database, plain Python values when read."""

    impl = Text
    cache_ok = True
    read_value = staticmethod(msgspec.json.decode)

    @staticmethod
    def bind_value(value: Any) -> str:
        return msgspec.json.encode(value).decode()

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)
