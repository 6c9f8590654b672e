"""uvicorn as it is, for the ceilings of benchmarks: its own connections on httptools, with nothing of ours in the way.

Without what our service does without, too (log of requests, headers of date, server and proxies): each would make the
ceiling lower.
"""

from __future__ import annotations

import socket

import uvicorn
from starlette.types import ASGIApp


def stock_config(app: ASGIApp) -> uvicorn.Config:
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


async def serve_stock(app: ASGIApp, listening: socket.socket) -> None:
    """Until its process ends."""
    await uvicorn.Server(stock_config(app)).serve([listening])
