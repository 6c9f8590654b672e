"""SQLite: transactions of the one connection that writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from wherefrom.db.checkpoint import Checkpoints
from wherefrom.db.prepared import told_by_driver
from wherefrom.db.sqlite_connection import BUSY_MS

T = TypeVar("T")


class Transaction:
    """One after the other on the writer's connection, which is opened once. All steps are taken in the thread, but for
    those of batches that run in the event loop, up to their COMMIT.

    Begun and ended by the driver, which costs a tenth of SQLAlchemy's way; that one begins its own, inside, when it is
    first asked something."""

    def __init__(self, engine: Engine, checkpoints: Checkpoints) -> None:
        self._engine = engine
        self._checkpoints = checkpoints
        self._connection: Connection | None = None
        self._driver: Any = None
        self._is_patient = True

    @property
    def is_ready(self) -> bool:
        return self._connection is not None and not self._checkpoints.is_nearly_moved

    def get_ready(self) -> None:
        if self._connection is None:
            self._connection = self._engine.connect()
            self._driver = self._connection.connection.driver_connection
            self._is_patient = True
        if self._checkpoints.is_nearly_moved:
            self._checkpoints.move_rest(self._driver)

    def begin(self) -> None:
        self.get_ready()
        self._wait_for_others(True)
        self._execute("BEGIN IMMEDIATE")

    def begin_at_once(self) -> bool:
        """When ``is_ready``. Not in the thread, so it waits for nobody: False while another process writes."""
        self._wait_for_others(False)
        try:
            self._driver.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:  # whatever it is, ``begin`` will meet it, too
            return False
        return True

    def _wait_for_others(self, patient: bool) -> None:
        if patient != self._is_patient:
            self._driver.execute(f"PRAGMA busy_timeout = {BUSY_MS if patient else 0}")
            self._is_patient = patient

    def version(self) -> int:
        """Another one when another connection has written since; asked in a transaction."""
        ((version,),) = self._execute("PRAGMA data_version").fetchall()
        return int(version)

    def call(self, call: Callable[..., T], *arguments: Any) -> T:
        return call(self._connection, *arguments)

    async def run(self, call: Callable[..., T], /, *arguments: Any) -> T:
        """In the thread already."""
        return call(self._connection, *arguments)

    def commit(self) -> None:
        assert self._connection is not None
        self._execute("COMMIT")
        if self._connection.in_transaction():  # SQLAlchemy's own, of which there is nothing left to commit
            self._connection.commit()
        self._checkpoints.note_commit()

    def end(self) -> None:
        """Undoes what is not committed."""
        if self._connection is None:
            return
        try:
            self._connection.rollback()
            if self._driver.in_transaction:
                self._execute("ROLLBACK")
        except BaseException:
            self.close()  # whatever is wrong with the connection: the next one is another
            raise

    def close(self) -> None:
        connection, self._connection, self._driver = self._connection, None, None
        if connection is not None:
            connection.close()

    def _execute(self, sql: str) -> sqlite3.Cursor:
        try:
            cursor: sqlite3.Cursor = self._driver.execute(sql)
        except sqlite3.Error as fault:
            raise told_by_driver(sql, (), fault, self._engine.dialect) from fault
        return cursor
