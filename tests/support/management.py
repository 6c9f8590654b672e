"""The management API over HTTP, with the operations of one room and keys that say what they may see."""

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpx
from starlette.applications import Starlette

from wherefrom.services import Services
from wherefrom.sites.store import get_site
from wherefrom.web.api import KeyHolder, Operation, api_routes

OPERATOR = "operator"


@contextlib.asynccontextmanager
async def management_api(
    services: Services, operations: Iterable[Operation], key: str = OPERATOR
) -> AsyncIterator[httpx.AsyncClient]:
    """A client below `/api/v1`. `key` is OPERATOR or a site's id: what the key may see."""

    async def find_holder(secret: str) -> KeyHolder | None:
        return KeyHolder(1, None if secret == OPERATOR else int(secret))

    async def find_site(reference: str) -> int:
        async with services.db.read() as tx:
            return (await get_site(tx, reference)).id

    app = Starlette(routes=api_routes(services, operations, find_holder, find_site))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://api/api/v1",
        headers={"authorization": f"Bearer {key}"},
    ) as client:
        yield client


async def read_pages(api: httpx.AsyncClient, path: str, limit: int) -> list[Any]:
    """All that a list holds, turned page by page."""
    rows: list[Any] = []
    cursor = None
    while True:
        page = (await api.get(path, params={"limit": limit} | ({"cursor": cursor} if cursor else {}))).json()
        rows += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows
