"""PostgreSQL: how a batch is written there. Everything is done in the event loop.

    batch()   ─▶ BEGIN, the pieces one after the other, what all have appended, COMMIT

A statement costs a round trip, whatever it asks, so what many ask is asked by one (``Tx.fetch_each``). The connection
is kept from batch to batch: to take one from the pool, which tries whether it still lives, costs three round trips.

A server that is there and does not answer is worse than one that is gone: whoever asks it waits for ever. So a service
gives its database a ``patience``, in seconds; migrations, copies and backups give none.

    connect, log in        5 s
    a connection dead      20 s: keepalive and TCP's own time limit, at both ends. A server that loses a client in the
                           middle of a transaction would keep its locks
    a lock of others       5 s, then the write fails (SQLite: 15 s, ``busy_timeout``)
    a statement            ``patience``, then its connection is given up and ``Unavailable`` raised
    a client that sleeps   30 s within a transaction, then the server ends it
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from wherefrom.db.batch import Commit, Piece, Undone, parts
from wherefrom.db.tx import Tx
from wherefrom.errors import Unavailable

_CONNECT_SECONDS = 5
_LOCK_SECONDS = 5
_FREE_SECONDS = 10.0  # how long a connection of the pool is waited for
_DEAD = {"idle": 10, "interval": 5, "count": 2}
_DEAD_MS = 1000 * (_DEAD["idle"] + _DEAD["interval"] * _DEAD["count"])
_ASLEEP_MS = 30_000
_HINT = "try again in a moment"


def open_engine(url: URL, size: int, patience: float | None) -> AsyncEngine:
    arguments: dict[str, Any] = {"timeout": _CONNECT_SECONDS, "command_timeout": patience}
    engine = create_async_engine(
        url, pool_size=size, pool_timeout=_FREE_SECONDS, pool_pre_ping=True, connect_args=arguments
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        _watch_line(connection.driver_connection._transport.get_extra_info("socket"))
        if patience is not None:
            connection.run_async(lambda driver: driver.execute(_limits(patience)))

    return engine


def _limits(patience: float) -> str:
    """For the server. Not among what is told when connecting: poolers between refuse what they do not know there."""
    limits = {
        "lock_timeout": round(1000 * min(_LOCK_SECONDS, patience)),
        "idle_in_transaction_session_timeout": _ASLEEP_MS,
        **{f"tcp_keepalives_{name}": seconds for name, seconds in _DEAD.items()},
        "tcp_user_timeout": _DEAD_MS,
    }
    return "; ".join(f"SET {name} = {value}" for name, value in limits.items())


def _watch_line(line: socket.socket | None) -> None:
    """Has the kernel tell when the server's machine is gone: asyncpg asks for nothing of the kind."""
    if line is None or line.family not in (socket.AF_INET, socket.AF_INET6):
        return
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _DEAD["idle"]),
        ("TCP_KEEPINTVL", _DEAD["interval"]),
        ("TCP_KEEPCNT", _DEAD["count"]),
        ("TCP_USER_TIMEOUT", _DEAD_MS),
    ):
        if (option := getattr(socket, name, None)) is not None:  # not all systems have all of them
            line.setsockopt(socket.IPPROTO_TCP, option, value)


@contextlib.asynccontextmanager
async def connected(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection of the pool. Unavailable where none can be had, or its server does not answer in time."""
    connection: AsyncConnection | None = None
    try:
        async with engine.connect() as connection:
            try:
                yield connection
            except TimeoutError as fault:
                await connection.invalidate(fault)
                raise
    except (TimeoutError, OSError) as fault:
        if connection is not None and not isinstance(fault, TimeoutError):
            raise  # it is about something else
        raise _unavailable(fault) from fault


def _unavailable(fault: OSError) -> Unavailable:
    silent = isinstance(fault, TimeoutError)
    return Unavailable(
        "the database did not answer in time" if silent else "the database server cannot be reached", hint=_HINT
    )


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
            except TimeoutError:  # the server's silence is no piece's fault
                raise
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
                try:
                    yield Tx(connection.run_sync, connection.dialect, gathers=gathers)
                except TimeoutError as fault:  # at once: the rollback would wait as long again
                    await connection.invalidate(fault)
                    raise
        except TimeoutError as fault:
            await connection.invalidate(fault)
            await self.close()
            raise _unavailable(fault) from fault
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
            try:
                connection = await self._engine.connect()
            except OSError as fault:
                raise _unavailable(fault) from fault
            self._driver = (await connection.get_raw_connection()).driver_connection
            self._connection = connection
        return self._connection

    def _is_lost(self, connection: AsyncConnection) -> bool:
        return connection.invalidated or self._driver.is_closed()
