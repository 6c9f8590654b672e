"""The pages of a visit are listed in order, wherever they are kept."""

from __future__ import annotations

from datetime import timedelta

from tests.visits.stage import ORIGIN, PAGE, SALES, Stage
from wherefrom.clock import FixedClock
from wherefrom.visits.answer import Answer
from wherefrom.visits.tables import pageview, visit
from wherefrom.visits.trail_store import Pageview, list_pageviews

GOOGLE = "https://www.google.com/"


async def listed(stage: Stage, answer: Answer, limit: int = 200) -> list[Pageview]:
    async with stage.services.db.read() as tx:
        return await list_pageviews(tx, stage.site.id, int(answer.visit or 0), limit)


async def test_the_first_page_is_kept_by_the_visit_itself(stage: Stage, clock: FixedClock) -> None:
    answer = await stage.show(PAGE + "?utm_source=a", referrer=GOOGLE, title="  The offer\n")
    assert await listed(stage, answer) == [Pageview(PAGE + "?utm_source=a", "The offer", GOOGLE, clock.now())]
    assert await stage.rows(pageview) == []


async def test_a_first_page_without_title_and_referrer_is_a_page(stage: Stage, clock: FixedClock) -> None:
    assert await listed(stage, await stage.show()) == [Pageview(PAGE, "", "", clock.now())]


async def test_further_pages_follow_the_first_one_up_to_the_limit(stage: Stage, clock: FixedClock) -> None:
    first = await stage.show(title="One")
    began = clock.now()
    clock.advance(timedelta(seconds=7))
    for at in range(3):
        await stage.again(first, f"{PAGE}/{at}", title=f"More {at}", referrer=PAGE)
    pages = [
        Pageview(PAGE, "One", "", began),
        *(Pageview(f"{PAGE}/{at}", f"More {at}", PAGE, clock.now()) for at in range(3)),
    ]
    assert await listed(stage, first) == pages
    assert await listed(stage, first, limit=2) == pages[:2]
    assert len(await stage.rows(pageview)) == 3
    assert [row["pageviews"] for row in await stage.rows(visit)] == [4]


async def test_a_page_that_comes_back_from_within_the_site_tells_where_it_came_from(
    stage: Stage, clock: FixedClock
) -> None:
    """The visit's own referrer is the foreign page only."""
    first = await stage.show()
    clock.advance(timedelta(hours=1))
    later = await stage.again(first, PAGE + "/more", referrer=PAGE)
    assert await listed(stage, later) == [Pageview(PAGE + "/more", "", PAGE, clock.now())]
    assert [row["referrer"] for row in await stage.rows(visit)] == ["", ""]


async def test_a_visit_that_a_late_ask_began_has_the_pages_shown_since(stage: Stage, clock: FixedClock) -> None:
    late = await stage.show(pageview=False, addresses=[SALES], title="Not shown")
    assert await listed(stage, late) == []
    clock.advance(timedelta(seconds=3))
    await stage.again(late, PAGE + "/more", title="Shown")
    assert await listed(stage, late) == [Pageview(PAGE + "/more", "Shown", "", clock.now())]


async def test_a_page_seen_by_a_clock_that_is_behind_comes_first(stage: Stage, clock: FixedClock) -> None:
    first = await stage.show()
    clock.advance(timedelta(seconds=-2))
    await stage.again(first, PAGE + "/more")
    assert [one.page for one in await listed(stage, first)] == [PAGE + "/more", PAGE]


async def test_nothing_of_the_first_page_outlives_its_visit(stage: Stage) -> None:
    answer = await stage.show(title="One", referrer=ORIGIN)
    await stage.again(answer)
    await stage.forget(1)
    assert await listed(stage, answer) == []
    assert [await stage.rows(table) for table in (visit, pageview)] == [[], []]
