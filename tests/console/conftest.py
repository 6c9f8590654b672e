"""The console on a real socket, and a client that is logged in."""

import asyncio
import re
from collections.abc import AsyncIterator

import httpx
import pytest_asyncio
from starlette.applications import Starlette
from starlette.middleware import Middleware

from tests.console.scene import EMAIL, PASSWORD, Scene, make_scene, make_user, open_session
from tests.support.clients import BRIEFLY
from tests.support.ports import free_port
from wherefrom.console.routes import routes
from wherefrom.services import Services
from wherefrom.web.headers import SafeHeaders
from wherefrom.web.serve import bind, serve_http


@pytest_asyncio.fixture
async def console(services: Services) -> AsyncIterator[str]:
    """The address of the console, served the way the product serves it."""
    port, stop = free_port(), asyncio.Event()
    app = Starlette(routes=routes(services), middleware=[Middleware(SafeHeaders)])
    serving = asyncio.create_task(serve_http(app, bind("127.0.0.1", port), stop))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await serving


@pytest_asyncio.fixture
async def scene(services: Services) -> Scene:
    """A site called Shop, and Anna, who may log in."""
    await make_user(services)
    return await make_scene(services)


@pytest_asyncio.fixture
async def guest(console: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without scripts that has not logged in."""
    # It speaks plain HTTP alone: the list of authorities would be read for nothing, which takes 22 ms a test.
    async with httpx.AsyncClient(base_url=console, verify=False, timeout=60, limits=BRIEFLY) as client:
        yield client


@pytest_asyncio.fixture
async def client(guest: httpx.AsyncClient, scene: Scene) -> httpx.AsyncClient:
    """The same, logged in."""
    guest.cookies.update(await open_session(scene.services))
    return guest


async def log_in(
    client: httpx.AsyncClient, email: str = EMAIL, password: str = PASSWORD, next_: str = "/"
) -> httpx.Response:
    """Fills in the log-in form."""
    form = await client.get("/login", params={"next": next_})
    token = csrf_of(form.text)
    return await client.post("/login", data={"csrf": token, "email": email, "password": password, "next": next_})


def csrf_of(page: str) -> str:
    """The token in a page's forms."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, page[:500]
    return found[1]
