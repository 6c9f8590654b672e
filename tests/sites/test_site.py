"""Sites on both engines: found by id, key and name; changed; refused with reasons."""

import asyncio

import pytest

from wherefrom.errors import BadInput, Conflict, NotFound
from wherefrom.services import Services
from wherefrom.sites.add import add_site, set_site
from wherefrom.sites.hosts import covers
from wherefrom.sites.site import make_key, parse_name
from wherefrom.sites.store import find_site_by_key, get_site, list_sites


async def test_a_site_is_found_by_id_key_and_name(services: Services) -> None:
    await add_site(services, "other", ["other.com"])
    site = await add_site(services, " my  shop ", ["www.company.com", "company.com"])
    assert (site.name, site.hosts, site.enabled) == ("my shop", ("company.com", "www.company.com"), True)
    async with services.db.read() as tx:
        for ref in (site.id, str(site.id), site.key, "my shop"):
            assert await get_site(tx, ref) == site
        assert await find_site_by_key(tx, site.key) == site


@pytest.mark.parametrize("ref", ["nobody", "12", "9" * 19, "9" * 40, "wf_nobody", "", "٣"])
async def test_an_unknown_site_is_not_found_and_the_error_says_how_to_name_one(services: Services, ref: str) -> None:
    await add_site(services, "shop", ["company.com"])
    async with services.db.read() as tx:
        with pytest.raises(NotFound) as raised:
            await get_site(tx, ref)
        assert "site list" in raised.value.hint


async def test_only_a_key_finds_a_site_by_key(services: Services) -> None:
    site = await add_site(services, "shop", ["company.com"])
    async with services.db.read() as tx:
        for text in ("shop", str(site.id), site.key.upper(), site.key[:-1], ""):
            assert await find_site_by_key(tx, text) is None


def test_keys_are_long_and_never_alike() -> None:
    keys = {make_key() for _ in range(200)}
    assert len(keys) == 200
    assert all(key.startswith("wf_") and len(key) == 23 for key in keys)


@pytest.mark.parametrize("name", ["", "  ", "123", "wf_shop", "a/b", "a" * 101, "-shop", "a\x00b", "shop?", ".."])
def test_a_name_that_could_not_be_told_apart_is_refused(name: str) -> None:
    with pytest.raises(BadInput) as raised:
        parse_name(name)
    assert raised.value.hint
    assert raised.value.extra == {"field": "name"}


@pytest.mark.parametrize("name", ["shop", "Müllers Laden 2", "a", "company.com", "shop-de_1", "я"])
def test_usual_names_are_taken(name: str) -> None:
    assert parse_name(name) == name


async def test_a_second_site_of_the_same_name_is_a_conflict_and_leaves_nothing(services: Services) -> None:
    await add_site(services, "shop", ["company.com"])
    with pytest.raises(Conflict, match="“shop”"):
        await add_site(services, "shop", ["other.com"])
    async with services.db.read() as tx:
        assert [one.hosts for one in await list_sites(tx)] == [("company.com",)]


async def test_a_change_keeps_what_is_not_named(services: Services) -> None:
    site = await add_site(services, "shop", ["company.com"])
    changed = await set_site(services, site.id, enabled=False)
    assert (changed.name, changed.hosts, changed.enabled, changed.key) == ("shop", ("company.com",), False, site.key)
    changed = await set_site(services, site.id, hosts=["a.com", "b.com"], compat="roistat")
    assert (changed.hosts, changed.enabled, changed.compat) == (("a.com", "b.com"), False, "roistat")
    async with services.db.read() as tx:
        assert await get_site(tx, site.id) == changed


async def test_a_sites_options_are_kept_as_they_were_written(services: Services) -> None:
    site = await add_site(services, "shop", ["company.com"])
    assert (site.mode, site.without_consent, site.off_paths) == ("visits", "real", ())
    changed = await set_site(services, site.id, mode="source", without_consent="source", off_paths=["/über uns", "/b*"])
    assert (changed.mode, changed.without_consent, changed.off_paths) == ("source", "source", ("/über uns", "/b*"))
    assert await set_site(services, site.id, enabled=True) == changed
    async with services.db.read() as tx:
        assert await find_site_by_key(tx, site.key) == changed


@pytest.mark.parametrize(("name", "value"), [("mode", "persons"), ("mode", ""), ("without_consent", "nothing")])
async def test_an_unknown_option_is_refused_with_what_there_is(services: Services, name: str, value: str) -> None:
    site = await add_site(services, "shop", ["company.com"])
    with pytest.raises(BadInput) as raised:
        await set_site(services, site.id, **{name: value})
    assert (raised.value.extra, "source" in raised.value.hint) == ({"field": name}, True)


async def test_a_site_cannot_take_another_sites_name(services: Services) -> None:
    await add_site(services, "one", ["one.com"])
    two = await add_site(services, "two", ["two.com"])
    with pytest.raises(Conflict):
        await set_site(services, two.id, name="one", hosts=["stolen.com"])
    async with services.db.read() as tx:
        assert await get_site(tx, two.id) == two


async def test_changes_at_the_same_time_are_all_kept(services: Services) -> None:
    site = await add_site(services, "shop", ["company.com"])
    await asyncio.gather(
        set_site(services, site.id, enabled=False),
        set_site(services, site.id, name="store"),
        set_site(services, site.id, hosts=["a.com", "b.com"]),
        set_site(services, site.id, compat="roistat"),
    )
    async with services.db.read() as tx:
        found = await get_site(tx, site.id)
    assert (found.enabled, found.name, found.hosts, found.compat) == (False, "store", ("a.com", "b.com"), "roistat")


async def test_pages_of_the_sites_hosts_alone_may_use_its_key(services: Services) -> None:
    site = await add_site(services, "shop", ["company.com"])
    assert covers(site.hosts, "www.company.com:8443")
    assert not covers(site.hosts, "company.org")
