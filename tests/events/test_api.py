"""Events over the management API."""

import pytest

from tests.events.samples import AT, DISABLED, letter
from tests.support.management import management_api
from wherefrom.events.api import OPERATIONS
from wherefrom.events.store import append_event
from wherefrom.events.types import EventType
from wherefrom.services import Services
from wherefrom.sites.add import add_site


async def test_events_are_read_page_by_page_newest_first(services: Services) -> None:
    site = await add_site(services, "shop", ["company.com"])
    other = await add_site(services, "other", ["other.com"])
    big = 2**60
    async with services.db.write() as tx:
        for n in range(5):
            await append_event(
                tx, id=big + n, site_id=site.id, type=EventType.MESSAGE_RECEIVED, subject_id=big, data=letter(str(n)),
                now=AT,
            )  # fmt: skip
        await append_event(
            tx, id=big + 9, site_id=other.id, type=EventType.WEBHOOK_DISABLED, subject_id=5, data=DISABLED, now=AT
        )
    async with management_api(services, OPERATIONS, key=str(site.id)) as api:
        subjects, cursor, pages = [], None, 0
        while pages == 0 or cursor is not None:
            params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
            answer = (await api.get("/sites/shop/events", params=params)).json()
            subjects += [one["data"]["message"]["subject"] for one in answer["data"]]
            cursor, pages = answer["next_cursor"], pages + 1
        assert (subjects, pages) == (["4", "3", "2", "1", "0"], 3)
        (newest,) = (await api.get("/sites/shop/events?limit=1")).json()["data"]
        assert (newest["id"], newest["subject_id"]) == (str(big + 4), str(big))
        assert newest["created_at"] == "2026-11-02T09:00:00.123000Z"
        assert newest["data"]["message"]["id"] == str(2**62)
        assert (await api.get("/sites/shop/events?type=webhook.disabled")).json()["data"] == []


@pytest.mark.parametrize("query", ["type=message.sent", "limit=0", "limit=201", "cursor=x", "cursor=" + "9" * 19])
async def test_a_wrong_query_is_refused_in_words(services: Services, query: str) -> None:
    await add_site(services, "shop", ["company.com"])
    async with management_api(services, OPERATIONS) as api:
        answer = await api.get(f"/sites/shop/events?{query}")
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
