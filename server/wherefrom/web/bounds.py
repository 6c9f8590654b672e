"""What a connection may take: how many are open, how long a request may come in, how large its head may be.

    open ─▶ room? ─▶ head, whole in time ─▶ body, whole in time ─▶ answer, taken in time ─▶ idle ─▶ head …
            no: who waited longest without a request under way goes; if nobody does, 503 and close

No connection has a timer of its own here, and a request costs next to nothing: once a second all connections are looked
at, and one that is in the same place of the same request for as long as it may be is closed. So each limit is kept to a
second. What a request asks for is none of this module's business.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wherefrom.load import RETRY_SECONDS, Load, Shed
from wherefrom.settings import Limits

LARGEST_HEAD = 32_768
MOST_HEADERS = 100
MOST_AHEAD = 16
"""Requests that may be sent before the first of them is answered."""
READER_SECONDS = 30.0
"""In which a client has to take at least a byte of what waits for it."""

_LOOK_SECONDS = 1.0
_NEW_SECONDS = 1.0  # in which a connection that says nothing yet gives way to no other
_SEARCH_SECONDS = 0.1  # between two searches for who may go
_AT_DOOR = 1_024  # more than visits and signs together may wait for their writes by default
_KEPT_FILES = 256  # that are no visitor's: database, mailboxes, webhooks, letters

Place = Literal["head", "body", "answer", "idle"]
Watch = tuple[object, Place, int, float]
"""Where a connection was at the last look: the request, the place in it, bytes that wait to be taken, since when."""

_quiet = logging.getLogger("wherefrom.web.connection")
_quiet.setLevel(logging.ERROR)  # what strangers send is counted, not written down line by line

_END = b"content-length: 0\r\nconnection: close\r\n\r\n"
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: %d\r\n%b" % (RETRY_SECONDS, _END)
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _END
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\n" + _END


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's connection, within ``bounds``. Whoever overrides a method here calls it, too."""

    def __init__(self, *args: Any, bounds: Bounds, **more: Any) -> None:
        super().__init__(*args, **more)
        self.logger = _quiet
        self.watch: Watch = (None, "head", 0, time.monotonic())
        self._bounds = bounds
        self._head_bytes = 0
        self._in_head = self._is_large = False
        self._refusal: bytes | None = None

    @property
    def place(self) -> Place:
        """Where the request under way is."""
        cycle = self.cycle
        if self.transport.get_write_buffer_size():
            return "answer"
        if cycle is None or cycle.response_complete:
            return "head" if self.timeout_keep_alive_task is None else "idle"
        return "body" if cycle.more_body else "answer"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._bounds.admits(self.connections):  # type: ignore[arg-type]  # all are of this class
            self.close(_FULL)
        if self._bounds.look_outside is not None:
            self._bounds.look_outside(self)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._head_bytes + len(data) > LARGEST_HEAD:
            self._is_large = True
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD:
                self._bounds.load.note(Shed.LARGE_HEAD)
                self.close(_TOO_LARGE)

    def on_message_begin(self) -> None:
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        if len(self.headers) > MOST_HEADERS or (self._is_large and self._measure_head() > LARGEST_HEAD):
            self._refuse(Shed.LARGE_HEAD, _TOO_LARGE)
        if len(self.pipeline) >= MOST_AHEAD:
            self._refuse(Shed.PIPELINED, b"")
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """As uvicorn calls it when its parser stops: at what it does not understand, or at what ``_refuse`` raised."""
        if self._refusal is None:
            super().send_400_response(msg)
        else:
            self.close(self._refusal)

    def close(self, last_words: bytes = b"") -> None:
        """Ends the connection; ``last_words`` are said unless an answer is under way."""
        if last_words and not self.transport.is_closing() and (self.cycle is None or self.cycle.response_complete):
            self.transport.write(last_words)
        self.transport.close()

    def _measure_head(self) -> int:
        self._is_large = False
        return len(self.url) + sum(len(name) + len(value) for name, value in self.headers)

    def _refuse(self, why: Shed, last_words: bytes) -> None:
        self._bounds.load.note(why)
        self._refusal = last_words
        raise ValueError(why)  # stops the parser


class Bounds:
    """One for a server. ``load`` counts what is closed, and why. ``look_outside``, where there is one, hears of each
    new connection (see ``porter``); ``at_door``: how many may be under way there besides."""

    def __init__(self, limits: Limits, load: Load, reader_seconds: float = READER_SECONDS) -> None:
        self.load = load
        self.look_outside: Callable[[BoundedProtocol], None] | None = None
        self._most, self.at_door = _within_open_files(limits.connections)
        self._seconds = {"head": limits.head_seconds, "body": limits.body_seconds, "answer": reader_seconds}
        self._may_go: deque[tuple[BoundedProtocol, Watch]] = deque()
        self._searched = 0.0

    def admits(self, connections: set[BoundedProtocol]) -> bool:
        """Whether there is room for the newest of ``connections``; another one may have to go for it."""
        if len(connections) <= self._most:
            return True
        now = time.monotonic()
        if not self._may_go and now - self._searched > _SEARCH_SECONDS:
            self._searched = now
            self._may_go.extend(self._find_waiting(connections, now))
        while self._may_go:
            connection, watch = self._may_go.popleft()
            if connection.watch is watch and not connection.transport.is_closing() and connection.place == watch[1]:
                self.load.note(Shed.EVICTED)
                connection.close()
                return True
        self.load.note(Shed.CONNECTIONS)
        return False

    async def watch(self, connections: set[BoundedProtocol]) -> None:
        """Looks at all of them, once a second, until it is cancelled."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.look(connections)

    def look(self, connections: Iterable[BoundedProtocol]) -> None:
        """Closes what has been in one place for too long."""
        now = time.monotonic()
        self._may_go.clear()
        for connection in list(connections):
            waiting = connection.transport.get_write_buffer_size()
            place = connection.place
            request, before, left, since = connection.watch
            if request is not connection.cycle or before != place or left != waiting:
                connection.watch = (connection.cycle, place, waiting, now)
            elif now - since > self._seconds.get(place, now):
                self._end(connection, place, waiting)

    def _end(self, connection: BoundedProtocol, place: Place, waiting: int) -> None:
        if place == "answer" and not waiting:
            return  # what takes long is our own work
        if place == "answer" or connection.transport.is_closing():
            self.load.note(Shed.SLOW_READER)
            connection.transport.abort()
        elif place == "body":
            self.load.note(Shed.SLOW_BODY)
            if connection.cycle is None or connection.cycle.response_complete or not connection.cycle.response_started:
                connection.transport.write(_TOO_SLOW)
            connection.transport.close()
        else:
            self.load.note(Shed.SLOW_HEAD)
            connection.close(_TOO_SLOW)

    def _find_waiting(self, connections: Iterable[BoundedProtocol], now: float) -> list[tuple[BoundedProtocol, Watch]]:
        """Those with no request under way, longest first."""
        found = []
        for connection in connections:
            request, place, _, since = watch = connection.watch
            if request is not connection.cycle or place != connection.place:
                continue
            if place == "idle" or (place == "head" and now - since > _NEW_SECONDS):
                found.append((connection, watch))
        return sorted(found, key=lambda one: one[1][3])


def _within_open_files(most: int) -> tuple[int, int]:
    """``most`` connections and those under way at the door, or fewer where this process may not open so many files; it
    is allowed all that it may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + _AT_DOOR + _KEPT_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return most, _AT_DOOR
    most = max(16, min(most, soft - _KEPT_FILES))
    return most, max(16, min(_AT_DOOR, soft - most - _KEPT_FILES))
