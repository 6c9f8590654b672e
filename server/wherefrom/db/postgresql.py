"""PostgreSQL: how a batch is written there. Everything is done in the event loop.

    batch()   ─▶ BEGIN, the pieces one after the other, what all have appended, COMMIT

A statement costs a round trip, whatever it asks, so what many ask is asked by one (``Tx.fetch_each``). The connection
is kept from batch to batch: to take one from the pool, which tries whether it still lives, costs three round trips.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from wherefrom.db.batch import Commit, Piece, Undone, parts
from wherefrom.db.tx import Tx


class BatchWriter:
    """Writes batches, one at a time."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._connection: AsyncConnection | None = None
        self._driver: Any = None

    async def commit_together(self, batch: list[Piece]) -> None:
        """As ``db.batch.Ways`` has it."""
        async with self._begin(gathers=True) as tx:
            try:
                for part in parts(batch):
                    await part.run(tx)
                await tx.flush()
            except Exception as fault:
                raise Undone(fault) from fault

    async def commit_again(self, commit: Commit, batch: list[Piece]) -> None:
        """As ``db.batch.Ways`` has it."""
        await commit(batch, self._begin)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    @contextlib.asynccontextmanager
    async def _begin(self, *, gathers: bool = False) -> AsyncIterator[Tx]:
        connection = await self._connect()
        try:
            async with connection.begin():
                yield Tx(connection.run_sync, connection.dialect, gathers=gathers)
        except BaseException:
            if self._is_lost(connection):
                await self.close()
            raise

    async def _connect(self) -> AsyncConnection:
        """The connection of the batch before, unless the server has ended it since."""
        if self._connection is not None and self._is_lost(self._connection):
            await self._connection.invalidate()
            await self.close()
        if self._connection is None:
            connection = await self._engine.connect()
            self._driver = (await connection.get_raw_connection()).driver_connection
            self._connection = connection
        return self._connection

    def _is_lost(self, connection: AsyncConnection) -> bool:
        return connection.invalidated or self._driver.is_closed()
