"""How many durable visits a second: new visitors with one address each, against bare Starlette JSON in the same run.

    python -m tests.bench.collect [--seconds 4] [--connections 32] [--rounds 3]

Both are served by uvicorn as the service runs it, each in a process of its own; the client drives them in turn, so
that the machine's drift meets both. A visit is committed (SQLite, synchronous=FULL) before it is answered.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import statistics
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wherefrom.app import open_services
from wherefrom.db.migrate import upgrade
from wherefrom.settings import Data, DatabaseGroup, Settings
from wherefrom.sites.add import add_site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.target import Options
from wherefrom.visits.routes import routes
from wherefrom.web.serve import bind, serve_http

AGENTS = [
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{n}.0.0.0 Safari/537.36"
    for n in range(90, 140)
]


async def _bare(request: Request) -> Response:
    told = json.loads(await request.body())
    return JSONResponse({"page": told["page"]})


async def _serve_bare(listening: socket.socket) -> None:
    app = Starlette(routes=[Route("/v1/visits", _bare, methods=["POST"])])
    await serve_http(app, listening, asyncio.Event())


async def _serve_collector(listening: socket.socket, settings: Settings) -> None:
    async with open_services(settings) as services:
        await serve_http(Starlette(routes=routes(services)), listening, asyncio.Event())


def _run(listening: socket.socket, settings: Settings | None, ready: Event) -> None:
    import uvloop  # here, as uvicorn would choose it by itself

    ready.set()
    uvloop.run(_serve_collector(listening, settings) if settings else _serve_bare(listening))


async def _drive(port: int, key: str, connections: int, seconds: float) -> float:
    """Requests a second over ``connections`` that each wait for their answer."""
    deadline = time.monotonic() + seconds

    async def one(number: int) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        done = 0
        while time.monotonic() < deadline:
            page = f"https://shop.example/?utm_source=s{done % 7}&utm_medium=cpc"
            body = json.dumps({"site": key, "page": page, "addresses": ["sales@company.com"], "title": "Shop"})
            agent = AGENTS[(number + done) % len(AGENTS)]
            writer.write(
                f"POST /v1/visits HTTP/1.1\r\nhost: x\r\norigin: https://shop.example\r\nuser-agent: {agent}\r\n"
                f"content-length: {len(body)}\r\n\r\n{body}".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            done += 1
        writer.close()
        return done

    began = time.monotonic()
    counts = await asyncio.gather(*(one(number) for number in range(connections)))
    return sum(counts) / (time.monotonic() - began)


async def _prepare(settings: Settings) -> str:
    await upgrade(settings.database.url)
    async with open_services(settings) as services:
        site = await add_site(services, "bench", ["shop.example"])
        await add_target(services, site.id, "sales@company.com", Options(strategy="plus"))
    return site.key


async def main(seconds: float, connections: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            database=DatabaseGroup(url=f"sqlite:///{folder}/bench.db"),
            data=Data(folder=folder, key_file=str(Path(folder) / "secret.key")),
        )
        key = await _prepare(settings)
        ceiling, ours = bind("127.0.0.1", 0), bind("127.0.0.1", 0)
        context = multiprocessing.get_context("fork")
        ready = context.Event()
        servers = [
            context.Process(target=_run, args=(listening, which, ready), daemon=True)
            for listening, which in ((ceiling, None), (ours, settings))
        ]
        for server in servers:
            server.start()
        try:
            rates: dict[str, list[float]] = {"bare Starlette JSON": [], "durable visit": []}
            for name, listening in (("bare Starlette JSON", ceiling), ("durable visit", ours)):
                await _drive(listening.getsockname()[1], key, 4, 1)  # warm
                rates[name].clear()
            for _ in range(rounds):
                for name, listening in (("bare Starlette JSON", ceiling), ("durable visit", ours)):
                    rates[name].append(await _drive(listening.getsockname()[1], key, connections, seconds))
        finally:
            for server in servers:
                server.terminate()
                server.join()
        for name, measured in rates.items():
            print(f"{name:<20} {statistics.median(measured):7.0f} req/s   {[round(one) for one in measured]}")
        bare, visits = (statistics.median(measured) for measured in rates.values())
        print(f"ratio {visits / bare:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    asyncio.run(main(**vars(parser.parse_args())))
