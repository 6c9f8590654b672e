"""The engagement filter through the management API: searched, saved, as a file; and what is refused, in words."""

from __future__ import annotations

import csv
import io
import random
from datetime import timedelta

import pytest

from tests.audience.crowd import Crowd, Letter, draw, write
from tests.support.management import management_api
from wherefrom.audience.api import OPERATIONS
from wherefrom.clock import FixedClock
from wherefrom.services import Services
from wherefrom.sites.add import add_site, set_site

SEARCH = "/sites/shop/contacts/search"
FILTERS = "/sites/shop/contact-filters"


async def set_crowd(services: Services, clock: FixedClock) -> Crowd:
    site = await add_site(services, "shop", ["shop.example"])
    crowd = draw(services, clock, site.id, random.Random(11), people=9)
    crowd.people[min(crowd.people)] |= {"name": "=HYPERLINK(1)", "email": "first@mail.example"}
    await write(crowd)
    return crowd


async def test_a_search_is_turned_over_by_cursor_and_counted_when_asked(services: Services, clock: FixedClock) -> None:
    crowd = await set_crowd(services, clock)
    async with management_api(services, OPERATIONS) as api:
        seen: list[str] = []
        cursor = None
        while True:
            answer = (await api.post(SEARCH, json={"limit": 4, "cursor": cursor, "count": not seen})).json()
            assert answer["total"] == (9 if not seen else None)
            seen += [one["id"] for one in answer["data"]]
            cursor = answer["next_cursor"]
            if cursor is None:
                break
        assert seen == [str(id_) for id_ in sorted(crowd.people, reverse=True)]
        everyone = (await api.post(SEARCH, json={"conditions": [{"event": "sent"}]})).json()["data"]
        assert {one["id"] for one in everyone} == {str(one.contact) for one in crowd.letters}
        assert {"unsubscribed", "suppressed", "emails_opened_count", "consent"} <= everyone[0].keys()


async def test_a_filter_is_saved_found_by_its_id_changed_and_removed(services: Services, clock: FixedClock) -> None:
    await set_crowd(services, clock)
    definition = {"match": "any", "conditions": [{"event": "opened", "days": 60}, {"event": "clicked", "link": "a"}]}
    async with management_api(services, OPERATIONS) as api:
        made = (await api.post(FILTERS, json={"name": " Awake  ", "definition": definition})).json()
        assert made["name"] == "Awake"
        by_id = (await api.post(SEARCH, json={"filter": made["id"]})).json()
        assert by_id == (await api.post(SEARCH, json=definition)).json()
        assert 0 < len(by_id["data"]) < 9
        twice = await api.post(FILTERS, json={"name": "Awake", "definition": {}})
        assert (twice.status_code, twice.json()["detail"]) == (409, "there is a saved filter “Awake” already")
        other = (await api.post(FILTERS, json={"name": "All", "definition": {}})).json()
        path = f"{FILTERS}/{made['id']}"
        assert (await api.patch(path, json={"name": "All"})).status_code == 409
        clock.advance(timedelta(minutes=1))
        changed = (await api.patch(path, json={"definition": {"text": "bob"}})).json()
        assert (changed["name"], changed["definition"]["text"], changed["definition"]["conditions"]) == (
            "Awake", "bob", [],
        )  # fmt: skip
        assert [one["id"] for one in (await api.get(FILTERS)).json()["data"]] == [other["id"], made["id"]]
        assert changed["changed_at"] > changed["created_at"]
        assert (await api.get(path)).json() == changed
        assert (await api.delete(path)).status_code == 204
        assert (await api.delete(path)).status_code == 404
        assert (await api.post(SEARCH, json={"filter": made["id"]})).status_code == 404


async def test_the_file_has_all_that_fit_and_nothing_a_spreadsheet_computes(
    services: Services, clock: FixedClock
) -> None:
    crowd = await set_crowd(services, clock)
    async with management_api(services, OPERATIONS) as api:
        answer = await api.post(SEARCH + ".csv", json={})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
        assert [int(row["id"]) for row in rows] == sorted(crowd.people, reverse=True)
        assert rows[-1]["name"] == "'=HYPERLINK(1)"
        assert rows[0]["created_at"] == "2026-11-02T09:00:00Z"
        refused = await api.post(SEARCH + ".csv", json={"conditions": [{"event": "sent", "date_from": "soon"}]})
        assert refused.status_code == 400


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # nothing of it reaches the database
@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"conditions": [{"event": "read"}]}, None, "Invalid enum value 'read'"),
        ({"conditions": [{"event": "sent", "link": "x"}]}, "conditions[0].link", "only clicks have a link"),
        (
            {"conditions": [{"event": "sent"}, {"event": "opened", "days": 3, "date_to": "2026-01-01"}]},
            "conditions[1].days",
            "either the last days or from one date to another",
        ),
        (
            {"conditions": [{"event": "sent", "date_from": "2026-01-02", "date_to": "2026-01-01"}]},
            "conditions[0].date_from",
            "ends before it begins",
        ),
        ({"conditions": [{"event": "sent", "date_from": "0001-01-01"}]}, "conditions[0].date_from", "is no date"),
        ({"conditions": [{"event": "sent", "times": 0}]}, None, "`int` >= 1"),
        ({"conditions": [{"event": "sent"}] * 11}, "conditions", "at most 10 conditions"),
        ({"text": "a\x00b"}, "text", "characters that cannot be looked for"),
        ({"text": "x" * 201}, "text", "at most 200"),
        ({"conditions": [{"event": "clicked", "link": "x" * 501}]}, "conditions[0].link", "at most 500"),
        ({"cursor": "x"}, "cursor", "was not given out here"),
        ({"filter": "1", "text": "x"}, "filter", "not both"),
        ({"flagg": "x"}, None, "unknown field `flagg`"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_its_place(
    services: Services, clock: FixedClock, body: dict[str, object], field: str | None, words: str
) -> None:
    await add_site(services, "shop", ["shop.example"])
    async with management_api(services, OPERATIONS) as api:
        answer = await api.post(SEARCH, json=body)
    assert answer.status_code == 400
    problem = answer.json()
    assert words in problem["detail"]
    assert problem.get("field") == field


async def test_days_begin_in_the_sites_own_time_zone(services: Services, clock: FixedClock) -> None:
    site = await add_site(services, "shop", ["shop.example"])
    crowd = draw(services, clock, site.id, random.Random(1), people=1)
    letter_at = clock.now().replace(hour=23, minute=30)  # the next day in Berlin, not in UTC
    (id_,) = crowd.people
    crowd.letters.clear()
    crowd.letters.append(Letter(services.ids.next(), id_, "", letter_at))
    await write(crowd)
    wanted = {"conditions": [{"event": "sent", "date_from": "2026-11-03", "date_to": "2026-11-03"}]}
    async with management_api(services, OPERATIONS) as api:
        assert (await api.post(SEARCH, json=wanted)).json()["data"] == []
        await set_site(services, site.id, zone="Europe/Berlin")
        assert len((await api.post(SEARCH, json=wanted)).json()["data"]) == 1
