"""How many queued letters a second are handed to a mail server, beside letters by bare aiosmtplib in the same run.

    python -m tests.bench.sending [--letters 200] [--connections 2] [--json FILE]

The server is aiosmtpd in a process of its own, which keeps nothing; without TLS and login. Each letter is 20 kB of HTML
with ten links. What a provider adds, 50 to 300 ms a letter and connection, is not in these figures.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import aiosmtplib

from tests.bench.figures import Row, add_json_option, hand_in
from tests.support.ports import LOOPBACK, free_port
from wherefrom.app import open_services
from wherefrom.db.migrate import upgrade
from wherefrom.management import invoke
from wherefrom.outbound.postman import Postman
from wherefrom.outbound.store.outgoing import count_queue
from wherefrom.services import Services
from wherefrom.settings import Data, DatabaseGroup, Settings
from wherefrom.sites.add import add_site

_WORDS = "Some words of a letter.\r\n" * 80
HTML = "".join(f'<p>{_WORDS}<a href="https://shop.example/{number}">more</a></p>\r\n' for number in range(10))


async def open_port(port: int) -> None:
    """Until somebody listens there."""
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise SystemExit("the mail server did not start")


async def fill(services: Services, number: int) -> float:
    """So many letters a second are taken by the API's operation."""
    begun = time.perf_counter()
    body = {"subject": "News", "html": HTML, "deliver": True}
    for first in range(0, number, 20):
        await asyncio.gather(
            *(
                invoke(services, "POST", "/sites/{site}/sends", site="shop",
                       body=body | {"contact": {"email": f"p{one}@mail.example"}})
                for one in range(first, min(first + 20, number))
            )
        )  # fmt: skip
    return number / (time.perf_counter() - begun)


async def drain(services: Services, site_id: int, number: int) -> float:
    begun = time.perf_counter()
    await Postman(services, linger=0.0).settle()
    spent = time.perf_counter() - begun
    async with services.db.read() as tx:
        assert (await count_queue(tx, site_id)).waiting == 0
    return number / spent


async def bare(port: int, number: int, connections: int) -> float:
    """The same size of letters by the library alone."""
    raw = b"Subject: News\r\n\r\n" + HTML.encode()

    async def carry(share: int) -> None:
        async with aiosmtplib.SMTP(hostname=LOOPBACK, port=port) as smtp:
            for _ in range(share):
                await smtp.sendmail("news@shop.example", ["ann@mail.example"], raw)

    begun = time.perf_counter()
    await asyncio.gather(*(carry(number // connections) for _ in range(connections)))
    return number / (time.perf_counter() - begun)


async def measure(folder: Path, port: int, number: int, connections: int) -> list[Row]:
    url = f"sqlite:///{folder}/bench.db"
    await upgrade(url)
    settings = Settings(
        database=DatabaseGroup(url=url), data=Data(folder=str(folder), key_file=str(folder / "secret.key"))
    )
    async with open_services(settings) as services:
        site = await add_site(services, "shop", ["shop.example"])
        account = {
            "host": LOOPBACK, "port": port, "security": "none", "from_address": "news@shop.example",
            "connections": connections, "bounce_address": "bounce@shop.example",
        }  # fmt: skip
        await invoke(services, "PUT", "/sites/{site}/sender", site="shop", body=account)
        ceiling = await bare(port, number, connections)
        print(f"bare aiosmtplib, {connections} connections {ceiling:8.0f} letters/s")
        taken = await fill(services, number)
        print(f"taken by the API                  {taken:8.0f} letters/s")
        sent = {"not signed": await drain(services, site.id, number)}
        print(f"sent, not signed                  {sent['not signed']:8.0f} letters/s")
        for algorithm, name in (("ed25519", "Ed25519"), ("rsa", "Ed25519 and RSA")):
            key = {"algorithm": algorithm, "selector": algorithm}
            await invoke(services, "POST", "/sites/{site}/sender/dkim", site="shop", body=key)
            await fill(services, number)
            sent[f"signed by {name}"] = await drain(services, site.id, number)
            print(f"sent, signed by {name:<17} {sent[f'signed by {name}']:8.0f} letters/s")
    beside = f"bare aiosmtplib, {ceiling:,.0f}/s"
    return [
        Row("letters queued by the API", taken, "/s"),
        *(Row(f"letters sent, {how}", rate, "/s", against=beside, ratio=rate / ceiling) for how, rate in sent.items()),
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--letters", type=int, default=200)
    parser.add_argument("--connections", type=int, default=2)
    add_json_option(parser)
    asked = parser.parse_args()
    port = free_port()
    command = [sys.executable, "-m", "aiosmtpd", "-n", "-l", f"{LOOPBACK}:{port}", "-c", "aiosmtpd.handlers.Sink"]
    server = subprocess.Popen(command)
    try:
        with tempfile.TemporaryDirectory() as folder:
            hand_in(asyncio.run(run(Path(folder), port, asked.letters, asked.connections)), asked.json)
    finally:
        server.terminate()
        server.wait()


async def run(folder: Path, port: int, number: int, connections: int) -> list[Row]:
    await open_port(port)
    return await measure(folder, port, number, connections)


if __name__ == "__main__":
    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    main()
