"""Strangers: so many a second, each over a connection of its own, whether or not those before were answered.

    python -m tests.flood.strangers PORT SECONDS RATE … < requests, a line of JSON text each, with a rate a second each

A crowd (see ``crowd``) waits for its answers, so it asks no more than it is answered; these come all the same. Who was
answered stays until the service closes, as a browser does; who was not has gone after ``PATIENCE`` seconds. So what
they hold is bounded by the rates, and by ``MOST_OPEN``: who would be more than that does not come, and is counted as
"not offered".

Prints one line of JSON, as a crowd does. Times are from the moment a stranger came, connecting included. Besides
statuses and "busy":

    full           503 and Retry-After, and nothing else: refused on opening
    no connection  the kernel made none in that time
    no answer      connected, and nothing whole came in that time
    closed         closed, or reset, without an answer
"""

from __future__ import annotations

import json
import math
import resource
import select
import socket
import sys
import time
from collections import deque

from tests.flood.crowd import BUSY, Tally

PATIENCE = 5.0
MOST_OPEN = 18_000
_TICK = 0.005
_RETRY = b"\r\nretry-after: "
_GONE = select.EPOLLHUP | select.EPOLLERR


class Stranger:
    """One connection and one request. ``answer`` is "" until there is one."""

    __slots__ = ("_got", "answer", "came", "has_said", "kind", "socket")

    def __init__(self, port: int, kind: int, number: int) -> None:
        self.kind = kind
        self.came = time.perf_counter()
        self.answer = ""
        self.has_said = False
        self._got = b""
        self.socket = socket.socket()
        self.socket.setblocking(False)
        # From many addresses: one has 28,000 ports, each of which rests for a minute after its use.
        self.socket.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: chosen on connecting
        self.socket.bind((f"127.9.{number >> 8 & 255}.{number & 255 or 1}", 0))
        self.socket.connect_ex(("127.0.0.1", port))

    def listen(self) -> bool:
        """Whether there is more to come. OSError where the connection is reset."""
        piece = self.socket.recv(65536)
        if self.answer or not piece:
            return bool(piece)
        self._got += piece
        head, end, body = self._got.partition(b"\r\n\r\n")
        if end:
            at = head.find(b"content-length: ")
            if len(body) >= (int(head[at + 16 :].partition(b"\r")[0]) if at >= 0 else 0):
                self.answer = _name(head, body)
        return True


def _name(head: bytes, body: bytes) -> str:
    status = head[9:12].decode()
    if status != "503" or _RETRY not in head:
        return status if status != "503" else "503 without Retry-After"
    return "busy" if BUSY in body else "503" if body else "full"


class Strangers:
    """``rates``: of each request, how many a second."""

    def __init__(self, port: int, requests: list[bytes], rates: list[float]) -> None:
        self._port = port
        self._requests = requests
        self._rates = rates
        self._came = [0] * len(rates)
        self._poll = select.epoll()
        self._open: dict[int, Stranger] = {}
        self._in_order: deque[Stranger] = deque()
        self._tally = Tally()

    def flood(self, seconds: float) -> str:
        began = now = time.perf_counter()
        is_over = False
        while not is_over or self._open:
            if not is_over:
                is_over = now - began >= seconds
                self._let_come(min(now - began, seconds))
            for number, event in self._poll.poll(_TICK):
                if number in self._open:
                    self._look(self._open[number], event)
            now = time.perf_counter()
            while self._in_order and self._in_order[0].came < now - PATIENCE:
                stranger = self._in_order.popleft()
                if stranger.socket.fileno() in self._open:
                    self._end(stranger, "no answer" if stranger.has_said else "no connection")
        return self._tally.told(seconds)

    def _let_come(self, past: float) -> None:
        """All who are due."""
        for kind, rate in enumerate(self._rates):
            due = math.ceil(past * rate)
            while self._came[kind] < due:
                self._came[kind] += 1
                if len(self._open) >= MOST_OPEN:
                    self._tally.add(kind, "not offered", 0.0)
                    continue
                stranger = Stranger(self._port, kind, sum(self._came))
                self._open[stranger.socket.fileno()] = stranger
                self._in_order.append(stranger)
                self._poll.register(stranger.socket, select.EPOLLOUT)

    def _look(self, stranger: Stranger, event: int) -> None:
        try:
            if event & select.EPOLLIN:
                was_answered = bool(stranger.answer)
                goes_on = stranger.listen()
                if stranger.answer and not was_answered:
                    self._tally.add(stranger.kind, stranger.answer, time.perf_counter() - stranger.came)
                if not goes_on:
                    self._end(stranger, "closed")
            elif event & _GONE:
                self._end(stranger, "closed" if stranger.has_said else "no connection")
            else:
                stranger.socket.send(self._requests[stranger.kind])
                stranger.has_said = True
                self._poll.modify(stranger.socket, select.EPOLLIN)
        except OSError:
            self._end(stranger, "closed")

    def _end(self, stranger: Stranger, why: str) -> None:
        """``why`` is what became of it, if it was not answered."""
        del self._open[stranger.socket.fileno()]
        stranger.socket.close()
        if not stranger.answer:
            self._tally.add(stranger.kind, why, time.perf_counter() - stranger.came)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asked = [json.loads(line).encode() for line in sys.stdin]
    print(Strangers(int(sys.argv[1]), asked, [float(rate) for rate in sys.argv[3:]]).flood(float(sys.argv[2])))
