"""What came in at a test server, in order; a test awaits the next one. Safe between the server and the loop."""

import asyncio
import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Arrivals(Generic[T]):
    """A list that can be awaited. `name` says in a message of failure what did not come."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._items: list[T] = []
        self._taken = 0
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def append(self, item: T) -> None:
        """Called by the server, from any thread."""
        with self._lock:
            self._items.append(item)
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            loop.call_soon_threadsafe(event.set)

    @property
    def all(self) -> list[T]:
        """Everything that came so far."""
        with self._lock:
            return list(self._items)

    async def next(self, timeout: float = 60.0) -> T:
        """The oldest one not handed out yet, waiting up to `timeout` seconds for it. Raises AssertionError."""
        try:
            async with asyncio.timeout(timeout):
                while True:
                    event = asyncio.Event()
                    with self._lock:
                        if self._taken < len(self._items):
                            self._taken += 1
                            return self._items[self._taken - 1]
                        self._waiting.append((asyncio.get_running_loop(), event))
                    await event.wait()
        except TimeoutError:
            came = len(self.all)
            raise AssertionError(f"no further {self._name} came within {timeout} s; {came} had come before") from None

    def clear(self) -> None:
        """Forgets what came."""
        with self._lock:
            self._items.clear()
            self._taken = 0
