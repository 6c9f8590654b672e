"""Hits of one group commit are recorded as if one had come after the other."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, NamedTuple

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.visits.stage import ORIGIN, SALES, Stage, set_stage
from wherefrom.clock import FixedClock
from wherefrom.services import Services
from wherefrom.substitution.tables import lease
from wherefrom.visits.answer import Answer
from wherefrom.visits.tables import pageview, visit

PAGES = ("/", "/?utm_source=a", "/?utm_source=b&utm_nooverride=1", "/?gclid=1")
REFERRERS = ("", "https://www.google.com/", "https://partner.example/list")
TOKENS = (("visit", "visitor"), ("visit",), ("visitor",), ())


class Told(NamedTuple):
    """A page of a browser, which shows some of the tokens it was given before."""

    browser: int
    page: str
    referrer: str
    tokens: tuple[str, ...]
    pageview: bool
    wants: bool
    params: dict[str, str]


told = st.builds(
    Told,
    browser=st.integers(0, 2),
    page=st.sampled_from(PAGES),
    referrer=st.sampled_from(REFERRERS),
    tokens=st.sampled_from(TOKENS),
    pageview=st.booleans(),
    wants=st.booleans(),
    params=st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), max_size=2),
)


async def show(stage: Stage, one: Told, known: dict[int, Answer]) -> Answer:
    shown = {name: value for name in one.tokens if one.browser in known and (value := _token(known[one.browser], name))}
    return await stage.show(
        ORIGIN + one.page, referrer=one.referrer, pageview=one.pageview, params=one.params,
        addresses=[SALES] if one.wants else [], **shown,
    )  # fmt: skip


def _token(answer: Answer, name: str) -> str | None:
    return answer.token if name == "visit" else answer.visitor


async def read(stage: Stage, answers: list[Answer]) -> dict[str, Any]:
    """What was answered and stored, without numbers and codes: visits are named in the order they were answered."""
    numbers = {number: f"visit {at}" for at, number in enumerate(dict.fromkeys(int(one.visit or 0) for one in answers))}
    mine = [row for row in await stage.rows(visit) if row["site_id"] == stage.site.id]
    known = {row["id"]: numbers[row["id"]] for row in mine}
    assert len(known) == len(numbers)
    codes: dict[str, dict[str, str]] = {}
    for one in answers:
        for target, substitute in one.substitutes.items():
            assert codes.setdefault(one.visit or "", {}).setdefault(target, substitute.address) == substitute.address
    kept = (
        "pageviews", "marker", "channel", "referrer", "landing_page", "landing_title", "landing_referrer", "params",
        "last_seen_at", "started_at",
    )  # fmt: skip
    return {
        "answers": [(numbers[int(one.visit or 0)], one.new, one.marker, sorted(one.substitutes)) for one in answers],
        "visits": {known[row["id"]]: [row[name] for name in kept] for row in mine},
        "firsts": {known[row["id"]]: known[row["first_visit"]] for row in mine},
        "pages": sorted((known[row["visit_id"]], row["page"]) for row in await _mine(stage, pageview)),
        "leases": sorted((known[row["visit_id"]], row["expires_at"]) for row in await _mine(stage, lease)),
    }  # fmt: skip


async def _mine(stage: Stage, table: Any) -> list[dict[str, Any]]:
    return [row for row in await stage.rows(table) if row["site_id"] == stage.site.id]


_FIRST = Told(0, "/", "", (), True, True, {})
_BACK = Told(0, "/?utm_source=a", "", ("visit", "visitor"), True, True, {"a": "x"})


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(hits=st.lists(told, min_size=2, max_size=10), minutes=st.sampled_from([1, 60]))
@example(hits=[_BACK, _BACK._replace(page="/?utm_source=b"), _BACK._replace(tokens=("visitor",))], minutes=1)
@example(hits=[_BACK, _BACK, _FIRST, _BACK._replace(pageview=False)], minutes=60)
async def test_hits_told_at_once_are_recorded_as_if_one_by_one(
    services: Services, clock: FixedClock, hits: list[Told], minutes: int
) -> None:
    one_by_one, at_once = [await set_stage(services, f"shop {services.ids.next()}") for _ in range(2)]
    known: dict[str, dict[int, Answer]] = {}
    for stage in (one_by_one, at_once):
        known[stage.site.key] = {
            browser: await show(stage, _FIRST._replace(browser=browser), {}) for browser in range(2)
        }
    clock.advance(timedelta(minutes=minutes))
    before, firsts = known[one_by_one.site.key], known[at_once.site.key]
    answers = [await show(one_by_one, one, before) for one in hits]
    together = await asyncio.gather(*(show(at_once, one, firsts) for one in hits))
    expected = await read(one_by_one, [*before.values(), *answers])
    assert await read(at_once, [*firsts.values(), *together]) == expected
