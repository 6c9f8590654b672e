"""The management API of sites."""

from tests.support.management import management_api
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.sites.api import OPERATIONS


async def test_a_site_is_added_shown_changed_and_listed(services: Services) -> None:
    async with management_api(services, OPERATIONS) as api:
        added = await api.post("/sites", json={"name": "shop", "hosts": ["https://Company.com/"]})
        assert added.status_code == 201
        site = added.json()
        assert site | {"id": "", "key": "", "created_at": ""} == {
            "id": "", "key": "", "created_at": "", "name": "shop", "enabled": True, "hosts": ["company.com"],
            "compat": "", "mode": "visits", "without_consent": "real", "off_paths": [], "zone": "UTC",
        }  # fmt: skip
        assert site["key"].startswith("wf_")
        for ref in (site["id"], site["key"], "shop"):
            assert (await api.get(f"/sites/{ref}")).json() == site
        changed = await api.patch("/sites/shop", json={"enabled": False, "name": "store"})
        assert changed.json() == site | {"enabled": False, "name": "store"}
        assert (await api.get("/sites")).json() == {"data": [changed.json()], "next_cursor": None}


async def test_a_sites_options_are_changed_one_by_one_and_shown(services: Services) -> None:
    await add_site(services, "shop", ["company.com"])
    async with management_api(services, OPERATIONS) as api:
        paths = ["/impressum*", "/über-uns"]
        assert (await api.patch("/sites/shop", json={"off_paths": paths})).json()["off_paths"] == paths
        assert (await api.patch("/sites/shop", json={"mode": "source"})).json()["mode"] == "source"
        changed = await api.patch("/sites/shop", json={"without_consent": "source", "off_paths": None})
        told = {name: changed.json()[name] for name in ("mode", "without_consent", "off_paths")}
        assert told == {"mode": "source", "without_consent": "source", "off_paths": paths}
        assert (await api.get("/sites/shop")).json() == changed.json()
        assert (await api.patch("/sites/shop", json={"off_paths": []})).json()["off_paths"] == []


async def test_an_option_that_will_not_do_is_refused_and_nothing_changes(services: Services) -> None:
    site = await add_site(services, "shop", ["company.com"])
    async with management_api(services, OPERATIONS) as api:
        for body, field, words in (
            ({"off_paths": ["imprint"], "name": "other"}, "off_paths", "“imprint” does not begin with a slash"),
            ({"off_paths": "/imprint"}, None, "off_paths"),
            ({"mode": "nobody"}, "mode", "“nobody”"),
            ({"without_consent": ""}, "without_consent", "“”"),
        ):
            answer = await api.patch("/sites/shop", json=body)
            problem = answer.json()
            assert (answer.status_code, problem.get("field")) == (400, field)
            assert words in problem["detail"]
        told = (await api.get("/sites/shop")).json()
        assert (told["id"], told["mode"], told["without_consent"], told["off_paths"]) == (
            str(site.id), "visits", "real", [],
        )  # fmt: skip


async def test_a_sites_key_sees_its_own_site_alone_and_adds_none(services: Services) -> None:
    mine = await add_site(services, "mine", ["mine.com"])
    await add_site(services, "theirs", ["theirs.com"])
    async with management_api(services, OPERATIONS, key=str(mine.id)) as api:
        assert [one["name"] for one in (await api.get("/sites")).json()["data"]] == ["mine"]
        assert (await api.get("/sites/theirs")).status_code == 403
        assert (await api.patch("/sites/theirs", json={"enabled": False})).status_code == 403
        assert (await api.post("/sites", json={"name": "new", "hosts": ["a.com"]})).status_code == 403
        assert (await api.patch("/sites/mine", json={"hosts": ["new.com"]})).json()["hosts"] == ["new.com"]


async def test_errors_say_the_field_and_what_to_do(services: Services) -> None:
    await add_site(services, "shop", ["company.com"])
    async with management_api(services, OPERATIONS) as api:
        for body, status, field in (
            ({"name": "new", "hosts": ["no host"]}, 400, "hosts"),
            ({"name": "new", "hosts": []}, 400, "hosts"),
            ({"name": "77", "hosts": ["a.com"]}, 400, "name"),
            ({"name": "shop", "hosts": ["a.com"]}, 409, "name"),
        ):
            answer = await api.post("/sites", json=body)
            problem = answer.json()
            assert (answer.status_code, problem["field"]) == (status, field)
            assert problem["hint"]
        typo = await api.patch("/sites/shop", json={"enable": False})
        assert (typo.status_code, "enable" in typo.json()["detail"]) == (400, True)


async def test_a_sites_days_begin_in_a_time_zone_that_is_known(services: Services) -> None:
    async with management_api(services, OPERATIONS) as api:
        await api.post("/sites", json={"name": "shop", "hosts": ["company.com"]})
        changed = await api.patch("/sites/shop", json={"zone": " Europe/Berlin "})
        assert changed.json()["zone"] == "Europe/Berlin"
        for wrong in ("Berlin Mitte", "Mars/Base", "../etc/passwd", "", "Europe"):
            refused = await api.patch("/sites/shop", json={"zone": wrong})
            assert refused.status_code == 400, wrong
            assert refused.json()["field"] == "zone"
