"""Targets and pools over the management API."""

from typing import Any

import httpx
import pytest

from tests.substitution.samples import COOLDOWN, HOLD, SALES, Desk, pool_text
from tests.support.management import management_api
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.substitution.api import OPERATIONS
from wherefrom.web.openapi import describe

TARGETS = "/sites/shop/targets"


async def add(api: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await api.post(TARGETS, json={"address": SALES} | body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_target_is_added_shown_changed_and_disabled(services: Services) -> None:
    await add_site(services, "shop", ["company.com"])
    async with management_api(services, OPERATIONS) as api:
        one = await add(api, separator="-")
        assert one | {"id": "", "created_at": ""} == {
            "id": "", "created_at": "", "address": SALES, "strategy": "plus", "enabled": True, "separator": "-",
            "code_form": "code", "domain": "", "when_empty": "", "refused": 0, "shared": 0, "proof": "none",
            "pool": None,
        }  # fmt: skip
        path = f"{TARGETS}/{one['id']}"
        assert (await api.get(path)).json() == one
        assert (await api.patch(path, json={"code_form": "visit"})).json() == one | {"code_form": "visit"}
        assert (await api.delete(path)).status_code == 204
        assert (await api.delete(path)).status_code == 204
        assert (await api.get(TARGETS)).json() == {
            "data": [one | {"code_form": "visit", "enabled": False}], "next_cursor": None,
        }  # fmt: skip


async def test_a_pool_tells_how_full_it_is(services: Services) -> None:
    site = await add_site(services, "shop", ["company.com"])
    desk = Desk(services, site.id)
    async with management_api(services, OPERATIONS) as api:
        one = await add(api, strategy="pool", pool=pool_text(4))
        path = f"{TARGETS}/{one['id']}"
        assert one["pool"] == {
            "size": 4, "free": 4, "leased": 0, "cooling": 0, "unverified": 0, "retired": 0, "use": 0.0, "warning": "",
        }  # fmt: skip
        for visit in range(3):
            await desk.lend(visit)
        pool = (await api.get(path)).json()["pool"]
        assert (pool["leased"], pool["use"], pool["warning"]) == (3, 0.75, "")
        desk.wait(HOLD)
        for visit in (3, 4):
            await desk.lend(visit)
        found = (await api.get(path)).json()
        assert (found["refused"], found["pool"]["leased"], found["pool"]["cooling"]) == (1, 1, 3)
        assert found["pool"]["warning"].startswith("4 of 4 addresses are leased or cooling")
        listed = (await api.get(path + "/substitutes")).json()["data"]
        assert [each["status"] for each in listed] == ["cooling", "cooling", "cooling", "leased"]
        desk.wait(COOLDOWN)
        assert (await api.get(TARGETS)).json()["data"][0]["pool"]["free"] == 3
        for each in listed:
            assert (await api.delete(f"{path}/substitutes/{each['id']}")).status_code == 204
        pool = (await api.get(path)).json()["pool"]
        assert (pool["size"], pool["retired"], pool["use"]) == (0, 4, 1.0)
        assert "no address can be lent" in pool["warning"]


async def test_addresses_are_added_and_read_page_by_page(services: Services) -> None:
    await add_site(services, "shop", ["company.com"])
    async with management_api(services, OPERATIONS) as api:
        one = await add(api, strategy="pool", pool=["a@company.com", "b@company.com"])
        path = f"{TARGETS}/{one['id']}/substitutes"
        added = await api.post(path, json={"pool": "c@company.com\n# and\nd@company.com\n"})
        assert added.status_code == 201
        assert [each["address"] for each in added.json()["data"]] == ["c@company.com", "d@company.com"]
        first = (await api.get(path + "?limit=3")).json()
        rest = (await api.get(path, params={"limit": "3", "cursor": first["next_cursor"]})).json()
        addresses = [each["address"] for each in first["data"] + rest["data"]]
        assert addresses == [f"{letter}@company.com" for letter in "abcd"]
        assert rest["next_cursor"] is None
        assert all(each["status"] == "free" for each in first["data"])
        assert (await api.get(path + "?cursor=x")).status_code == 400
        assert (await api.get(path + "?limit=0")).status_code == 400


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"address": "nobody"}, 400, "address"),
        ({"address": "SALES@company.com"}, 409, "address"),
        ({"address": "b@company.com", "separator": "_"}, 400, "separator"),
        ({"address": "b@company.com", "strategy": "catchall"}, 400, "domain"),
        ({"address": "b@company.com", "strategy": "pool", "pool": "x"}, 400, "pool"),
        ({"address": "b@company.com", "strategy": "minus"}, 400, "strategy"),
        ({"address": "b@company.com", "strateg": "plus"}, 400, None),
        ({}, 400, None),
    ],
)
async def test_errors_name_the_field_and_what_to_do(
    services: Services, body: dict[str, Any], status: int, field: str | None
) -> None:
    await add_site(services, "shop", ["company.com"])
    async with management_api(services, OPERATIONS) as api:
        await add(api)
        answer = await api.post(TARGETS, json=body)
        problem = answer.json()
        assert (answer.status_code, problem.get("field")) == (status, field)
        assert field is None or problem["hint"]


def test_the_description_lists_the_words_each_option_takes() -> None:
    body = describe(OPERATIONS, "http://api")["components"]["schemas"]["AddTarget"]["properties"]
    assert body["strategy"]["enum"] == ["plus", "catchall", "pool"]
    assert {"type": "string", "enum": ["+", "-", "=", "."]} in body["separator"]["anyOf"]


async def test_wrong_lines_of_a_pool_are_told_as_numbers_too(services: Services) -> None:
    await add_site(services, "shop", ["company.com"])
    async with management_api(services, OPERATIONS) as api:
        one = await add(api, strategy="pool", pool=pool_text(1))
        answer = await api.post(f"{TARGETS}/{one['id']}/substitutes", json={"pool": "a@company.com\n\nx\ny"})
        assert (answer.status_code, answer.json()["lines"]) == (400, [3, 4])


async def test_another_sites_targets_are_out_of_reach(services: Services) -> None:
    shop = await add_site(services, "shop", ["company.com"])
    other = await add_site(services, "other", ["other.com"])
    async with management_api(services, OPERATIONS, key=str(shop.id)) as api:
        one = await add(api)
    async with management_api(services, OPERATIONS, key=str(other.id)) as api:
        assert (await api.get(TARGETS)).status_code == 403
        for path in (f"/sites/other/targets/{one['id']}", f"/sites/other/targets/{one['id']}/substitutes"):
            assert (await api.get(path)).status_code == 404
        assert (await api.delete(f"/sites/other/targets/{one['id']}")).status_code == 404
