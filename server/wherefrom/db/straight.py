"""Prepared statements as asyncpg runs them, awaited where they are asked.

SQLAlchemy's way to the same driver costs a greenlet, a lock and a cursor a statement: 20 to 30 µs, which a batch of two
dozen visits pays up to five times. What the driver raises is told as SQLAlchemy would tell it. Knows the connection of
one batch after the other (``postgresql.Lane``); whatever is no prepared statement goes SQLAlchemy's way, on the same
connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from wherefrom.db.prepared import (
    Form,
    Guards,
    Held,
    Row,
    is_one_statement,
    is_refusal,
    spell_all,
    told_by_driver,
    write_all,
)


class Straight:
    """The driver of one connection. As ``asks.Asks`` has it."""

    guards = True

    def __init__(self, connection: AsyncConnection, adapted: Any) -> None:
        """``adapted``: SQLAlchemy's connection to the driver's."""
        self._connection = connection
        self._adapted = adapted
        self._driver = adapted.driver_connection

    async def command(self, sql: str) -> None:
        """BEGIN and the like."""
        await self._run(self._driver.execute, sql)

    async def fetch(self, form: Form, values: Row) -> list[Row]:
        return form.read(await self._ask(form.sql, values))

    async def change(self, form: Form, values: Row) -> int:
        status: str = await self._run(self._driver.execute, form.sql, values)
        return int(status.rpartition(" ")[2])  # "UPDATE 3"

    async def fetch_each(self, form: Form, asked: Sequence[Row]) -> list[list[Row]]:
        question = form.question(asked)
        if question is None:
            return [await self.fetch(form, values) for values in asked]
        return form.sort(asked, question, await self._ask(question.sql, question.values))

    async def write(self, form: Form, rows: Sequence[Row]) -> bool:
        return await self._connection.run_sync(form.write, rows)

    async def write_all(self, held: Held, guards: Guards = ()) -> bool:
        if not is_one_statement(held):
            return await self._connection.run_sync(write_all, held)
        sql, values = spell_all(held, guards)
        try:
            await self._ask(sql, values)
        except Exception as fault:
            if is_refusal(fault) and (guards or any(one.or_refused for one in held)):
                return False
            raise
        return True

    async def _ask(self, sql: str, values: Row) -> Any:
        return await self._run(self._driver.fetch, sql, values)

    async def _run(self, call: Callable[..., Awaitable[Any]], sql: str, values: Row = ()) -> Any:
        try:
            return await call(sql, *values)
        except Exception as fault:
            await self._tell(sql, values, fault)
            raise

    async def _tell(self, sql: str, values: Row, fault: Exception) -> None:
        """Raises it as SQLAlchemy's, unless it is none of the driver's own."""
        dialect = self._connection.dialect
        try:
            self._adapted._handle_exception(fault)
        except dialect.loaded_dbapi.Error as translated:
            if dialect.is_disconnect(translated, self._adapted, None):
                await self._connection.invalidate(translated)
            raise told_by_driver(sql, values, translated, dialect) from fault
