"""Our connection: uvicorn's own, with a short way for the requests that nearly all are.

    bytes ─▶ one whole request of a hot route, nothing under way? ─▶ door ─▶ bytes
             the whole head of one that has a body?               ─▶ kept until the body is there
             anything else                                        ─▶ uvicorn: scope, cycle, task, ASGI

uvicorn spends 25 µs on a request besides parsing it (its scope, a cycle with an event, a task, a timer, looking through
each header that goes out); a pixel's own work is 15. The short way has the same parser (llhttp), and takes a request
only where nothing can be told apart: it came alone, its head whole in one piece, by GET, POST or OPTIONS in HTTP/1.1,
without escapes in its path; the connection keeps up; nobody logs each request. In doubt the very same bytes are given
to uvicorn, whose parser has seen nothing of what was answered here.

Browsers send a body by itself, and so do most proxies. A body is awaited where its head says how long it is, no longer
than the route takes, and in the time that ``web.bounds`` gives to all bodies.

One request of a connection is under way at a time. What comes meanwhile is kept, at most one more piece since reading
pauses, and looked at after the answer: so answers keep their order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any

import httptools
from uvicorn.config import Config

from wherefrom.web.asked import Asked
from wherefrom.web.bounds import LARGEST_HEAD, MOST_HEADERS, BoundedProtocol, Place, Watch
from wherefrom.web.busy import BUSY
from wherefrom.web.front import Doors
from wherefrom.web.wire import Headers, Reply, fixed

_END = b"\r\n\r\n"
_METHODS = {ord("G"): "GET", ord("P"): "POST", ord("O"): "OPTIONS"}
"""By how a request begins that is for a hot route (``Doors.beginnings``)."""
_ESCAPE, _FRAGMENT = ord("%"), ord("#")  # numbers are found in bytes without an exception inside
_LENGTH = b"content-length"
_NO_PLAIN_BODY = (b"transfer-encoding", b"expect", b"upgrade")
_MOST_DIGITS = 9
_SEEN: Watch = (object(), "idle", 0, 0.0)  # no request that there is: whoever looks next finds another one
_SOON = 0.001  # seconds that a timer may come too early
_REST = 0.25  # seconds in which nothing is read of who was turned away
_FAULT = fixed(500, [(b"content-type", b"text/plain; charset=utf-8")], b"Internal Server Error")


class HotProtocol(BoundedProtocol):
    """``app.doors`` says which routes are hot."""

    def __init__(self, config: Config, *args: Any, **more: Any) -> None:
        super().__init__(config, *args, **more)
        self.doors: Doors = config.loaded_app.doors
        self._beginnings = () if config.access_log else self.doors.beginnings
        self._is_begun = False  # uvicorn's parser is in the middle of a request
        self._asked: WireAsked | None = None  # what is under way here
        self._kept = b""
        self._begun: bytearray | None = None  # of a request for a hot route, whose body is awaited
        self._length = 0  # its own, head and body
        self._reader: RequestReader | None = None
        self._answered_at = 0.0
        self.peer = ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.peer = self.client[0] if self.client else ""

    @property
    def place(self) -> Place:
        if self._begun is not None:
            return "body"
        return super().place if self._asked is None else "answer"

    def data_received(self, data: bytes) -> None:
        if self._asked is not None:
            self._kept += data
            self.flow.pause_reading()
        elif self._begun is not None:
            self._add(self._begun, data)
        elif not (data.startswith(self._beginnings) and self._is_free() and self._take(data)):
            super().data_received(data)

    def on_message_begin(self) -> None:
        self._is_begun = True
        super().on_message_begin()

    def on_message_complete(self) -> None:
        self._is_begun = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._asked is not None:
            self._asked.connection, self._asked = None, None  # its door goes on: what was told is written down
        self._kept, self._begun, self._reader = b"", None, None
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """The server ends: what is under way is answered first."""
        if self._asked is not None:
            self._asked.is_last = True
            return
        self._give_up_waiting()
        super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """One timer for many requests: it is not taken back by each, but looks when it ends whether there was one."""
        self.timeout_keep_alive_task = None
        rest = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if self._asked is not None or self._begun is not None:
            self._await_next(self.timeout_keep_alive)
        elif rest > _SOON:
            self._await_next(rest)
        else:
            super().timeout_keep_alive_handler()

    def end(self, asked: WireAsked, reply: Reply) -> None:
        """Writes the answer to what is under way."""
        self._asked = None
        self.watch = _SEEN
        self.server_state.total_requests += 1
        transport = self.transport
        if transport.is_closing():
            return
        if asked.is_last:
            transport.write(reply.raw_at_last())
            transport.close()
            return
        transport.write(reply.raw)
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._await_next(self.timeout_keep_alive)
        if reply is BUSY:  # who asks again at once would keep us from answering others
            self.flow.pause_reading()
            self.loop.call_later(_REST, self._go_on)
        elif self.flow.read_paused:
            self.loop.call_soon(self._go_on)

    def _is_free(self) -> bool:
        cycle = self.cycle
        return not (
            self._is_begun
            or (cycle is not None and not cycle.response_complete)
            or self.flow.write_paused
            or self.server_state.default_headers
            or self.transport.is_closing()
        )

    def _take(self, data: bytes) -> bool:
        """Whether ``data`` is one request for a hot route, and under way; else nothing has happened."""
        reader = self._reader
        if reader is None:
            reader = self._reader = RequestReader()
        if not reader.read(data):
            self._reader = None  # it may be in the middle of something
            return self._awaits_body(reader, data)
        method, route = _METHODS[data[0]], self.doors.by_url.get(reader.url)
        path = reader.path() if route is None else route.path
        if route is None and path:
            route = self.doors.find(path)
        if path is None or route is None or method not in route.methods:
            return False
        body: bytes | None = b""
        if route.limit and method == "POST":
            body = reader.body if len(reader.body) <= route.limit else None
        asked = self._asked = WireAsked(self, method, path, reader, body)
        try:
            route.door(asked)
        except Exception as error:
            asked.fail(error)
        return True

    def _awaits_body(self, reader: RequestReader, data: bytes) -> bool:
        """Whether ``data`` is all of a request for a hot route but for the end of its body."""
        length = reader.find_length(data)
        path = reader.path() if length else None
        route = self.doors.find(path) if path else None
        if route is None or length > data.index(_END) + len(_END) + route.limit:
            return False
        self._begun, self._length = bytearray(data), length
        self.watch = _SEEN
        return True

    def _add(self, begun: bytearray, data: bytes) -> None:
        """More of the body."""
        begun += data
        if len(begun) < self._length or self.transport.is_closing():
            return
        self._begun, whole = None, bytes(begun)
        if len(whole) > self._length or not (self._is_free() and self._take(whole)):
            super().data_received(whole)

    def _give_up_waiting(self) -> None:
        """What has come of a request is for uvicorn."""
        if self._begun is not None:
            begun, self._begun = bytes(self._begun), None
            super().data_received(begun)

    def _go_on(self) -> None:
        """What came meanwhile; then reading goes on, unless it is for uvicorn to say so."""
        kept, self._kept = self._kept, b""
        if self.transport.is_closing():
            return
        if kept:
            self.data_received(kept)
        if self._asked is None and (self.cycle is None or self.cycle.response_complete):
            self.flow.resume_reading()

    def _await_next(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)


class WireAsked(Asked):
    """What came over ``connection``; None when that is gone, or is answered. ``is_last``: it is closed then."""

    __slots__ = ("_begun", "_is_answered", "_origin", "connection", "is_last")

    def __init__(
        self, connection: HotProtocol, method: str, path: str, reader: RequestReader, body: bytes | None
    ) -> None:
        self.method = method
        self.path = path
        self.headers = reader.headers
        self.body = body
        self.peer = connection.peer
        self.connection: HotProtocol | None = connection
        self.is_last = not reader.keeps
        self._origin = connection
        self._is_answered = False
        self._begun = time.perf_counter() if connection.doors.note else 0.0

    def answer(self, reply: Reply) -> None:
        if self._is_answered:
            return
        self._is_answered = True
        connection, note = self.connection, self._origin.doors.note
        if note is not None:
            note(self.method, self.path, reply.status, time.perf_counter() - self._begun)
        if connection is not None:
            self.connection = None
            connection.end(self, reply)

    def fail(self, error: Exception) -> None:
        self.run(self._tell(error))

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """In a task that the server waits for, and cancels when its patience ends, as uvicorn's own."""
        task, tasks = self._origin.loop.create_task(self._finish(work)), self._origin.tasks
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def _finish(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
            if not self._is_answered:
                raise RuntimeError(f"{self.path} was not answered")
        except Exception as error:
            await self._tell(error)
        finally:
            self.answer(_FAULT)  # nothing happens where it is answered, as it is unless the task was cancelled

    async def _tell(self, error: Exception) -> None:
        if not self._is_answered:
            self.answer(await self._origin.doors.tell(self, error))


class RequestReader:
    """Reads one request from one piece of bytes; used again only after it has."""

    __slots__ = ("_is_clear", "_is_whole", "_parser", "body", "headers", "keeps", "url")

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self.url = b""

    def read(self, data: bytes) -> bool:
        """Whether it is a whole request, nothing less and nothing more, in HTTP/1.1."""
        self.headers: Headers = []
        self.body = b""
        self.keeps = self._is_whole = self._is_clear = False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        self._is_clear = True
        head = data.find(_END) + len(_END)
        return (
            self._is_whole
            and head + len(self.body) == len(data)
            and head <= LARGEST_HEAD
            and len(self.headers) <= MOST_HEADERS
            and data.startswith(b" HTTP/1.1\r\n", data.index(b" ") + 1 + len(self.url))
        )

    def find_length(self, data: bytes) -> int:
        """Of a request of which ``data`` is the head and not all of the body; 0 where that is not sure, or somebody
        waits to be told to send it."""
        told = dict(self.headers)
        head, size = data.find(_END), told.get(_LENGTH, b"")
        is_plain = len(told) == len(self.headers) and told.keys().isdisjoint(_NO_PLAIN_BODY)
        if not (self._is_clear and is_plain and data.startswith(b"POST ") and 0 <= head <= LARGEST_HEAD):
            return 0
        if not size.isdigit() or len(size) > _MOST_DIGITS:
            return 0
        length = head + len(_END) + int(size)
        return length if len(data) < length else 0

    def path(self) -> str | None:
        """None where it has to be looked at more closely."""
        path = self.url.partition(b"?")[0]
        return path.decode() if path.isascii() and _ESCAPE not in path and _FRAGMENT not in path else None

    def on_url(self, url: bytes) -> None:
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self._is_whole = True
        self.keeps = self._parser.should_keep_alive()
