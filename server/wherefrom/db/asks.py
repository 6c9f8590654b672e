"""How the prepared statements of a transaction get to its connection.

``AsksByRun`` takes SQLAlchemy's way: a function is called with the connection, wherever that may be called. On
PostgreSQL batches take the driver's own (``straight``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from wherefrom.db.prepared import Form, Guards, Held, Row, execute, write_all

T = TypeVar("T")


class Run(Protocol):
    """Calls a function with the connection before ``arguments``."""

    def __call__(self, call: Callable[..., T], /, *arguments: Any) -> Awaitable[T]: ...


class Asks(Protocol):
    """How prepared statements are run. ``write`` answers as ``Form.write``. ``write_all``: whether what was written may
    stay; if not, or a fault is raised, the transaction has to be undone. ``guards``: it knows what to do with them."""

    guards: bool

    def fetch(self, form: Form, values: Row, /) -> Awaitable[list[Row]]: ...
    def change(self, form: Form, values: Row, /) -> Awaitable[int]: ...
    def fetch_each(self, form: Form, asked: Sequence[Row], /) -> Awaitable[list[list[Row]]]: ...
    def write(self, form: Form, rows: Sequence[Row], /) -> Awaitable[bool]: ...
    def write_all(self, held: Held, guards: Guards = (), /) -> Awaitable[bool]: ...
    def command(self, sql: str, /) -> Awaitable[Any]: ...


class AsksByRun:
    """By what ``run`` calls with SQLAlchemy's connection."""

    guards = False

    def __init__(self, run: Run) -> None:
        self._run = run

    def fetch(self, form: Form, values: Row) -> Awaitable[list[Row]]:
        return self._run(form.fetch, values)

    def change(self, form: Form, values: Row) -> Awaitable[int]:
        return self._run(form.change, values)

    def fetch_each(self, form: Form, asked: Sequence[Row]) -> Awaitable[list[list[Row]]]:
        return self._run(form.fetch_each, asked)

    def write(self, form: Form, rows: Sequence[Row]) -> Awaitable[bool]:
        return self._run(form.write, rows)

    def write_all(self, held: Held, _guards: Guards = ()) -> Awaitable[bool]:
        return self._run(write_all, held)

    def command(self, sql: str) -> Awaitable[Any]:
        return self._run(execute, sql)
