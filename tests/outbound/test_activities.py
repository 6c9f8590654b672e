"""A contact's timeline: letters, opens, clicks and notices in one line."""

from __future__ import annotations

from datetime import timedelta

from tests.outbound.stage import APPLE, GMAIL, Stage
from tests.support.management import management_api, read_pages
from wherefrom.audience.contact_api import OPERATIONS
from wherefrom.outbound.api import OPERATIONS as SEND_OPERATIONS


async def test_a_timeline_shows_all_that_happened_and_is_turned_over_without_a_gap(stage: Stage) -> None:
    handed = await stage.hand_in(subject="News")
    await stage.hit((await stage.hand_in("bob@mail.example")).pixel)
    for url, agent in ((handed.pixel, APPLE), (handed.pixel, GMAIL), (handed.clicks[1], "Mozilla/5.0 Firefox/127")):
        stage.clock.advance(timedelta(minutes=1))
        await stage.hit(url, agent)
    await stage.settle()
    async with management_api(stage.services, (*OPERATIONS, *SEND_OPERATIONS)) as api:
        await api.post(f"/sites/shop/sends/{handed.sent.id}/notices", json={"status": "delivered", "detail": "250 OK"})
        path = f"/sites/shop/contacts/{handed.contact.id}/activities"
        whole = (await api.get(path)).json()
        assert [(one["kind"], one["word"], one["detail"]) for one in whole["data"]] == [
            ("notice", "delivered", "250 OK"),
            ("click", "human", "https://shop.example/2"),
            ("open", "proxy", ""),
            ("open", "prefetch", ""),
            ("sent", "", ""),
        ]
        assert {one["subject"] for one in whole["data"]} == {"News"}
        assert await read_pages(api, path, 2) == whole["data"]
        assert (await api.get(path, params={"cursor": "x-1"})).status_code == 400
        assert (await api.get("/sites/shop/contacts/7/activities")).status_code == 404
