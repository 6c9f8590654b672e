"""Asks the system's resolver for a name's addresses without being held up by it.

The resolver knows no timeout: where the name server swallows questions it answers after minutes, or never. So each name
that is asked for has a thread of its own, which is left behind when its asker's time is over, and which keeps no
process from ending. While a name is being asked for nobody asks a second time: all wait for the one answer. An address
is no name, and nobody is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from typing import Any

Found = list[tuple[Any, ...]]
"""What ``socket.getaddrinfo`` returns."""

MOST_AT_ONCE = 256


class Lookup:
    """Belongs to the event loop it is used in."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int], asyncio.Future[Found]] = {}

    async def find(self, host: str, port: int) -> Found:
        """The addresses for TCP. OSError (``socket.gaierror``) where there are none, UnicodeError for what can be no
        name. It may take for ever: the caller keeps the time."""
        if _is_address(host):
            return _ask(host, port)
        key = host, port
        asked = self._asked.get(key)
        if asked is None:
            if len(self._asked) >= MOST_AT_ONCE:
                raise socket.gaierror(socket.EAI_AGAIN, "the name server answers none of the names that were asked for")
            loop = asyncio.get_running_loop()
            asked = loop.create_future()
            thread = threading.Thread(target=self._run, args=(loop, key), daemon=True, name=f"resolve {host}"[:60])
            try:
                thread.start()
            except RuntimeError as fault:  # the machine has no more: nobody shall wait for an answer that cannot come
                raise socket.gaierror(socket.EAI_AGAIN, f"no thread to look the name up in: {fault}") from fault
            self._asked[key] = asked
        return await asyncio.shield(asked)

    def _run(self, loop: asyncio.AbstractEventLoop, key: tuple[str, int]) -> None:
        found: Found | Exception
        try:
            found = _ask(*key)
        except Exception as fault:
            found = fault
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile, and nobody waits
            loop.call_soon_threadsafe(self._tell, key, found)

    def _tell(self, key: tuple[str, int], found: Found | Exception) -> None:
        asked = self._asked.pop(key)
        if asked.done():
            return
        if isinstance(found, Exception):
            asked.set_exception(found)
            asked.exception()  # whoever asked may have gone: then it is no fault that nobody hears it
        else:
            asked.set_result(found)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _ask(host: str, port: int) -> Found:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP))
