"""The management API of endpoints, deliveries and deals, over HTTP."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, update
from starlette.applications import Starlette

from tests.support.receiver import Receiver
from tests.webhooks.conftest import SITE, listen, tell, work
from tests.webhooks.test_deliver import deliveries
from wherefrom.clock import FixedClock
from wherefrom.errors import NotFound
from wherefrom.services import Services
from wherefrom.web.api import KeyHolder, api_routes
from wherefrom.web.openapi import describe
from wherefrom.webhooks.api import OPERATIONS
from wherefrom.webhooks.store import find_deals, record_deal
from wherefrom.webhooks.tables import delivery, endpoint


@pytest_asyncio.fixture
async def api(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key of site 1, at ``/sites/1``."""

    async def find_holder(secret: str) -> KeyHolder | None:
        return KeyHolder(int(secret), int(secret))

    async def find_site(reference: str) -> int:
        if reference not in ("1", "2"):
            raise NotFound(f"there is no site {reference}")
        return int(reference)

    app = Starlette(routes=api_routes(services, OPERATIONS, find_holder, find_site))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://api/api/v1/sites/1",
        headers={"authorization": "Bearer 1"},
    ) as one:
        yield one


async def add(api: httpx.AsyncClient, url: str = "https://crm.example/hook", **wish: Any) -> dict[str, Any]:
    answer = await api.post("/endpoints", json={"url": url, **wish})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_an_added_endpoint_shows_its_secret_once_and_keeps_it_sealed(api: httpx.AsyncClient, services: Services):
    made = await add(api, format="roistat", which="first", deal_path="deal.id")
    assert len(base64.b64decode(made["secret"].removeprefix("whsec_"))) == 32
    [listed] = (await api.get("/endpoints")).json()["data"]
    assert "secret" not in listed
    assert listed == {name: value for name, value in made.items() if name != "secret"}
    assert (await api.get(f"/endpoints/{made['id']}")).json() == listed
    assert (listed["format"], listed["which"], listed["deal_path"]) == ("roistat", "first", "deal.id")
    assert (listed["status"], listed["waiting"], listed["automatic"], listed["junk"]) == ("enabled", 0, False, False)
    async with services.db.read() as tx:
        kept = (await tx.execute(select(endpoint.c.secret))).scalar_one()
    assert made["secret"] not in kept
    assert services.tokens.decrypt(kept) == made["secret"]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"url": "http://10.0.0.1/"}, "10.0.0.1 is a private network"),
        ({"url": "http://[::1]:8080/"}, "this machine itself"),
        ({"url": "http://169.254.169.254/"}, "metadata"),
        ({"url": "mailto:a@b.c"}, "only http: and https:"),
        ({"url": "https://crm.example/", "format": "xml"}, "format"),
        ({"url": "https://crm.example/", "which": "some"}, "which"),
        ({"url": "https://crm.example/", "deal_path": "a..b"}, "deal_path"),
        ({"url": "https://crm.example/", "colour": "red"}, "colour"),
        ({}, "url"),
    ],
)
async def test_a_bad_wish_is_refused_in_words(api: httpx.AsyncClient, wish: dict[str, Any], words: str):
    answer = await api.post("/endpoints", json=wish)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert (await api.get("/endpoints")).json()["data"] == []


async def test_the_same_url_in_the_same_format_is_a_conflict(api: httpx.AsyncClient):
    made = await add(api)
    answer = await api.post("/endpoints", json={"url": "HTTPS://CRM.example:443/hook"})
    assert (answer.status_code, answer.json()["endpoint"]) == (409, made["id"])
    await add(api, format="roistat")


async def test_a_change_touches_what_it_names_and_nothing_else(api: httpx.AsyncClient):
    made = await add(api)
    answer = await api.patch(f"/endpoints/{made['id']}", json={"junk": True, "url": None})
    assert answer.json() == {**{k: v for k, v in made.items() if k != "secret"}, "junk": True}
    bad = await api.patch(f"/endpoints/{made['id']}", json={"url": "http://127.0.0.1.nip.example:21/"})
    assert bad.status_code == 400
    assert (await api.patch(f"/endpoints/{made['id']}", json={"status": "gone"})).status_code == 400


async def test_another_sites_endpoint_and_delivery_are_not_there(
    api: httpx.AsyncClient, services: Services, receiver: Receiver
):
    other = await listen(services, receiver.url, site_id=2)
    await tell(services, 5, site_id=2)
    await work(services)
    [theirs] = await deliveries(services, site_id=2)
    for method, path in [
        ("GET", f"/endpoints/{other.endpoint.id}"),
        ("DELETE", f"/endpoints/{other.endpoint.id}"),
        ("POST", f"/endpoints/{other.endpoint.id}/secret"),
        ("POST", f"/endpoints/{other.endpoint.id}/test"),
        ("GET", f"/deliveries/{theirs.id}"),
        ("POST", f"/deliveries/{theirs.id}/resend"),
    ]:
        assert (await api.request(method, path)).status_code == 404, path
    body = {"junk": True}
    assert (await api.patch(f"/endpoints/{other.endpoint.id}", json=body)).status_code == 404
    assert (await api.get("/deliveries")).json() == {"data": [], "next_cursor": None}
    assert [one.status for one in await deliveries(services, site_id=2)] == ["delivered"]


async def test_a_delivery_is_shown_with_its_body_and_every_try(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, clock: FixedClock
):
    await add(api, receiver.url)
    receiver.answer(500, "broken")
    receiver.answer(200, {"deal_id": 7})
    await tell(services, 5)
    await work(services)
    [listed] = (await api.get("/deliveries", params={"status": "pending"})).json()["data"]
    assert (listed["attempts"], listed["last_attempt"]["error"]) == (1, "answered 500 Internal Server Error")
    assert listed["next_at"] is not None
    clock.advance(timedelta(seconds=6))
    await work(services)
    shown = (await api.get(f"/deliveries/{listed['id']}")).json()
    assert (shown["status"], shown["next_at"]) == ("delivered", None)
    assert [(one["number"], one["status_code"], one["answer"]) for one in shown["history"]] == [
        (1, 500, "broken"),
        (2, 200, '{"deal_id":7}'),
    ]
    assert shown["body"].encode() == receiver.requests[0].body
    assert shown["webhook_id"] == receiver.requests[0].headers["webhook-id"]
    assert shown["last_attempt"] == shown["history"][1]


async def test_deliveries_are_filtered_and_paged(api: httpx.AsyncClient, services: Services, receiver: Receiver):
    one, other = await add(api, receiver.url + "/a"), await add(api, receiver.url + "/b")
    for number in range(5):
        await tell(services, number)
    receiver.answer(500, path="/b")
    await work(services)
    seen: list[str] = []
    cursor = None
    while True:
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/deliveries", params=params)).json()
        seen += [each["id"] for each in page["data"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 10
    assert seen == sorted(seen, key=int, reverse=True)

    async def count(**params: str) -> int:
        return len((await api.get("/deliveries", params=params)).json()["data"])

    assert await count(endpoint=one["id"]) == 5
    assert await count(subject="3") == 2
    assert await count(subject="3", endpoint=other["id"]) == 1
    assert await count(status="pending") == 1
    assert await count(status="delivered", endpoint=other["id"]) == 4
    for wrong in ({"subject": "x"}, {"cursor": "9" * 19}, {"status": "lost"}, {"limit": "0"}, {"colour": "red"}):
        assert (await api.get("/deliveries", params=wrong)).status_code == 400, wrong


async def test_a_delivery_sent_again_has_the_same_id_and_body_and_the_whole_schedule(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, clock: FixedClock
):
    await add(api, receiver.url)
    await tell(services, 5)
    await work(services)
    [one] = await deliveries(services)
    clock.advance(timedelta(days=3))
    receiver.answer(500)
    again = await api.post(f"/deliveries/{one.id}/resend")
    assert (again.status_code, again.json()["status"]) == (202, "pending")
    await work(services)
    first, second = receiver.requests
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    [one] = await deliveries(services)
    assert (one.status, one.attempts, one.next_at - clock.now()) == ("pending", 2, timedelta(seconds=5))
    clock.advance(timedelta(seconds=5))
    await work(services)
    assert [one.status for one in await deliveries(services)] == ["delivered"]


async def test_a_delivery_of_a_removed_endpoint_cannot_be_sent_again(
    api: httpx.AsyncClient, services: Services, receiver: Receiver
):
    made = await add(api, receiver.url)
    await tell(services, 5)
    await work(services)
    assert (await api.delete(f"/endpoints/{made['id']}")).status_code == 204
    [one] = await deliveries(services)
    assert one.status == "delivered"
    answer = await api.post(f"/deliveries/{one.id}/resend")
    assert (answer.status_code, "removed" in answer.json()["detail"]) == (409, True)


async def test_a_span_sends_again_what_was_given_up_in_it_and_no_more(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, clock: FixedClock
):
    made = await add(api, receiver.url)
    start = clock.now()
    for number in range(4):
        await tell(services, number)
        await work(services)
        clock.advance(timedelta(hours=1))
    async with services.db.write() as tx:
        await tx.execute(update(delivery).where(delivery.c.subject_id != 2).values(status="exhausted"))
    span = {"since": (start + timedelta(hours=1)).isoformat(), "until": (start + timedelta(hours=3)).isoformat()}
    assert (await api.post("/deliveries/resend", json=span)).json() == {"count": 1}
    await work(services)
    assert [json.loads(request.body)["data"]["message"]["id"] for request in receiver.requests[4:]] == ["1"]
    whole = {**span, "status": "any", "endpoint": made["id"]}
    assert (await api.post("/deliveries/resend", json=whole)).json() == {"count": 2}
    assert (await api.post("/deliveries/resend", json={**whole, "endpoint": "77"})).status_code == 404
    assert (await api.post("/deliveries/resend", json={"status": "delivered"})).json() == {"count": 0}
    backwards = {"since": span["until"], "until": span["since"]}
    assert (await api.post("/deliveries/resend", json=backwards)).status_code == 400
    naive = {"since": "2026-11-02T00:00:00", "until": span["until"]}
    assert (await api.post("/deliveries/resend", json=naive)).status_code == 400


async def test_everything_given_up_is_sent_again_by_one_call(
    api: httpx.AsyncClient, services: Services, receiver: Receiver
):
    made, other = await add(api, receiver.url + "/a"), await add(api, receiver.url + "/b")
    for number in range(3):
        await tell(services, number)
    await work(services)
    async with services.db.write() as tx:
        await tx.execute(update(delivery).where(delivery.c.subject_id != 2).values(status="exhausted"))
    assert (await api.post("/deliveries/resend", json={"endpoint": made["id"]})).json() == {"count": 2}
    await work(services)
    assert [request.path for request in receiver.requests[6:]] == ["/a", "/a"]
    assert (await api.post("/deliveries/resend")).json() == {"count": 2}
    await work(services)
    assert [request.path for request in receiver.requests[8:]] == ["/b", "/b"]
    assert {one.status for one in await deliveries(services)} == {"delivered"}
    assert (await api.get(f"/endpoints/{other['id']}")).json()["waiting"] == 0


async def test_what_waits_for_its_next_try_is_tried_at_once_when_asked(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, clock: FixedClock
):
    await add(api, receiver.url)
    receiver.answer(503, headers={"Retry-After": "86400"})
    await tell(services, 5)
    await work(services)
    clock.advance(timedelta(minutes=1))
    await work(services)
    assert len(receiver.requests) == 1
    assert (await api.post("/deliveries/resend", json={"status": "pending"})).json() == {"count": 1}
    await work(services)
    assert [one.status for one in await deliveries(services)] == ["delivered"]


async def test_an_endpoint_shows_how_it_stands(
    api: httpx.AsyncClient, services: Services, receiver: Receiver, clock: FixedClock
):
    made = await add(api, receiver.url, per_minute=600)
    assert (made["breaker"], made["failures"], made["quiet_until"], made["per_minute"]) == ("closed", 0, None, 600)
    await api.patch(f"/endpoints/{made['id']}", json={"per_minute": 0})
    for _ in range(5):
        receiver.answer(500)
    for number in range(9):
        await tell(services, number)
    await work(services)
    shown = (await api.get(f"/endpoints/{made['id']}")).json()
    assert (shown["breaker"], shown["failures"] >= 5, shown["per_minute"]) == ("open", True, None)
    assert datetime.fromisoformat(shown["quiet_until"]) > clock.now()
    clock.advance(timedelta(minutes=5))
    shown = (await api.get(f"/endpoints/{made['id']}")).json()
    assert (shown["breaker"], shown["quiet_until"]) == ("half_open", None)
    receiver.answer(410)
    await work(services)
    shown = (await api.get(f"/endpoints/{made['id']}")).json()
    assert (shown["status"], "410" in shown["status_reason"]) == ("gone", True)
    assert datetime.fromisoformat(shown["status_at"]) == clock.now()


async def test_a_new_secret_says_how_long_the_old_one_signs(api: httpx.AsyncClient, clock: FixedClock):
    made = await add(api)
    assert made["old_secret_until"] is None
    changed = (await api.post(f"/endpoints/{made['id']}/secret")).json()
    assert changed["secret"] not in ("", made["secret"])
    assert datetime.fromisoformat(changed["old_secret_until"]) == clock.now() + timedelta(hours=24)
    changed = (await api.post(f"/endpoints/{made['id']}/secret", json={"overlap_hours": 0})).json()
    assert changed["old_secret_until"] is None
    assert (await api.post(f"/endpoints/{made['id']}/secret", json={"overlap_hours": 721})).status_code == 400


async def test_a_deal_told_through_the_api_is_kept_against_later_answers(
    api: httpx.AsyncClient, services: Services, receiver: Receiver
):
    await add(api, receiver.url)
    receiver.answer(200, {"deal_id": "from the answer"})
    await tell(services, 5)
    await work(services)
    async with services.db.read() as tx:
        assert (await find_deals(tx, SITE, [5]))[5].number == "from the answer"
    assert (await api.post("/messages/5/deal", json={"number": " D-9 "})).json() == {"number": "D-9"}
    receiver.answer(200, {"deal_id": "from the answer"})
    [one] = await deliveries(services)
    await api.post(f"/deliveries/{one.id}/resend")
    await work(services)
    assert len(receiver.requests) == 2
    async with services.db.read() as tx:
        found = (await find_deals(tx, SITE, [5]))[5]
    assert (found.number, found.endpoint_id) == ("D-9", None)
    assert (await api.delete("/messages/5/deal")).status_code == 204
    async with services.db.read() as tx:
        assert await find_deals(tx, SITE, [5]) == {}


async def test_a_later_answer_replaces_an_earlier_answers_number(services: Services, clock: FixedClock):
    async with services.db.write() as tx:
        for number in ("1", "2"):
            await record_deal(tx, site_id=SITE, subject_id=5, number=number, endpoint_id=7, now=clock.now())
        await record_deal(tx, site_id=2, subject_id=5, number="other site", endpoint_id=7, now=clock.now())
    async with services.db.read() as tx:
        assert (await find_deals(tx, SITE, [5]))[5].number == "2"


@pytest.mark.parametrize("number", ["", "   ", "x" * 201, "a\nb"])
async def test_what_is_no_deal_number_is_refused(api: httpx.AsyncClient, number: str):
    assert (await api.post("/messages/5/deal", json={"number": number})).status_code == 400


def test_every_operation_is_described_and_names_are_unique():
    described = describe(OPERATIONS, "http://here")
    assert sum(len(path) for path in described["paths"].values()) == len(OPERATIONS)
    assert len({one.summary for one in OPERATIONS}) == len(OPERATIONS)
