"""Runs an ASGI application on a port until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import socket
import sys
import time
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from wherefrom.errors import SettingsError
from wherefrom.load import Load
from wherefrom.settings import Limits
from wherefrom.web.bounds import BoundedProtocol, Bounds
from wherefrom.web.front import Doors
from wherefrom.web.porter import Porter
from wherefrom.web.protocol import HotProtocol

_GRACE_SECONDS = 5
_BACKLOG = 256
"""Who waits in the kernel for longer than a visitor would is answered for nobody; a client it has no room for tries
again by itself after a second."""
_SWITCH_SECONDS = 0.0005
"""How long a thread that comes back from the disk waits for one that runs Python: ten times less than Python's own. The
database's writer comes back from each call of SQLite; a busy event loop made each commit wait several times 5 ms."""
_ALLOCATIONS = 20_000  # between two looks at young objects; Python's own 700 is twice a request


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: who runs several things at once decides itself when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int, setting: str = "server.port") -> socket.socket:
    """A listening socket; port 0 takes a free one. SettingsError, which names the ``setting``, when the address is
    taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise SettingsError(
            f"cannot listen on {host} port {port}: {error.strerror}",
            hint=f"another program may use the port; choose another one: {setting} in the settings, or demo --port",
        ) from None
    listening.listen(_BACKLOG)
    return listening


def prepare_process() -> None:
    """For a process that serves and has loaded what it needs: what is there lives to the end, so the garbage collector
    need not look at it again, nor look as often as in a program that makes cycles. Halves the slowest answers."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 20, 20)
    sys.setswitchinterval(_SWITCH_SECONDS)


async def serve_http(
    app: ASGIApp,
    listening: socket.socket,
    stop: asyncio.Event,
    bounds: Bounds | None = None,
    grace: int = _GRACE_SECONDS,
) -> None:
    """Serves ``app`` until ``stop`` is set, then lets requests under way end for ``grace`` seconds. ``bounds``: of the
    connections; the default ones if none are given."""
    bounds = bounds or Bounds(Limits(), Load())
    doors: Doors | None = getattr(app, "doors", None)  # the routes that ``web.front`` knows
    connection = BoundedProtocol if doors is None else HotProtocol
    porter = None
    if doors is not None and hasattr(socket, "TCP_INFO"):  # else nobody can tell how many wait
        porter = Porter(listening, doors, bounds.load, bounds.at_door)
        bounds.look_outside = porter.look
    config = uvicorn.Config(
        app,
        http=functools.partial(connection, bounds=bounds),  # type: ignore[arg-type]  # it is called, nothing else
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,  # who is trusted is our own setting; see web.requests
        lifespan="off",
        timeout_graceful_shutdown=grace,
        backlog=_BACKLOG,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listening]), name="http")
    stopping = asyncio.create_task(stop.wait())
    watching = asyncio.create_task(bounds.watch(server.server_state.connections), name="connections")  # type: ignore[arg-type]
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    until = time.monotonic() + grace
    stopping.cancel()
    await serving
    if porter is not None:
        await porter.finish(max(0.0, until - time.monotonic()))
    watching.cancel()
