"""The porter takes in those who wait outside when there are many, and turns away at the door who has to be.

    the loop takes in one connection a turn ─▶ many more wait in the kernel? ─▶ all of them, at once, and but for a few
        a whole request for a hot route is there ─▶ its door ─▶ answer, and close: no connection is made of it
        anything else                            ─▶ the loop makes a connection of it, as ever

libuv takes in one connection a turn, and a turn takes as long as all there is to do in it. Where new connections come
faster, the kernel keeps many of them, the oldest first: in a flood each was taken in after its visitor had gone, was
done all the same, and nobody was told that there is too much to do (measured: a sixth of what can be done was answered,
nothing with 503, and it went on for forty seconds after ten). To make a connection and to end it costs several times
what a refusal does. But a crowd that asks again and again is cheapest on connections that are kept, where it rests
after a refusal (``protocol``): so a few of each group are. Without that a crowd of 1,600 that came back at once after
each 503 left a fifth to a half of the time for answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import select
import socket
import struct
import time
from collections.abc import Callable

from wherefrom.load import Load, Shed
from wherefrom.web.asked import Asked
from wherefrom.web.bounds import READER_SECONDS, BoundedProtocol
from wherefrom.web.busy import BUSY
from wherefrom.web.front import Doors
from wherefrom.web.protocol import RequestReader, WireAsked
from wherefrom.web.wire import Reply

MANY = 16
"""So many may wait outside without being looked after: a page's or two."""

_AT_ONCE = 256  # are taken in before anything else is done
REST = 4.0
"""Times as long as that took, nobody is: what was let in has to be done, too. With a tenth of a core and ten times as
many strangers as it answers when calm, 1 left a fifth of those visits, 4 three quarters."""
_LARGEST = 65_536  # bytes of a request that is answered here
_WAITING = struct.Struct("24xI")  # tcp_info: tcpi_unacked, which is the length of the queue where one listens
_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]{1,9})\r\n", re.IGNORECASE)
_END = b"\r\n\r\n"
# As numbers: Python's own are enumerations, which take longer to join than a system call takes.
_READ = int(socket.MSG_DONTWAIT)
_PEEK = int(socket.MSG_DONTWAIT | socket.MSG_PEEK)
_SAY = int(socket.MSG_DONTWAIT | socket.MSG_MORE)  # more: the end, in the same packet
_COMES, _COMES_OR_GOES = select.POLLIN, select.POLLIN | select.POLLRDHUP
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR

_Line = socket.SocketType
"""Without what Python lays over it, which costs as much as all the rest of taking somebody in."""


class Porter:
    """For one listening socket. ``most`` are under way here at a time, the others are turned away or become
    connections."""

    def __init__(self, listening: socket.socket, doors: Doors, load: Load, most: int) -> None:
        self.doors = doors
        self._listening = listening
        self._load = load
        self._most = most
        self._inside = 0
        self._is_empty = asyncio.Event()
        self._is_empty.set()
        self._reader = RequestReader()
        self._rests_until = 0.0

    def look(self, newest: BoundedProtocol) -> None:
        """The loop has just made ``newest``; do many wait behind it?"""
        if self._count_waiting() <= MANY or (began := time.monotonic()) < self._rests_until:
            return
        self._take_in(newest)
        ended = time.monotonic()
        self._rests_until = ended + (ended - began) * REST

    async def finish(self, seconds: float) -> None:
        """Until all who are under way here are answered, ``seconds`` at the most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_empty.wait()

    def enter(self) -> None:
        self._inside += 1
        self._is_empty.clear()

    def leave(self) -> None:
        self._inside -= 1
        if not self._inside:
            self._is_empty.set()

    def _count_waiting(self) -> int:
        try:
            told = self._listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _WAITING.size)
        except OSError:  # it is closed
            return 0
        return int(_WAITING.unpack(told)[0]) if len(told) == _WAITING.size else 0

    def _take_in(self, newest: BoundedProtocol) -> None:
        came: dict[int, tuple[_Line, str]] = {}
        listening = self._listening
        accept, family, kind = listening._accept, int(listening.family), int(listening.type)  # type: ignore[attr-defined]
        # Until nobody waits any more. What else may be wrong the loop meets with the next one, and tells it.
        with contextlib.suppress(OSError):
            while len(came) < _AT_ONCE:
                number, address = accept()
                came[number] = _Line(family, kind, 0, number), address[0]
        looking = select.poll()
        for number in came:
            looking.register(number, _COMES_OR_GOES)
        seen = dict(looking.poll(0))
        refused: set[bytes] = set()
        for at, (number, (line, peer)) in enumerate(came.items()):
            # A few are kept: who comes again and again stays in the end.
            event = 0 if at < MANY else seen.get(number, 0)
            if not (event & _COMES and self._hear(newest, line, peer, refused, has_gone=bool(event & _GONE))):
                _hand_on(newest, line)

    def _hear(self, newest: BoundedProtocol, line: _Line, peer: str, refused: set[bytes], *, has_gone: bool) -> bool:
        """Whether what was said is a whole request for a hot route, and taken care of; else nothing has happened.
        ``refused`` are the first lines of who was just turned away: nothing has ended since, so the next will be."""
        try:
            data = line.recv(_LARGEST, _PEEK)
        except OSError:
            return False
        if not data.startswith(self.doors.beginnings):
            return False
        if has_gone and data.startswith(b"POST "):  # nobody waits for what a page would be told
            self._load.note(Shed.VISITS)
            line.close()
            return True
        first = data[: data.find(b"\r")]
        if first in refused and _is_whole(data):
            line.recv(len(data), _READ)
            self._load.note(Shed.VISITS)
            _Visitor(self, newest, line, peer).end(None, BUSY)
            return True
        reader = self._reader
        if not reader.read(data) or not reader.keeps:
            self._reader = RequestReader()  # it may be in the middle of something
            return False
        path = reader.path()
        route = self.doors.find(path) if path else None
        method = first[: first.index(b" ")].decode()
        if path is None or route is None or method not in route.methods:
            return False
        is_told = method == "POST"
        if len(reader.body) > route.limit or not (is_told or self._inside < self._most):
            return False
        line.recv(len(data), _READ)  # what is left unread would reset the connection when it is closed
        visitor = _Visitor(self, newest, line, peer)
        if is_told and self._inside > self._most:
            self._load.note(Shed.VISITS)
            visitor.end(None, BUSY)
            return True
        asked = WireAsked(visitor, method, path, reader, reader.body)  # type: ignore[arg-type]  # as good as a connection
        try:
            route.door(asked)
        except Exception as error:
            asked.fail(error)
        if visitor.said is BUSY:
            refused.add(first)
        return True


def _is_whole(data: bytes) -> bool:
    """Whether ``data`` is one request with a body, nothing less and nothing more."""
    head = data.find(_END)
    told = _LENGTH.search(data, 0, head + 2) if head > 0 else None
    return told is not None and head + len(_END) + int(told[1]) == len(data)


class _Visitor:
    """Somebody who is answered once: what ``protocol`` knows of a connection under way."""

    __slots__ = ("_line", "_porter", "_state", "doors", "loop", "peer", "said", "tasks")

    def __init__(self, porter: Porter, newest: BoundedProtocol, line: _Line, peer: str) -> None:
        self.said: Reply | None = None
        self.doors = porter.doors
        self.loop = newest.loop
        self.tasks = newest.tasks
        self.peer = peer
        self._line = line
        self._porter = porter
        self._state = newest.server_state
        porter.enter()

    def end(self, _asked: Asked | None, reply: Reply) -> None:
        """Answers, and hangs up."""
        self.said = reply
        self._state.total_requests += 1
        raw = reply.raw_at_last()
        try:
            said = self._line.send(raw, _SAY)
        except BlockingIOError:
            said = 0
        except OSError:
            said = len(raw)  # there is nobody to hear it
        if said == len(raw):
            self._hang_up()
            return
        saying = self.loop.create_task(self._say(raw[said:]))
        self.tasks.add(saying)
        saying.add_done_callback(self.tasks.discard)

    async def _say(self, rest: bytes) -> None:
        line = _whole(self._line)
        try:
            with contextlib.suppress(TimeoutError, OSError):
                async with asyncio.timeout(READER_SECONDS):
                    await self.loop.sock_sendall(line, rest)
        finally:
            line.close()
            self._porter.leave()

    def _hang_up(self) -> None:
        self._line.close()
        self._porter.leave()


def _whole(line: _Line) -> socket.socket:
    """As the loop wants it."""
    whole = socket.socket(fileno=line.detach())
    whole.setblocking(False)
    return whole


def _hand_on(newest: BoundedProtocol, line: _Line) -> None:
    """The loop makes a connection of ``line``, as it made ``newest``."""
    config = newest.config

    def make() -> asyncio.Protocol:
        return config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn does
            config=config, server_state=newest.server_state, app_state=newest.app_state, _loop=newest.loop
        )

    making = newest.loop.create_task(_connect(newest.loop, make, _whole(line)))
    newest.tasks.add(making)
    making.add_done_callback(newest.tasks.discard)


async def _connect(loop: asyncio.AbstractEventLoop, make: Callable[[], asyncio.Protocol], line: socket.socket) -> None:
    try:
        await loop.connect_accepted_socket(make, line)
    except OSError:  # it has gone already
        line.close()
