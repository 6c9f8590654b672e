"""API keys and the operations on users and keys (G06), on both engines."""

from datetime import timedelta

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select
from starlette.applications import Starlette

from wherefrom.accounts import store
from wherefrom.accounts.api import OPERATIONS
from wherefrom.accounts.key import add_key, find_key_holder
from wherefrom.accounts.tables import api_key
from wherefrom.errors import BadInput, NotFound
from wherefrom.web.api import KeyHolder, api_routes

SITE = 4_711


async def test_a_key_is_recognised_by_its_secret_and_opens_its_own_site(services):
    key, secret = await add_key(services, SITE, "CRM")
    assert secret.startswith("wfk_")
    assert len(secret) >= 36
    assert await find_key_holder(services, secret) == KeyHolder(key.id, SITE)


async def test_an_operators_key_opens_every_site(services):
    key, secret = await add_key(services, None, "command line")
    assert await find_key_holder(services, secret) == KeyHolder(key.id, None)


@pytest.mark.parametrize("secret", ["", "wfk_", "wfk_guess", "nonsense", "wfk_" + "é" * 20])
async def test_an_invented_secret_is_nobodys(services, secret):
    await add_key(services, SITE, "CRM")
    assert await find_key_holder(services, secret) is None


async def test_the_secret_is_not_in_the_database(services):
    _, secret = await add_key(services, SITE, "CRM")
    async with services.db.read() as tx:
        kept = repr((await tx.execute(select(api_key))).all())
    assert secret not in kept
    assert secret[:8] in kept


async def test_a_revoked_key_opens_nothing_and_another_sites_key_cannot_be_revoked(services):
    key, secret = await add_key(services, SITE, "CRM")
    async with services.db.write() as tx:
        with pytest.raises(NotFound):
            await store.delete_key(tx, SITE + 1, key.id)
    assert await find_key_holder(services, secret)
    async with services.db.write() as tx:
        await store.delete_key(tx, SITE, key.id)
    assert await find_key_holder(services, secret) is None


async def test_the_last_use_is_noted_to_the_minute(services, clock):
    _, secret = await add_key(services, SITE, "CRM")

    async def last_used():
        async with services.db.read() as tx:
            return (await store.list_keys(tx, SITE))[0].last_used_at

    assert await last_used() is None
    await find_key_holder(services, secret)
    first = clock.now()
    assert await last_used() == first
    clock.advance(timedelta(seconds=59))
    await find_key_holder(services, secret)
    assert await last_used() == first
    clock.advance(timedelta(seconds=1))
    await find_key_holder(services, secret)
    assert await last_used() == clock.now()


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "two\nlines"])
async def test_a_key_without_a_usable_name_is_refused(services, name):
    with pytest.raises(BadInput, match="needs a name"):
        await add_key(services, SITE, name)


@pytest_asyncio.fixture
async def api(services):
    async def find_site(reference):
        if reference not in ("shop", "blog"):
            raise NotFound("no such site")
        return SITE if reference == "shop" else SITE + 1

    async def find_holder(secret):
        return await find_key_holder(services, secret)

    app = Starlette(routes=api_routes(services, OPERATIONS, find_holder, find_site))
    _, secret = await add_key(services, None, "tests")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://test/api/v1",
        headers={"authorization": f"Bearer {secret}"},
    ) as client:
        yield client


async def test_users_are_added_listed_changed_and_removed_by_the_api(api):
    made = await api.post("/users", json={"email": "Anna@Company.com", "password": "correct horse battery"})
    assert made.status_code == 201
    assert made.json()["email"] == "anna@company.com"
    assert "password" not in made.text
    listed = (await api.get("/users")).json()
    assert [one["id"] for one in listed["data"]] == [made.json()["id"]]
    assert listed["next_cursor"] is None
    changed = await api.put(f"/users/{made.json()['id']}/password", json={"password": "short"})
    assert changed.status_code == 400
    assert "needs at least 10" in changed.json()["detail"]
    assert (await api.delete(f"/users/{made.json()['id']}")).status_code == 204
    assert (await api.delete(f"/users/{made.json()['id']}")).status_code == 404


async def test_a_sites_key_sees_its_own_keys_and_no_users(api):
    made = (await api.post("/sites/shop/keys", json={"name": "CRM"})).json()
    as_site = {"authorization": f"Bearer {made['secret']}"}
    listed = await api.get("/sites/shop/keys", headers=as_site)
    assert [one["name"] for one in listed.json()["data"]] == ["CRM"]
    assert made["secret"] not in listed.text
    assert (await api.get("/sites/blog/keys", headers=as_site)).status_code == 403
    for path in ("/users", "/keys"):
        assert (await api.get(path, headers=as_site)).status_code == 403
    assert (
        await api.post("/users", headers=as_site, json={"email": "a@b.example", "password": "x"})
    ).status_code == 403
    assert (await api.delete(f"/sites/shop/keys/{made['id']}")).status_code == 204
    assert (await api.get("/sites/shop/keys", headers=as_site)).status_code == 401


async def test_an_operators_key_is_made_and_revoked_by_the_api(api):
    made = await api.post("/keys", json={"name": "second"})
    assert made.status_code == 201
    assert made.json()["site_id"] is None
    names = [one["name"] for one in (await api.get("/keys")).json()["data"]]
    assert names == ["tests", "second"]
    assert (await api.delete(f"/keys/{made.json()['id']}")).status_code == 204
