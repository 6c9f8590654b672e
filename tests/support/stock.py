"""uvicorn as it is, for the ceilings of benchmarks, with nothing of ours in the way.

bare      as it is installed, but for its log of requests: its own headers, its own garbage collection
trimmed   without what our service does without (headers of date and server, those of proxies), and with the process
          prepared as ours is: 7 to 20 % more requests
"""

from __future__ import annotations

import socket
from multiprocessing.synchronize import Event

import uvicorn
from starlette.types import ASGIApp

from wherefrom.web.serve import prepare_process


def bare_config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")


def stock_config(app: ASGIApp) -> uvicorn.Config:
    """The trimmed one."""
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="off",
    )


def run_bare(app: ASGIApp, listening: socket.socket, ready: Event) -> None:
    """Serves ``app`` as uvicorn is installed, until the process ends."""
    _run(bare_config(app), listening, ready)


def run_trimmed(app: ASGIApp, listening: socket.socket, ready: Event) -> None:
    prepare_process()
    _run(stock_config(app), listening, ready)


def _run(config: uvicorn.Config, listening: socket.socket, ready: Event) -> None:
    import uvloop  # as uvicorn would choose it by itself

    ready.set()
    uvloop.run(uvicorn.Server(config).serve([listening]))
