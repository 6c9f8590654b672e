"""The management API of visits on both engines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.management import management_api
from tests.visits.stage import GOOGLEBOT, PAGE, SALES, Stage
from wherefrom.clock import FixedClock
from wherefrom.sites.add import add_site
from wherefrom.visits.api import OPERATIONS


async def test_a_visit_is_shown_with_its_pages_and_intents(stage: Stage, clock: FixedClock) -> None:
    first = await stage.show(PAGE + "?utm_source=a&utm_medium=b", title="Offer", params={"1": "x"})
    clock.advance(timedelta(seconds=5))
    await stage.again(first, PAGE + "/more")
    await stage.sign("mailto", first.token, address=SALES, page=PAGE)
    async with management_api(stage.services, OPERATIONS) as api:
        told = (await api.get("/sites/shop/visits/1")).json()
    shown = told["visit"]
    assert (shown["id"], shown["first_visit"], shown["pageviews"], shown["params"]) == ("1", "1", 2, {"1": "x"})
    assert shown["utm"] == {"source": "a", "medium": "b", "campaign": None, "term": None, "content": None}
    assert (shown["source_levels"], shown["started_at"]) == (["a", "b"], "2026-11-02T09:00:00Z")
    assert [page["page"] for page in told["pages"]] == [PAGE + "?utm_source=a&utm_medium=b", PAGE + "/more"]
    assert [(sign["kind"], sign["address"]) for sign in told["intents"]] == [("mailto", SALES)]


async def test_visits_are_listed_newest_first_in_pages_without_gap_or_repeat(stage: Stage, clock: FixedClock) -> None:
    for _ in range(7):
        await stage.show()
        await stage.show()
        clock.advance(timedelta(minutes=1))
    seen: list[str] = []
    async with management_api(stage.services, OPERATIONS) as api:
        cursor: str | None = ""
        while cursor is not None:
            query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
            page = (await api.get("/sites/shop/visits", params=query)).json()
            seen += [one["id"] for one in page["data"]]
            cursor = page["next_cursor"]
    assert seen == [str(number) for number in range(14, 0, -1)]


async def test_visits_are_listed_by_time_and_by_visitor(stage: Stage, clock: FixedClock) -> None:
    first = await stage.show()
    clock.advance(timedelta(hours=1))
    await stage.show()
    clock.advance(timedelta(hours=1))
    await stage.again(first)
    async with management_api(stage.services, OPERATIONS) as api:

        async def listed(**query: str) -> list[str]:
            return [one["id"] for one in (await api.get("/sites/shop/visits", params=query)).json()["data"]]

        assert await listed(since="2026-11-02T10:00:00Z") == ["3", "2"]
        assert await listed(until="2026-11-02T11:00:00+01:00") == ["1"]
        visitor = (await api.get("/sites/shop/visits/1")).json()["visit"]["visitor"]
        assert await listed(visitor=visitor) == ["3", "1"]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("visits/99", 404, "no visit 99"),
        ("visits/9223372036854775808", 400, "no id"),
        ("visits/x", 400, "no id"),
        ("visits?cursor=nonsense", 400, "cursor"),
        ("visits?cursor=1-99999999999999999999", 400, "cursor"),
        ("visits?visitor=-1", 400, "visitor"),
        ("visits?since=2026-11-02T10:00:00", 400, "time zone"),
        ("visits?since=yesterday", 400, "since"),
        ("visits?limit=0", 400, "limit"),
        ("drops?days=0", 400, "days"),
    ],
)
async def test_what_does_not_fit_is_named(stage: Stage, path: str, status: int, words: str) -> None:
    async with management_api(stage.services, OPERATIONS) as api:
        answer = await api.get(f"/sites/shop/{path}")
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True)


async def test_another_sites_visits_are_not_seen(stage: Stage) -> None:
    await stage.show()
    other = await add_site(stage.services, "other", ["other.example"])
    async with management_api(stage.services, OPERATIONS) as api:
        assert (await api.get("/sites/other/visits")).json()["data"] == []
        assert (await api.get("/sites/other/visits/1")).status_code == 404
    async with management_api(stage.services, OPERATIONS, key=str(other.id)) as api:
        assert (await api.get("/sites/shop/visits")).status_code == 403
        assert (await api.get("/drops")).status_code == 403


async def test_drops_are_listed_by_day_and_reason(stage: Stage, clock: FixedClock) -> None:
    await stage.show(agent=GOOGLEBOT)
    clock.advance(timedelta(days=2))
    for _ in range(2):
        await stage.show(agent=GOOGLEBOT)
    await stage.ask(origin="https://evil.test")
    stage.site = await add_site(stage.services, "other", ["other.example"])
    await stage.ask("https://other.example/", origin="https://other.example", addresses=5)
    async with management_api(stage.services, OPERATIONS) as api:
        told = (await api.get("/sites/shop/drops")).json()["data"]
        assert [(one["day"], one["reason"], one["count"]) for one in told] == [
            ("2026-11-04", "bot", 2),
            ("2026-11-04", "foreign_origin", 1),
            ("2026-11-02", "bot", 1),
        ]
        assert len((await api.get("/sites/shop/drops?days=2")).json()["data"]) == 2
        assert [one["reason"] for one in (await api.get("/sites/other/drops")).json()["data"]] == ["bad_json"]


async def test_an_operator_sees_what_named_no_site(stage: Stage) -> None:
    stage.site = type(stage.site)(1, "wf_nobody", "x", True, (), "", stage.site.created_at)
    await stage.ask()
    async with management_api(stage.services, OPERATIONS) as api:
        told = (await api.get("/drops")).json()["data"]
    assert [(one["reason"], one["count"]) for one in told] == [("unknown_site", 1)]
