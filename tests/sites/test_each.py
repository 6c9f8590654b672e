"""Work that is done for all sites, one after the other."""

from __future__ import annotations

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from wherefrom.errors import Unavailable
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.sites.each import for_each_site
from wherefrom.sites.site import Site


@pytest_asyncio.fixture
async def sites(services: Services) -> list[Site]:
    return [await add_site(services, name, [f"{name}.example"]) for name in ("first", "second", "third")]


async def test_each_site_has_its_turn_and_work_found_for_any_is_told(services: Services, sites: list[Site]) -> None:
    for working in (*sites, None):
        seen: list[int] = []

        async def step(site: Site, seen: list[int] = seen, working: Site | None = working) -> bool:
            seen.append(site.id)
            return working is not None and site.id == working.id

        assert await for_each_site(services, step) == (working is not None)
        assert sorted(seen) == sorted(one.id for one in sites)


async def test_a_site_whose_work_fails_keeps_no_other_site_waiting_and_is_told(
    services: Services, sites: list[Site]
) -> None:
    seen: list[int] = []

    async def step(site: Site) -> bool:
        seen.append(site.id)
        if site.id != sites[2].id:
            raise ValueError(site.name)
        return True

    with capture_logs() as logs, pytest.raises(ValueError, match="first"):
        await for_each_site(services, step)
    assert sorted(seen) == sorted(one.id for one in sites)
    assert sorted(one["site"] for one in logs if one["exc_info"]) == sorted(one.id for one in sites[:2])


async def test_a_database_that_is_away_is_asked_once_and_not_for_each_site(
    services: Services, sites: list[Site]
) -> None:
    seen: list[int] = []

    async def step(site: Site) -> bool:
        seen.append(site.id)
        raise Unavailable("the database is away")

    with capture_logs() as logs, pytest.raises(Unavailable):
        await for_each_site(services, step)
    assert (len(seen), logs) == (1, [])
