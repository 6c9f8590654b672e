"""B01, B06: how a pool was used, how often it ran short, and how large it should be."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.substitution.samples import HOLD, MINUTE, Desk, pool_text
from tests.support.management import management_api
from wherefrom.errors import NotFound
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.substitution.api import OPERATIONS
from wherefrom.substitution.sizing import HOUR, Shortage, Span, advise, demand, list_peaks
from wherefrom.substitution.use import find_pool_use, forget_shortages

NOON = datetime.fromisoformat("2026-11-02T12:00:00Z")
MINUTES = st.integers(min_value=0, max_value=300)


def span(begin: float, end: float) -> Span:
    return NOON + begin * MINUTE, NOON + end * MINUTE


def test_b01_the_peak_is_the_most_at_one_moment_and_neighbours_do_not_meet() -> None:
    end = NOON + HOUR
    assert list_peaks([span(0, 10), span(5, 15), span(10, 20)], NOON, end) == [2]
    assert list_peaks([], NOON, end) == [0]
    assert list_peaks([span(0, 0)], NOON, end) == [0]


@given(st.lists(st.tuples(MINUTES, MINUTES)))
def test_b01_the_peak_is_what_looking_at_every_minute_finds(pairs: list[tuple[int, int]]) -> None:
    spans = [span(min(pair), max(pair)) for pair in pairs]
    looked = [sum(begin <= NOON + n * MINUTE < end for begin, end in spans) for n in range(301)]
    assert list_peaks(spans, NOON, NOON + 5 * HOUR) == [max(looked[n : n + 60]) for n in range(0, 300, 60)]


@pytest.mark.parametrize(("peak", "size"), [(0, 4), (3, 4), (4, 5), (8, 10), (100, 125)])
def test_b01_the_advice_is_a_quarter_more_and_never_fewer_than_four(peak: int, size: int) -> None:
    assert advise(peak) == size


def test_b01_a_visit_that_asked_often_in_vain_wanted_one_address() -> None:
    asked = [Shortage(7, NOON + n * MINUTE, False) for n in range(3)] + [Shortage(8, NOON, False)]
    assert demand([span(0, 5)], asked, HOLD) == [span(0, 5), span(0, 17), span(0, 15)]


@given(st.lists(st.tuples(st.integers(1, 3), MINUTES)))
def test_b01_a_visit_wants_an_address_for_as_long_as_a_lease_lasts_after_each_time_it_asked(
    asked: list[tuple[int, int]],
) -> None:
    wanted = demand([], [Shortage(visit, NOON + n * MINUTE, False) for visit, n in asked], HOLD)
    for minute in range(0, 320, 7):
        visits = {visit for visit, n in asked if n <= minute < n + 15}
        at = NOON + minute * MINUTE
        assert sum(begin <= at < end for begin, end in wanted) == len(visits)


async def test_b01_a_pool_that_ran_short_shows_what_was_wanted(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(4))
    for visit in range(1, 8):
        await desk.lend(visit)
    await desk.lend(7)
    found = await find_pool_use(desk.services, 1, one.id)
    assert (found.size, found.peak, found.advised, found.refused, found.shared) == (4, 7, 9, 3, 0)
    assert len(found.hours) == 72
    assert (found.hours[-1].peak, found.hours[-1].refused) == (4, 4), "each time it ran short counts here"


async def test_b01_cooling_is_not_demand_and_what_is_long_ago_does_not_count(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(9))
    for visit in (1, 2):
        await desk.lend(visit)
        desk.wait(HOLD)
    assert (await find_pool_use(desk.services, 1, one.id)).peak == 1
    desk.wait(4 * 24 * HOUR)
    assert (await find_pool_use(desk.services, 1, one.id)).peak == 0


async def test_b06_visits_that_shared_an_address_are_counted_apart(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(1), when_empty="share")
    await desk.lend(1)
    await desk.lend(2)
    found = await find_pool_use(desk.services, 1, one.id)
    assert (found.refused, found.shared, found.peak) == (0, 1, 2)


async def test_b01_a_target_with_codes_says_how_large_a_pool_would_be(desk: Desk) -> None:
    one = await desk.add()
    for visit in range(8):
        await desk.lend(visit + 1)
    found = await find_pool_use(desk.services, 1, one.id)
    assert (found.size, found.peak, found.advised) == (0, 8, 10)
    with pytest.raises(NotFound):
        await find_pool_use(desk.services, 1, 404)


async def test_b06_old_shortages_are_forgotten_and_recent_ones_stay(desk: Desk) -> None:
    one = await desk.add(strategy="pool", pool=pool_text(1))
    await desk.lend(1)
    await desk.lend(2)
    desk.wait(31 * 24 * HOUR)
    assert await forget_shortages(desk.services) == 0
    assert (await find_pool_use(desk.services, 1, one.id, 31)).refused == 0
    desk.wait(2 * 24 * HOUR)
    assert await forget_shortages(desk.services) == 1


async def test_b01_the_api_gives_size_hours_and_advice_in_words(services: Services) -> None:
    site = await add_site(services, "shop", ["company.com"])
    desk = Desk(services, site.id)
    one = await desk.add(strategy="pool", pool=pool_text(4))
    async with management_api(services, OPERATIONS) as api:
        path = f"/sites/shop/targets/{one.id}/pool"
        assert (await api.get(path)).json()["advice"] == "4 are enough: 4 would serve what was wanted"
        for visit in range(1, 6):
            await desk.lend(visit)
        told = (await api.get(path, params={"days": 1})).json()
        assert (told["recommended"], told["refused"], len(told["hours"])) == (7, 1, 24)
        assert told["advice"] == "add 3 addresses: 7 would serve what was wanted"
        assert (await api.get(path, params={"days": 99})).status_code == 400
