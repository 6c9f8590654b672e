"""The report by source: it equals a count of all rows, whatever is counted beforehand and whatever changes later."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.event import listen, remove

from tests.inbox.letters import Post, letter
from tests.reports.rows import Traffic, make_traffic
from tests.support.management import management_api
from wherefrom.archive.retention import forget_old
from wherefrom.clock import FixedClock
from wherefrom.errors import NotFound, Unprocessable
from wherefrom.events.tables import late_change
from wherefrom.inbox.correct import correct_match
from wherefrom.reports.api import OPERATIONS
from wherefrom.reports.counts import ALL, DIMENSIONS, Counts, Dimension, fold
from wherefrom.reports.cover import Span
from wherefrom.reports.rollup import Rollup, make_sums, settle
from wherefrom.reports.sources import Line, SourceReport, count_sources, make_lines, sum_of
from wherefrom.reports.store.rows import count_rows
from wherefrom.reports.store.spans import list_spans
from wherefrom.reports.tables import report_span, report_sum
from wherefrom.services import Services
from wherefrom.settings import Retention
from wherefrom.sites.add import add_site, set_site
from wherefrom.webhooks.store import deals
from wherefrom.webhooks.told import ChangeDeal, ChangeDealNumbered, change_deal, change_deals_numbered, set_deal

ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York")


async def roll(services: Services) -> Rollup:
    """All that can be counted beforehand is."""
    rollup = Rollup(services)
    for _ in range(300):
        if not await rollup.step():
            return rollup
    raise AssertionError("it finds work for ever")


async def recount(
    services: Services, site_id: int, dimension: Dimension, begin: datetime, end: datetime
) -> tuple[tuple[Line, ...], Counts]:
    """The lines and all together, from the rows alone."""
    async with services.db.read() as tx:
        counted = list(await count_rows(tx, site_id, begin, end))
    return make_lines(fold(counted, dimension)), sum_of(fold(counted, ALL))


async def hold_to_recount(traffic: Traffic, times: int = 4) -> None:
    """Reports on periods by chance, of which many end within days and hours, equal a recount."""
    chance, services, site_id = traffic.chance, traffic.services, traffic.rows.site_id
    for _ in range(times):
        dimension: Dimension = chance.choice(DIMENSIONS)
        end = traffic.clock.now() - timedelta(minutes=chance.choice((0, 0, 7, 60, 26 * 60)))
        begin = end.replace(minute=0) - timedelta(days=chance.randrange(1, 8), hours=chance.choice((0, end.hour, 5)))
        found = await count_sources(services, site_id, dimension, begin, end)
        lines, total = await recount(services, site_id, dimension, begin, end)
        assert found.lines == lines
        assert found.total.counts == total
        assert _sum([one for _, one in found.days]) == total


def _sum(counts: list[Counts]) -> Counts:
    found = Counts()
    for one in counts:
        found.add(one)
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_the_report_equals_a_recount_whatever_was_counted_before_and_changed_since(
    services: Services, clock: FixedClock, seed: int
) -> None:
    traffic = await make_traffic(services, clock, seed, ZONES[seed % len(ZONES)])
    await traffic.add_visits(20, 6)
    await traffic.add_letters(20, 6)
    await hold_to_recount(traffic, 2)
    rollup = await roll(services)
    await hold_to_recount(traffic)
    for turn in range(4):
        for _ in range(3):
            await _change(traffic)
        await hold_to_recount(traffic, 2)
        await rollup.step()
        await hold_to_recount(traffic, 1)
        if turn == 1:
            await set_site(services, traffic.rows.site_id, zone=traffic.chance.choice(ZONES))
        clock.advance(timedelta(hours=traffic.chance.choice((0, 1, 30)), minutes=7))
        rollup = await roll(services)
        await hold_to_recount(traffic, 2)
        assert await _count(services, late_change) == 0
    assert await _count(services, report_sum) > 0


async def _change(traffic: Traffic) -> None:
    """One thing that a person, a CRM or retention does."""
    services, site_id, chance = traffic.services, traffic.rows.site_id, traffic.chance
    message_id, _ = chance.choice(traffic.letters)
    deed = chance.randrange(6)
    try:
        if deed == 0:
            visit_id = chance.choice([None, *(number for number, _ in traffic.visits)])
            await correct_match(services, site_id, message_id, visit_id, "Anna")
        elif deed == 1:
            await set_deal(services, site_id, message_id, chance.choice(("D-1", "D-2")))
        elif deed == 2:
            money = Decimal(chance.randrange(100))
            wish = ChangeDeal(deal_value=money, deal_currency=chance.choice(("EUR", "USD", None)))
            await change_deal(services, site_id, message_id, wish)
        elif deed == 3:
            await change_deals_numbered(services, site_id, "D-1", ChangeDealNumbered(value=Decimal(7)))
        elif deed == 4:
            async with services.db.write() as tx:
                await deals.delete_deals(tx, site_id, [message_id])
        else:
            kept = Retention(letters_days=chance.choice((0, 4)), visits_days=chance.choice((0, 5)))
            await forget_old(replace(services, settings=msgspec.structs.replace(services.settings, retention=kept)))
    except (NotFound, Unprocessable):
        return  # the letter, or the visit, is not there any more


async def _count(services: Services, table: Any) -> int:
    async with services.db.read() as tx:
        return int(await tx.scalar(select(func.count()).select_from(table)))


async def test_every_step_counts_at_its_own_time_and_once(services: Services, clock: FixedClock) -> None:
    traffic = await make_traffic(services, clock, 1, "Europe/Berlin")
    rows, now = traffic.rows, clock.now()  # 10:00 in Berlin
    google = {"marker": "google", "channel": "paid_search", "source_levels": ["google", "brand"], "utm_campaign": "x"}
    await rows.visit(1, started_at=now - timedelta(hours=30), **google)
    await rows.visit(2, started_at=now - timedelta(hours=2), marker="", channel="direct", source_levels=[])
    for hours, kind in ((30, "visible"), (29, "copy"), (3, "mailto"), (2, "visible")):
        await rows.intent(1, kind, "sales@company.example", now - timedelta(hours=hours))
    first = await traffic.add_letter(now - timedelta(hours=1), visit=1)
    second = await traffic.add_letter(now - timedelta(minutes=30), visit=1)
    await traffic.add_letter(now - timedelta(minutes=20), visit=None)
    for one in (first, second):
        await set_deal(services, rows.site_id, one, "D-1")
    await change_deals_numbered(
        services, rows.site_id, "D-1", ChangeDealNumbered(value=Decimal("12.5"), currency="EUR")
    )
    async with management_api(services, OPERATIONS) as api:
        path = "/sites/shop/reports/sources"
        told = (await api.get(path)).json()
        names = ("value", "visits", "exposures", "intents", "letters", "deals")
        assert [tuple(line[name] for name in names) for line in told["data"]] == [
            ("google", 1, 1, 1, 2, 1), ("", 1, 0, 0, 0, 0), (None, 0, 0, 0, 1, 0),
        ]  # fmt: skip
        assert told["data"][0]["amounts"] == [{"currency": "EUR", "value": "12.50"}] == told["total"]["amounts"]
        assert (told["zone"], told["lines"], len(told["days"])) == ("Europe/Berlin", 3, 30)
        assert [one["visits"] for one in told["days"]][-2:] == [1, 1]
        assert [one["letters"] for one in told["days"]][-2:] == [0, 3]
        today = (await api.get(path, params={"by": "utm_campaign", "date_from": "2026-11-02"})).json()
        assert today["date_from"] == "2026-11-01T23:00:00Z"
        assert [(line["value"], line["visits"], line["letters"]) for line in today["data"]] == [
            ("", 1, 0), ("x", 0, 2), (None, 0, 1),
        ]  # fmt: skip
        await roll(services)
        assert (await api.get(path)).json() == told
        for query, field in (
            ({"date_from": "2026-11-02", "date_to": "2026-11-01"}, "date_from"),
            ({"date_from": "2020-11-02"}, "date_from"),
            ({"date_to": "never"}, "date_to"),
            ({"by": "shoe size"}, None),
        ):
            refused = await api.get(path, params=query)
            assert (refused.status_code, refused.json().get("field")) == (400, field), query


async def test_days_that_are_over_are_read_from_sums_alone(services: Services, clock: FixedClock) -> None:
    traffic = await make_traffic(services, clock, 3)
    await traffic.add_visits(10, 5)
    await roll(services)
    before = await count_sources(services, traffic.rows.site_id)
    async with services.db.write() as tx:
        await tx.execute(report_sum.update().values(visits=report_sum.c.visits * 2))
    after = await count_sources(services, traffic.rows.site_id)
    assert after.total.counts.visits == 2 * before.total.counts.visits


async def test_a_letter_that_comes_late_is_counted_on_its_own_day(services: Services, clock: FixedClock) -> None:
    site = await add_site(services, "shop", ["shop.example"])
    post = await Post.open(services, site.id)
    await post.rows.visit(1, started_at=clock.now() - timedelta(days=5))
    rollup = await roll(services)
    arrived = clock.now() - timedelta(days=3)
    await post.receive(letter(), at=arrived)
    assert _letters_of(await count_sources(services, site.id), arrived) == 1, "before anybody has taken note of it"
    assert await rollup.step()
    await roll(services)
    assert _letters_of(await count_sources(services, site.id), arrived) == 1
    fresh = clock.now() - timedelta(minutes=2)
    await post.receive(letter(message_id="<2@x>"), at=fresh)
    assert await _count(services, late_change) == 0, "what comes now is in no sum yet"


def _letters_of(report: SourceReport, moment: datetime) -> int:
    return next(counts.letters for at, counts in reversed(report.days) if at <= moment)


async def test_a_change_while_rows_are_counted_is_not_lost(services: Services, clock: FixedClock) -> None:
    traffic = await make_traffic(services, clock, 4)
    await traffic.add_visits(5, 3)
    letter_id = await traffic.add_letter(clock.now() - timedelta(days=1), visit=None)
    day = Span(*(datetime(2026, 11, day, tzinfo=UTC) for day in (1, 2)))
    site_id = traffic.rows.site_id
    counting = asyncio.Event()

    async def change() -> None:
        await counting.wait()
        await correct_match(services, site_id, letter_id, 3, "Anna")
        assert await settle(services, site_id)

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM report_state" in statement:
            counting.set()

    changing = asyncio.create_task(change())
    engine = services.db._engine.sync_engine
    listen(engine, "after_cursor_execute", note)
    try:
        kept = await make_sums(services, site_id, day)
    finally:
        remove(engine, "after_cursor_execute", note)
    await changing
    assert kept is False or await _is_stale(services, day)
    await roll(services)
    await hold_to_recount(traffic)


@pytest.mark.parametrize("count", [0, 20])
async def test_the_time_before_anything_happened_is_not_asked_for_day_by_day(
    services: Services, clock: FixedClock, count: int
) -> None:
    """A young site's report of a year would take seconds."""
    traffic = await make_traffic(services, clock, seed=1)
    await traffic.add_visits(count, days=3)
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    engine = services.db._engine.sync_engine
    listen(engine, "after_cursor_execute", note)
    try:
        report = await count_sources(services, traffic.rows.site_id, "source", clock.now() - timedelta(days=700))
    finally:
        remove(engine, "after_cursor_execute", note)
    assert report.total.counts.visits == count
    assert 3 < len(asked) < 60, "five of a day, and some for all"


async def _is_stale(services: Services, span: Span) -> bool:
    async with services.db.read() as tx:
        return bool(await tx.scalar(select(report_span.c.stale).where(report_span.c.begin_at == span.begin)))


async def test_two_processes_that_count_at_once_leave_the_same_as_one(services: Services, clock: FixedClock) -> None:
    traffic = await make_traffic(services, clock, 5)
    await traffic.add_visits(15, 4)
    await traffic.add_letters(10, 4)
    both = Rollup(services), Rollup(services)
    for _ in range(100):
        if not any(await asyncio.gather(*(one.step() for one in both))):
            break
    async with services.db.read() as tx:
        known = await list_spans(tx, traffic.rows.site_id, clock.now() - timedelta(days=9), clock.now())
    assert all(one.end <= other.begin for one, other in pairwise(known))
    assert known[-1].end == datetime(2026, 11, 2, 8, tzinfo=UTC), "hours that ended a quarter of an hour ago"
    await hold_to_recount(traffic)
