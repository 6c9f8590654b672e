"""PostgreSQL: how a batch is written there. Everything is done in the event loop.

    batch()   ─▶ what the pieces ask ─▶ what all have appended and changed, one statement

A statement costs a round trip, whatever it asks, so what many ask is asked by one (``Tx.fetch_each``), and what all
write is one statement, which needs no transaction around it. BEGIN and COMMIT are sent where a piece locks rows, or
writes what it cannot leave to the end. A check of what is to be written (``Unless``) goes with it. The connection is
kept from batch to batch: to take one from the pool, which tries whether it still lives, costs three round trips.

Two such connections (``Lane``) let two batches be under way: while the server writes one, the next one is decided. They
meet as those of two processes do, by the server's locks: a page of a visitor waits for the other page of theirs, and a
deadlock is tried again.

What may be some seconds old (``Tx.recall``) is recalled from batch to batch: other processes may have written
meanwhile. What this process writes is known at once, and to the other batch when it is committed.

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

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from wherefrom.db.asks import Asks, AsksByRun
from wherefrom.db.batch import Commit, Undone
from wherefrom.db.piece import Piece, parts
from wherefrom.db.straight import Straight
from wherefrom.db.tx import Recalled, Tx
from wherefrom.errors import Unavailable

_CONNECT_SECONDS = 5
_LOCK_SECONDS = 5
_FREE_SECONDS = 10.0  # how long a connection of the pool is waited for
_DEAD = {"idle": 10, "interval": 5, "count": 2}
_DEAD_MS = 1000 * (_DEAD["idle"] + _DEAD["interval"] * _DEAD["count"])
_ASLEEP_MS = 30_000
_RECALL_SECONDS = 5.0
_LANES = 2
"""Batches under way at once. More would be smaller ones, for the same processor and the same disk."""
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
        "lock_timeout": round(1000 * min(_LOCK_SECONDS, patience / 2)),
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


class Writer:
    """Writes: each transaction on a connection of the pool, batches on those that its ``lanes`` keep."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._memory = _Memory()
        self.lanes = tuple(Lane(engine, self._memory) for _ in range(_LANES))

    @contextlib.asynccontextmanager
    async def write(self) -> AsyncIterator[Tx]:
        """One transaction, on a connection of the pool."""
        self._memory.forget()
        try:
            async with _begin(self._engine) as tx:
                yield tx
        finally:
            self._memory.forget()

    async def close(self) -> None:
        for lane in self.lanes:
            await lane.close()


class _Memory:
    """What is recalled from batch to batch, by all lanes."""

    def __init__(self) -> None:
        self._recalled: Recalled = {}
        self._forgotten_at = 0.0

    def recalled(self) -> Recalled:
        now = time.monotonic()
        if now >= self._forgotten_at:
            self.forget()
            self._forgotten_at = now + _RECALL_SECONDS
        return self._recalled

    def forget(self) -> None:
        """This process has written, or will."""
        self._recalled.clear()


class Lane:
    """Writes one batch after the other, on a connection that it keeps. What two lanes write at once meets as the writes
    of two processes do: in the server, by its locks."""

    def __init__(self, engine: AsyncEngine, memory: _Memory) -> None:
        self._engine = engine
        self._memory = memory
        self._connection: AsyncConnection | None = None
        self._driver: Any = None
        self._straight: Straight | None = None

    async def commit_together(self, batch: list[Piece]) -> None:
        """As ``db.batch.Ways`` has it."""
        connection = await self._connect()
        # what listens to SQLAlchemy's events must hear of all
        listened = bool(self._engine.sync_engine.dispatch.before_cursor_execute)
        asks = AsksByRun(connection.run_sync) if listened or self._straight is None else self._straight
        transaction = _Transaction(connection, asks)
        try:
            tx = self._tx(connection, transaction, asks)
            try:
                for part in parts(batch):
                    await part.run(tx)
                await tx.flush(ends=True)
            except TimeoutError:  # the server's silence is no piece's fault
                raise
            except Exception as fault:
                raise Undone(fault) from fault
            await transaction.commit()
            tx.forget_again()
        except BaseException as fault:
            await self._undo(connection, transaction, fault)
            if isinstance(fault, TimeoutError):
                raise _unavailable(fault) from fault
            raise

    def _tx(self, connection: AsyncConnection, transaction: _Transaction, asks: Asks) -> Tx:
        return Tx(
            connection.run_sync,
            connection.dialect,
            gathers=True,
            lasting=self._memory.recalled(),
            begin=transaction.begin,
            asks=asks,
        )

    async def _undo(self, connection: AsyncConnection, transaction: _Transaction, fault: BaseException) -> None:
        """Or gives the connection up, where that takes as long again."""
        self._memory.forget()
        try:
            if isinstance(fault, TimeoutError | asyncio.CancelledError):
                self._driver.terminate()  # else SQLAlchemy says good-bye, and waits two seconds for the answer
                await connection.invalidate(fault)
            elif not self._is_lost(connection):
                await transaction.undo()
        except Exception as lost:
            await connection.invalidate(lost)
        if self._is_lost(connection):
            await self.close()

    async def commit_again(self, commit: Commit, batch: list[Piece]) -> None:
        """As ``db.batch.Ways`` has it."""
        self._memory.forget()
        try:
            await commit(batch, lambda *, gathers=False: _begin(self._engine, gathers=gathers))
        finally:
            self._memory.forget()

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

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
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            raw = await connection.get_raw_connection()
            self._driver = raw.driver_connection
            self._straight = Straight(connection, raw.dbapi_connection)
            self._connection = connection
        return self._connection

    def _is_lost(self, connection: AsyncConnection) -> bool:
        return connection.invalidated or self._driver.is_closed()


@contextlib.asynccontextmanager
async def _begin(engine: AsyncEngine, *, gathers: bool = False) -> AsyncIterator[Tx]:
    async with connected(engine) as connection, connection.begin():
        try:
            yield Tx(connection.run_sync, connection.dialect, gathers=gathers)
        except TimeoutError as fault:  # at once: the rollback would wait as long again
            await connection.invalidate(fault)
            raise


class _Transaction:
    """Begun when it is needed. By the driver: SQLAlchemy takes the connection for one that commits each statement."""

    def __init__(self, connection: AsyncConnection, asks: Asks) -> None:
        self._connection = connection
        self._asks = asks
        self._has_begun = False

    async def begin(self) -> None:
        if not self._has_begun:
            await self._asks.command("BEGIN")
            self._has_begun = True

    async def commit(self) -> None:
        await self._end("COMMIT")

    async def undo(self) -> None:
        await self._end("ROLLBACK")

    async def _end(self, how: str) -> None:
        if self._has_begun:
            await self._asks.command(how)
        if self._connection.in_transaction():  # what SQLAlchemy thinks it has begun, by a statement of its own
            await self._connection.rollback()
