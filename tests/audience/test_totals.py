"""Totals over time: they equal a count of the letters themselves, in any zone, and under hits that come at once."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.audience.crowd import Letter, draw, write
from tests.outbound.stage import APPLE, CHROME, GMAIL, PHONE, Handed, Stage, set_stage
from tests.support.management import management_api
from tests.support.statements import kept_statements, list_reads
from wherefrom.audience.store.traces import count_nothing
from wherefrom.audience.totals import count_totals
from wherefrom.audience.totals_api import OPERATIONS
from wherefrom.clock import FixedClock
from wherefrom.outbound.judge import judge_hits
from wherefrom.outbound.milestone import EVENTS
from wherefrom.outbound.status import SendStatus
from wherefrom.outbound.store.sends import ToldNotice, append_notice
from wherefrom.reports.rollup import Rollup
from wherefrom.reports.store.letters import count_letters
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.sites.days import STEPS, floor
from wherefrom.tracking.verdict import PERSONS

ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York")]


def first_times(letter: Letter) -> dict[str, datetime]:
    """When each thing first happened to a letter."""
    found = {"sent": letter.at}
    for name, kind in (("opened", "open"), ("clicked", "click")):
        if letter.acts(kind):
            found[name] = letter.acts(kind)[0]
    for status, at in letter.notices:
        name = "failed" if status == "rejected" else status
        found[name] = min(at, found.get(name, at))
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_totals_equal_a_count_of_the_letters_themselves(services: Services, clock: FixedClock, seed: int) -> None:
    chance = random.Random(seed)
    site = await add_site(services, "shop", ["shop.example"])
    other = await add_site(services, "other", ["other.example"])
    crowd = draw(services, clock, site.id, chance, people=30)
    await write(crowd)
    await write(draw(services, clock, other.id, chance))
    for turn in range(30):
        if turn == 8:  # from here on the newer half comes from sums
            await roll(services, steps=20)
        zone, step = chance.choice(ZONES), chance.choice(STEPS)
        end = clock.now() - timedelta(days=chance.randrange(10), minutes=chance.choice((0, 15, 45)))
        begin = end - timedelta(days=chance.randrange(1, 25), hours=chance.randrange(24))
        list_ = chance.choice((None, "", "news"))
        expected: Counter[tuple[datetime, str]] = Counter()
        for letter in crowd.letters:
            for name, at in first_times(letter).items():
                if begin <= at < end and list_ in (None, letter.list):
                    expected[floor(at, step, zone), name] += 1
        found = await count_totals(services, site.id, zone, step, begin, end, list_)
        counted = {(one.begin, name): count for one in found.steps for name, count in one.counts.items() if count}
        assert counted == dict(expected), (step, zone, list_)
        assert sum(found.sums.values()) == expected.total()


async def test_the_api_shows_every_day_in_the_sites_zone_and_refuses_what_is_too_long(
    services: Services, clock: FixedClock
) -> None:
    site = await add_site(services, "shop", ["shop.example"])
    crowd = draw(services, clock, site.id, random.Random(5), people=5)
    await write(crowd)
    async with management_api(services, OPERATIONS) as api:
        path = "/sites/shop/reports/totals"
        usual = (await api.get(path)).json()
        assert (usual["step"], usual["zone"], len(usual["data"])) == ("day", "UTC", 31)
        assert all(usual["sums"][name] == sum(one[name] for one in usual["data"]) for name in EVENTS)
        wanted = {"zone": "Asia/Kathmandu", "date_from": "2026-10-01", "date_to": "2026-10-03"}
        there = (await api.get(path, params=wanted)).json()
        assert [one["begin"] for one in there["data"]] == [f"2026-10-0{day}T00:00:00+05:45" for day in (1, 2, 3)]
        for query, field in (
            ({"step": "hour", "date_from": "2026-01-01"}, "step"),
            ({"date_from": "2026-10-03", "date_to": "2026-10-01"}, "date_from"),
            ({"zone": "Nowhere"}, "zone"),
            ({"date_to": "never"}, "date_to"),
            ({"list": "a\x00"}, "list"),
        ):
            refused = await api.get(path, params=query)
            assert (refused.status_code, refused.json()["field"]) == (400, field)


@pytest.mark.parametrize("seed", [1, 2])
async def test_totals_equal_a_recount_of_hits_and_the_sums_of_contacts_whatever_happens_at_once(
    services: Services, clock: FixedClock, seed: int
) -> None:
    chance, stage = random.Random(seed), await set_stage(services, clock)
    letters: list[Handed] = []
    async with stage.http:
        for _ in range(4):
            letters += await asyncio.gather(*(stage.hand_in(f"{name}@mail.example") for name in ("ann", "bob")))
            urls = [chance.choice([one.pixel, *one.clicks]) for one in chance.choices(letters, k=24)]
            hits = [stage.hit(url, chance.choice([CHROME, GMAIL, PHONE, APPLE])) for url in urls]
            await asyncio.gather(*hits, judge_hits(services), judge_hits(services), _totals(stage))
            clock.advance(timedelta(minutes=chance.choice([1, 31, 80]), seconds=chance.choice([1, 5])))
            await asyncio.gather(*(judge_hits(services) for _ in range(3)), roll(services))
        await stage.settle()
        expected: Counter[tuple[datetime, str]] = Counter()
        for letter in letters:
            expected[floor(letter.sent.created_at, "hour", ZoneInfo("UTC")), "sent"] += 1
            found = await stage.hits(letter)
            for name, kind in (("opened", "open"), ("clicked", "click")):
                times = [hit.seen_at for hit in found if hit.kind == kind and hit.verdict in PERSONS]
                if times:
                    expected[floor(min(times), "hour", ZoneInfo("UTC")), name] += 1
        counted = await _totals(stage)
        assert counted == dict(expected)
        people = [await stage.contact(f"{name}@mail.example") for name in ("ann", "bob")]
        for name in ("sent", "opened", "clicked"):
            total = sum(count for (_, one), count in counted.items() if one == name)
            assert total == sum(getattr(one, f"emails_{name}_count") for one in people), name
        assert {"opened", "clicked"} <= {name for _, name in counted}


async def test_what_is_told_late_or_taken_back_changes_days_that_are_over(
    services: Services, clock: FixedClock
) -> None:
    stage = await set_stage(services, clock)
    async with stage.http:
        letter = await stage.hand_in("ann@mail.example")
        clock.advance(timedelta(minutes=1))
        await stage.hit(letter.pixel, GMAIL)
        await stage.settle()
        clock.advance(timedelta(days=3))
    began = letter.sent.created_at
    known = {"sent": began, "opened": began + timedelta(minutes=1)}
    for status, hours, first in (
        ("delivered", 50, 50), ("delivered", 20, 20), ("delivered", 60, 20), ("failed", 55, 55), ("failed", 30, 30),
    ):  # fmt: skip
        known[status] = began + timedelta(hours=first)
        notice = ToldNotice(SendStatus(status), began + timedelta(hours=hours), clock.now(), "")
        async with services.db.write() as tx:
            assert await append_notice(tx, stage.site_id, services.ids.next(), letter.sent.id, notice)
        for _ in range(2):  # before anybody has taken note of it, and after
            assert await _days(stage) == {(name, floor(at, "day", ZoneInfo("UTC"))) for name, at in known.items()}
            await roll(services)
    async with services.db.write() as tx:
        await count_nothing(tx, stage.site_id, [letter.sent.id])
    for _ in range(2):
        assert "opened" not in {name for name, _ in await _days(stage)}
        await roll(services)


async def _days(stage: Stage) -> set[tuple[str, datetime]]:
    found = await count_totals(stage.services, stage.site_id, ZoneInfo("UTC"), "day")
    return {(name, one.begin) for one in found.steps for name, count in one.counts.items() if count}


async def roll(services: Services, steps: int = 300) -> None:
    """What can be counted beforehand is, the newest first."""
    rollup = Rollup(services)
    for _ in range(steps):
        if not await rollup.step():
            break


async def _totals(stage: Stage) -> dict[tuple[datetime, str], int]:
    end = stage.clock.now() + timedelta(minutes=1)
    found = await count_totals(stage.services, stage.site_id, ZoneInfo("UTC"), "hour", end - timedelta(days=1), end)
    return {(one.begin, name): count for one in found.steps for name, count in one.counts.items() if count}


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
async def test_totals_read_the_span_alone(services: Services, clock: FixedClock) -> None:
    site = await add_site(services, "shop", ["shop.example"])
    await write(draw(services, clock, site.id, random.Random(3)))
    with kept_statements(services, "SELECT") as statements:
        async with services.db.write() as tx:
            for list_ in (None, "news"):
                await count_letters(tx, site.id, clock.now() - timedelta(days=9), clock.now().astimezone(UTC), list_)
    assert len(statements) >= 10
    async with services.db.write() as tx:
        for statement, values in statements.items():
            reads = await list_reads(tx, statement, values)
            assert [one for one in reads if one.startswith("SCAN") or one.endswith("(site_id=?)")] == [], statement
