"""Keeps background work alive, and stops it politely.

A ``Worker`` is a step that says "found work" or "nothing"; a ``Resident`` owns its own loop. The supervisor runs both
until it is told to stop: then it lets the step under way end (grace), and cancels what does not (force). One that dies
is started again after a delay that grows from 1 s to 60 s; its fault is kept for the readiness page. Where what it met
will pass (a database that is away), the delay grows to 5 s alone: then nothing waits long for what is there again.

    starting ─▶ running ─▶ stopped
                  │  ▲
                  ▼  │ delay
                failed

    first SIGTERM or SIGINT ─▶ leaving (server.leaving_seconds, if any): all goes on, the health page says 503
                            ─▶ stop is set ─▶ work under way ends within the grace ─▶ closed, exit status 0
        second one ──────────────▶ ended at once, as a crash would; so is what has not closed a little after the grace
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from msgspec import Struct

from wherefrom.clock import Clock

log = structlog.get_logger(__name__)

_FIRST_DELAY = 1.0
_LONGEST_DELAY = 60.0
_LONGEST_PASSING = 5.0
_SAME_SECONDS = 0.2  # a key pressed once may signal twice: to the group, and by a program that passes it on
CLOSING_SECONDS = 4.5


class Bell:
    """Wakes whoever waits on a topic in this process, so that the next step need not wait for its poll."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._counts: defaultdict[str, int] = defaultdict(int)

    def ring(self, topic: str) -> None:
        self._counts[topic] += 1
        for waiting in self._waiting[topic]:
            waiting.set()

    def count(self, topic: str) -> int:
        """How often ``topic`` rang: taken before looking for work, it tells whether something came meanwhile."""
        return self._counts[topic]

    async def wait(self, topic: str, seconds: float, *, since: int | None = None) -> bool:
        """True when the bell rings within ``seconds``, or has rung since ``count()`` gave ``since``."""
        if since is not None and self._counts[topic] != since:
            return True
        mine = asyncio.Event()
        self._waiting[topic].add(mine)
        try:
            async with asyncio.timeout(seconds):
                await mine.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting[topic].discard(mine)
        return True


class Worker(Struct, frozen=True):
    """``step`` does one piece of work and says whether it found any; after "nothing" it waits for the bell of
    ``topic``, ``idle`` seconds at most."""

    name: str
    step: Callable[[], Awaitable[bool]]
    idle: float
    topic: str


class Resident(Struct, frozen=True):
    """Runs for as long as the service does, and returns soon after ``stop`` is set."""

    name: str
    run: Callable[[asyncio.Event], Awaitable[None]]


async def work_until(
    stop: asyncio.Event,
    bell: Bell,
    topic: str,
    step: Callable[[], Awaitable[bool]],
    idle: Callable[[], Awaitable[float]],
) -> None:
    """For residents: as a ``Worker`` is kept at work, but after "nothing" it waits for as many seconds as ``idle``
    says then, and a stop ends that wait."""
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            before = bell.count(topic)
            if await step():
                continue
            waking = asyncio.create_task(bell.wait(topic, await idle(), since=before))
            try:
                await asyncio.wait({waking, stopping}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waking.cancel()
    finally:
        stopping.cancel()


@dataclass(slots=True)
class Ending:
    """Sets ``leaving`` at the first SIGTERM or SIGINT, and ``stop`` after ``delay`` seconds: meanwhile whoever leads
    requests here learns that it had better not. Ends the process at the second signal, or when it is still there
    some seconds after ``grace``: whatever hangs (a disk, a name server, a thread), it is gone when a process manager's
    own patience ends. Ended like that, nothing is lost: all that was answered is on the disk. ``closed``: all is done
    but to end."""

    stop: asyncio.Event
    grace: float
    delay: float = 0.0
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    closed: bool = False
    _heard_at: float = 0.0

    def listen(self) -> None:
        """For the signals, in the running event loop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._hear, number)

    def _hear(self, number: signal.Signals) -> None:
        if not self.leaving.is_set():
            self._heard_at = time.monotonic()
            log.info("stopping", signal=number.name, grace=self.grace, after=self.delay)
            last = threading.Timer(self.delay + self.grace + CLOSING_SECONDS, self._end)
            last.daemon = True
            last.start()
            self.leaving.set()
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self.stop.set)
            else:
                self.stop.set()
        elif time.monotonic() - self._heard_at > _SAME_SECONDS:
            log.warning("ended at once by a second signal")
            os._exit(128 + number)

    def _end(self) -> None:
        if not self.closed:
            log.warning("ended at once: it did not close in time")
        os._exit(0 if self.closed else 1)


def next_delay(last: float, *, lived: float) -> float:
    """Seconds until a dead one is started again: ``last`` doubled, and short again after it ``lived`` well for long,
    because that is a new trouble, not the old one."""
    if lived > _LONGEST_DELAY:
        return _FIRST_DELAY
    return min(max(last * 2, _FIRST_DELAY), _LONGEST_DELAY)


@dataclass(slots=True)
class State:
    """What the readiness page says of one worker."""

    name: str
    status: str = "starting"
    since: datetime | None = None
    beat_at: datetime | None = None
    restarts: int = 0
    fault: str = ""


@dataclass(slots=True)
class Supervisor:
    """Runs ``work`` until ``stop`` is set; ``grace`` is in seconds. ``passes`` says of a fault that it is none of the
    worker's, and will pass. ``leaving`` is set when the process is going to stop; its health page tells it."""

    work: Sequence[Worker | Resident]
    bell: Bell
    clock: Clock
    grace: float = 5.0
    passes: Callable[[Exception], bool] = lambda _: False
    leaving: asyncio.Event = field(default_factory=asyncio.Event)
    states: dict[str, State] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states = {one.name: State(one.name) for one in self.work}

    async def run(self, stop: asyncio.Event) -> None:
        tasks = [asyncio.create_task(self._keep(one, stop), name=one.name) for one in self.work]
        try:
            await stop.wait()
            await self._wind_down(tasks)
        finally:  # also when this run is cancelled: nothing may work on while the database is being closed
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _wind_down(self, tasks: list[asyncio.Task[None]]) -> None:
        for one in self.work:
            if isinstance(one, Worker):
                self.bell.ring(one.topic)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self.grace)
        for task in late:
            log.warning("worker did not stop in time", worker=task.get_name(), grace=self.grace)

    async def _keep(self, one: Worker | Resident, stop: asyncio.Event) -> None:
        state, delay = self.states[one.name], 0.0
        while not stop.is_set():
            state.status, state.since, begun = "running", self.clock.now(), time.monotonic()
            try:
                await (self._turn(one, state, stop) if isinstance(one, Worker) else one.run(stop))
                if not stop.is_set():
                    raise RuntimeError("returned although nobody asked it to stop")
            except Exception as fault:
                state.status, state.fault = "failed", f"{type(fault).__name__}: {fault}"
                state.restarts += 1
                delay = next_delay(delay, lived=time.monotonic() - begun)
                if self.passes(fault):
                    delay = min(delay, _LONGEST_PASSING)
                    log.warning("worker failed", worker=one.name, again_in=delay, fault=state.fault)
                else:
                    log.exception("worker failed", worker=one.name, again_in=delay)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), delay)
        state.status = "stopped"

    async def _turn(self, worker: Worker, state: State, stop: asyncio.Event) -> None:
        while not stop.is_set():
            before = self.bell.count(worker.topic)
            found = await worker.step()
            state.beat_at = self.clock.now()
            if not found:
                await self.bell.wait(worker.topic, worker.idle, since=before)
