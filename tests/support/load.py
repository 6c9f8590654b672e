"""Many connections that each ask again once they have their answer, and what that costs the server.

For benchmarks. The client is a bare loop over sockets: one that costs more than the server it drives measures itself.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import select
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.synchronize import Event

_LENGTH = b"content-length: "
_LONGEST_WAIT = 30.0

Ask = Callable[[], bytes]
"""A connection's next request, whole."""
Hear = Callable[[bytes], None]
"""Is told the body of a connection's answer."""


@dataclass(slots=True)
class Figures:
    """One figure a round: requests a second, seconds to the answer at the median and for 99 %, CPU seconds each."""

    rates: list[float] = field(default_factory=list)
    middles: list[float] = field(default_factory=list)
    slowest: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, waits: list[float], seconds: float, cpu: float) -> None:
        waits.sort()
        self.rates.append(len(waits) / seconds)
        self.middles.append(waits[len(waits) // 2])
        self.slowest.append(waits[len(waits) * 99 // 100])
        self.cpu.append(cpu / len(waits))

    def line(self, name: str) -> str:
        """Medians over the rounds, as a line of a table."""
        rate, middle, slow, cpu = map(statistics.median, (self.rates, self.middles, self.slowest, self.cpu))
        return (
            f"{name:<22} {rate:7.0f} req/s  p50 {middle * 1000:6.1f} ms  p99 {slow * 1000:6.1f} ms"
            f"  CPU {cpu * 1e6:4.0f} µs, at best {min(self.cpu) * 1e6:4.0f}"
        )


@dataclass(frozen=True, slots=True)
class Ratios:
    """Of one row to another, as medians of the rounds' own ratios: neighbours in time had the same machine. ``rate``
    of requests a second; ``cpu`` of requests a CPU second, which other work on the machine disturbs least, ``calm`` the
    same of each one's calmest round; ``slowest`` of the 99th percentiles."""

    rate: float
    cpu: float
    calm: float
    slowest: float

    @classmethod
    def of(cls, one: Figures, bare: Figures) -> Ratios:
        def over(mine: list[float], theirs: list[float]) -> float:
            return statistics.median(a / b if b else math.nan for a, b in zip(mine, theirs, strict=True))

        calm = min(bare.cpu) / (min(one.cpu) or math.nan)
        return cls(over(one.rates, bare.rates), over(bare.cpu, one.cpu), calm, over(one.slowest, bare.slowest))


@contextlib.contextmanager
def serving(run: Callable[[Event], None]) -> Iterator[int]:
    """The process of a server: ``run`` in a fork, which sets the event when it is ready."""
    context = multiprocessing.get_context("fork")
    ready = context.Event()
    server = context.Process(target=run, args=(ready,), daemon=True)
    server.start()
    try:
        assert ready.wait(60), "the server has not started"
        yield server.pid or 0
    finally:
        server.terminate()
        server.join()


def drive(
    port: int | Sequence[int],
    server: int,
    asks: Sequence[Ask],
    seconds: float,
    status: bytes = b"200",
    hears: Sequence[Hear] = (),
) -> tuple[list[float], float, float]:
    """Asks for some seconds over as many connections as there are ``asks``. Answers what each answer took in seconds,
    how long it went on, and the CPU seconds of process ``server``. An answer with another status is an error. Several
    ports have as many connections each."""
    ports = [port] if isinstance(port, int) else port
    talks = [
        _Talk(ports[at % len(ports)], ask, b"HTTP/1.1 " + status, hears[at] if hears else None)
        for at, ask in enumerate(asks)
    ]
    poll, by_number = select.epoll(), {talk.socket.fileno(): talk for talk in talks}
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    cpu, began = cpu_seconds(server), time.perf_counter()
    for talk in talks:
        talk.say()
    open_ = len(talks)
    while open_:
        ready = poll.poll(_LONGEST_WAIT)
        assert ready, "the server does not answer any more"
        for number, _ in ready:
            talk = by_number[number]
            if not talk.listen():
                continue
            if time.perf_counter() - began < seconds:
                talk.say()
            else:
                poll.unregister(number)
                talk.socket.close()
                open_ -= 1
    poll.close()
    waits = [wait for talk in talks for wait in talk.waits]
    return waits, time.perf_counter() - began, cpu_seconds(server) - cpu


class _Talk:
    """One connection."""

    def __init__(self, port: int, ask: Ask, status: bytes, hear: Hear | None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.waits: list[float] = []
        self._ask = ask
        self._status = status
        self._hear = hear
        self._got = b""
        self._asked = 0.0

    def say(self) -> None:
        self._asked = time.perf_counter()
        self.socket.sendall(self._ask())

    def listen(self) -> bool:
        """Whether the answer is whole."""
        self._got += self.socket.recv(65536)
        end, at = self._got.find(b"\r\n\r\n"), self._got.find(_LENGTH)
        if end < 0:
            assert self._got, "the server closed the connection"
            return False
        length = int(self._got[at + len(_LENGTH) : self._got.index(b"\r", at)]) if 0 <= at < end else 0
        if len(self._got) < end + 4 + length:
            return False
        self.waits.append(time.perf_counter() - self._asked)
        assert self._got.startswith(self._status), self._got[:400]
        if self._hear is not None:
            self._hear(self._got[end + 4 :])
        self._got = b""
        return True


def cpu_seconds(process: int) -> float:
    """What the threads of a process have used so far; nought where that cannot be asked."""
    clock = (~process << 3) | 2  # Linux: the clock of a process, as clock_getcpuclockid answers it
    try:
        return time.clock_gettime(clock)
    except OSError:
        return 0.0
