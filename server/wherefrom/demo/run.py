"""Starts everything and prints what to open."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import typer

from wherefrom.app import log_to, open_services, serve
from wherefrom.db.migrate import upgrade
from wherefrom.demo.crm import Crm
from wherefrom.demo.geo import write_cities
from wherefrom.demo.mailbox import open_mailbox
from wherefrom.demo.post import open_post
from wherefrom.demo.seed import ADDRESSES, PASSWORD, PERSON, seed
from wherefrom.demo.site import DemoSite
from wherefrom.services import Services
from wherefrom.settings import Log, Settings
from wherefrom.substitution.store.proofs import is_any_unproved
from wherefrom.supervise import Ending
from wherefrom.web.serve import bind, serve_http

_PROOF_SECONDS = 10.0


async def run_demo(port: int) -> None:
    """Runs until Ctrl-C. ``port`` is the service's; the site has the next, the CRM the one after."""
    log_to(Settings(log=Log(level="warning")))
    stop = asyncio.Event()
    Ending(stop, 5).listen()
    async with open_demo(port, stop) as (service, site, crm):
        typer.echo(_welcome(service, site, crm))
        await stop.wait()
        typer.echo("\nstopping …")


@contextlib.asynccontextmanager
async def open_demo(port: int, stop: asyncio.Event) -> AsyncIterator[tuple[str, str, str]]:
    """The running demo: the URLs of service, site and CRM. Ends when the block does; sets ``stop``."""
    async with contextlib.AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wherefrom-demo-")))
        sockets = [bind("127.0.0.1", port + offset if port else 0) for offset in range(3)]
        service, site, crm = (f"http://127.0.0.1:{one.getsockname()[1]}" for one in sockets)
        mailbox = await stack.enter_async_context(open_mailbox())
        smtp_port = await stack.enter_async_context(open_post(mailbox))
        settings = _settings(home, service, sockets[0].getsockname()[1], smtp_port)
        await upgrade(settings.database.url)
        services = await stack.enter_async_context(open_services(settings))
        desk = Crm()
        seeded = await seed(services, mailbox, crm + "/hook")
        desk.secret = seeded.secret
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10))
        shop = DemoSite(service, crm, seeded.site_key, ADDRESSES, smtp_port, client)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve(services, stop, listening=sockets[0]))
            tasks.create_task(serve_http(shop.app(), sockets[1], stop))
            tasks.create_task(serve_http(desk.app(), sockets[2], stop))
            try:
                await _wait_for_proofs(services)
                yield service, site, crm
            finally:
                stop.set()


async def _wait_for_proofs(services: Services) -> None:
    """Until each substitute's probe came back by the demo's own mail: before that the shop shows the real addresses."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PROOF_SECONDS):
            while await _is_any_unproved(services):
                await services.bell.wait("messages", 0.1)


async def _is_any_unproved(services: Services) -> bool:
    async with services.db.read() as tx:
        return await is_any_unproved(tx)


def _settings(home: Path, service: str, port: int, smtp_port: int) -> Settings:
    """The defaults, with what a demo on one machine needs."""
    write_cities(home / "cities.mmdb")
    tree = {
        "server": {"port": port, "public_url": service, "trusted_proxies": ["127.0.0.1/32"]},
        "database": {"url": f"sqlite:///{home.resolve()}/wherefrom.db"},
        "data": {"folder": str(home.resolve()), "key_file": str(home.resolve() / "secret.key")},
        "geo": {"file": str(home.resolve() / "cities.mmdb")},
        "visits": {"ip": "whole"},
        "webhooks": {"allow": ["127.0.0.0/8"]},
        "mail": {"poll_seconds": 5},
        "smtp": {"host": "127.0.0.1", "port": smtp_port, "security": "none", "sender": "probes@wherefrom.example"},
    }
    return msgspec.convert(tree, Settings)


def _welcome(service: str, site: str, crm: str) -> str:
    return f"""
Wherefrom is running, with a demo shop, its mailbox and its CRM.

  1  the shop      {site}/      click an address, send the letter
  2  the CRM       {crm}/      the letter's JSON arrives here
  3  the console   {service}/      log in as {PERSON} with {PASSWORD}

Stop with Ctrl-C.
"""
