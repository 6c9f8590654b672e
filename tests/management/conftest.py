"""Two sites with a key each, and whoever asks the whole service."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest_asyncio

from wherefrom.app import build_app
from wherefrom.management import invoke
from wherefrom.services import Services


@pytest_asyncio.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8025", verify=False) as one:
        yield one


@pytest_asyncio.fixture
async def sites(services: Services) -> dict[str, str]:
    """Keys by the names of their sites; each site has a target, a contact, a letter sent, an endpoint and the like."""
    keys: dict[str, str] = {}
    for name in ("mine", "theirs"):
        await invoke(services, "POST", "/sites", body={"name": name, "hosts": [f"{name}.example"]})
        keys[name] = (await invoke(services, "POST", "/sites/{site}/keys", site=name, body={"name": "test"})).secret
    return keys
