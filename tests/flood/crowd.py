"""A crowd: many connections that each ask again as soon as they are answered, from a process of its own.

    python -m tests.flood.crowd PORT CONNECTIONS SECONDS [REQUEST:ANSWER …] < requests, a line of JSON text each

An answer is its status, or "busy": a 503 that says that more is asked than can be done, which one that says that it
took too long is not. It goes on until there were some of each that is named, for a minute at the most. Three of four
ask by the first request, the fourth by one of the others.

Prints one line of JSON: how many of each answer there were by the request's number, how long each took in
seconds at the median and for 99 %, how many connections were closed on us. A closed one is opened anew, with what it
had to say.
"""

from __future__ import annotations

import contextlib
import json
import random
import selectors
import socket
import sys
import time
from collections import defaultdict

SOME = 20
BUSY = b"more is asked than"
MOST_SECONDS = 60.0


class Talk:
    """One connection, which always asks the same."""

    def __init__(self, port: int, kind: int, request: bytes) -> None:
        self.kind = kind
        self._port = port
        self._request = request
        self._got = b""
        self.asked = 0.0
        self.socket = socket.socket()

    def begin(self) -> None:
        self.socket.close()
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self._got = b""
        self.socket.connect_ex(("127.0.0.1", self._port))

    def ask(self) -> None:
        self.asked = time.perf_counter()
        self.socket.send(self._request)

    def listen(self) -> str:
        """A whole answer's status, or "busy"; nothing while it is not whole. OSError when the connection is closed."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionResetError
        self._got += piece
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return ""
        at = head.find(b"content-length: ")
        length = int(head[at + 16 :].partition(b"\r")[0]) if at >= 0 else 0
        if len(body) < length:
            return ""
        self._got = b""
        return "busy" if BUSY in body else head[9:12].decode()


class Tally:
    def __init__(self) -> None:
        self.counts: defaultdict[int, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.waits: defaultdict[int, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.closed = 0

    def add(self, kind: int, answer: str, wait: float) -> None:
        self.counts[kind][answer] += 1
        kept = self.waits[kind][answer]
        if len(kept) < 20_000 or random.random() < 0.05:
            kept.append(wait)

    def told(self, seconds: float) -> str:
        rows = {}
        for kind, counts in self.counts.items():
            for answer, count in counts.items():
                if not count:
                    continue
                waits = sorted(self.waits[kind][answer])
                middle, slow = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
                rows[f"{kind}:{answer}"] = {"count": count, "p50": middle, "p99": slow}
        return json.dumps({"answers": rows, "closed": self.closed, "seconds": seconds})


def flood(port: int, requests: list[bytes], connections: int, seconds: float, awaited: list[tuple[int, str]]) -> str:
    tally, poll = Tally(), selectors.EpollSelector()
    others = range(1, len(requests))
    kinds = [kind for other in others for kind in (0, 0, 0, other)] or [0]
    talks = [Talk(port, kind, requests[kind]) for kind in (kinds * connections)[:connections]]
    began = time.perf_counter()
    for talk in talks:
        _open(talk, poll)
    while _goes_on(tally, time.perf_counter() - began, seconds, awaited):
        for key, events in poll.select(0.1):
            talk = key.data
            try:
                if events & selectors.EVENT_WRITE:
                    talk.ask()
                    poll.modify(talk.socket, selectors.EVENT_READ, talk)
                elif answer := talk.listen():
                    tally.add(talk.kind, answer, time.perf_counter() - talk.asked)
                    talk.ask()
            except OSError:
                tally.closed += 1
                with contextlib.suppress(KeyError, ValueError):
                    poll.unregister(key.fd)
                _open(talk, poll)
    took = time.perf_counter() - began
    for talk in talks:
        talk.socket.close()
    return tally.told(took)


def _goes_on(tally: Tally, past: float, seconds: float, awaited: list[tuple[int, str]]) -> bool:
    missing = any(tally.counts[kind][answer] < SOME for kind, answer in awaited)
    return past < seconds or (missing and past < MOST_SECONDS)


def _open(talk: Talk, poll: selectors.EpollSelector) -> None:
    talk.begin()
    poll.register(talk.socket, selectors.EVENT_WRITE, talk)


if __name__ == "__main__":
    asked = [json.loads(line).encode() for line in sys.stdin]
    answers = [(int(kind), answer) for kind, _, answer in (one.partition(":") for one in sys.argv[4:])]
    print(flood(int(sys.argv[1]), asked, int(sys.argv[2]), float(sys.argv[3]), answers))
