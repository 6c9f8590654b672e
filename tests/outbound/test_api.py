"""The management API of sends and contacts, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio

from tests.outbound.stage import APPLE, GMAIL, HTML, Stage
from tests.support.management import management_api
from wherefrom.audience.contact_api import OPERATIONS as CONTACT_OPERATIONS
from wherefrom.outbound import send
from wherefrom.outbound.api import OPERATIONS


@pytest_asyncio.fixture
async def api(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    async with management_api(stage.services, (*OPERATIONS, *CONTACT_OPERATIONS), str(stage.site_id)) as client:
        yield client


async def hand_in(api: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    body = {"contact": {"email": "Ann@Mail.example"}, "subject": "News", "html": HTML, **more}
    answer = await api.post("/sites/shop/sends", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_letter_comes_back_for_the_owners_own_mailer(api: httpx.AsyncClient) -> None:
    leave = '<a href="https://shop.example/unsubscribe">x</a>'
    made = await hand_in(api, html=HTML + leave, text="See https://shop.example/1?a=1&b=2", list="news", reference="42")
    assert made["html"].count("/c/") == 3
    assert made["html"].count("/o/") == 1
    assert leave in made["html"]
    assert made["text"].startswith("See http://127.0.0.1:8025/c/")
    assert made["kept"] == [{"url": "https://shop.example/unsubscribe", "why": "unsubscribe"}]
    sent = made["send"]
    assert (sent["status"], sent["list"], sent["reference"], sent["note"]) == ("accepted", "news", "42", "")
    assert (sent["tracks_opens"], sent["tracks_clicks"]) == (True, True)


@pytest.mark.parametrize(
    ("asked", "opens", "clicks", "note"),
    [
        ({"track_opens": False}, False, True, ""),
        ({"track_clicks": False}, True, False, ""),
        ({"track_opens": False, "track_clicks": False}, False, False, ""),
        ({"html": "", "text": "https://shop.example/"}, False, True, send.NO_HTML),
    ],
)
async def test_only_what_is_asked_for_is_tracked(
    api: httpx.AsyncClient, asked: dict[str, Any], opens: bool, clicks: bool, note: str
) -> None:
    made = await hand_in(api, **asked)
    assert (made["send"]["tracks_opens"], made["send"]["tracks_clicks"]) == (opens, clicks)
    assert ("/o/" in made["html"], "/c/" in made["html"] + made["text"]) == (opens, clicks)
    assert made["send"]["note"] == note


async def test_the_letter_to_who_does_not_agree_is_untouched(api: httpx.AsyncClient) -> None:
    contact = {"email": "ann@mail.example", "consent": "denied", "consent_method": "by telephone"}
    assert (await api.post("/sites/shop/contacts", json=contact)).status_code == 201
    made = await hand_in(api)
    assert made["html"] == HTML
    assert made["send"]["note"] == send.DENIED


async def test_of_who_leaves_the_day_alone_only_opens_are_seen(api: httpx.AsyncClient) -> None:
    await api.post("/sites/shop/contacts", json={"email": "ann@mail.example", "mode": "open_date"})
    made = await hand_in(api)
    assert (made["html"].count("/c/"), made["html"].count("/o/")) == (0, 1)
    assert made["send"]["note"] == send.DATE_ONLY


async def test_whatever_fault_is_met_the_letter_goes_as_it_is(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> str:
        raise RecursionError

    monkeypatch.setattr(send, "wrap_html", fail)  # a fault nobody knows of yet cannot be had otherwise
    made = await hand_in(api)
    assert made["html"] == HTML
    assert made["send"]["note"] == send.FAULT


async def test_an_address_is_one_contact_whatever_its_case(api: httpx.AsyncClient) -> None:
    first = await hand_in(api, contact={"email": "ann@MAIL.example", "name": "Ann", "reference": "c-1"})
    second = await hand_in(api, contact={"email": "ANN@mail.example"})
    assert first["send"]["contact_id"] == second["send"]["contact_id"]
    contact = (await api.get(f"/sites/shop/contacts/{first['send']['contact_id']}")).json()
    assert (contact["email"], contact["name"], contact["reference"]) == ("ann@mail.example", "Ann", "c-1")
    assert contact["emails_sent_count"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {"contact": {"email": "nobody"}},
        {"contact": {}},
        {},
        {"contact": {"email": "a@b.example"}, "subject": "x" * 999},
        {"contact": {"email": "a@b.example"}, "tracking": True},
    ],
)
async def test_what_names_nobody_or_does_not_fit_is_refused(api: httpx.AsyncClient, body: dict[str, Any]) -> None:
    answer = await api.post("/sites/shop/sends", json=body)
    assert answer.status_code == 400, answer.text
    assert (await api.get("/sites/shop/sends")).json()["data"] == []


async def test_a_send_tells_who_opened_and_clicked_what(api: httpx.AsyncClient, stage: Stage) -> None:
    handed = await stage.hand_in()
    await stage.hit(handed.pixel, APPLE)
    stage.clock.advance(timedelta(minutes=1))
    await stage.hit(handed.pixel, GMAIL)
    stage.clock.advance(timedelta(minutes=1))
    await stage.hit(handed.clicks[1])
    await stage.settle()
    told = (await api.get(f"/sites/shop/sends/{handed.sent.id}")).json()
    assert (told["send"]["status"], told["email"], told["send"]["opens"]) == ("clicked", "ann@mail.example", 1)
    assert [(one["url"], one["verdict"]) for one in told["clicks"]] == [("https://shop.example/2", "human")]
    assert [(one["verdict"], one["reason"]) for one in told["opens"]] == [
        ("prefetch", "apple"),
        ("proxy", "image proxy"),
    ]
    assert {(one["kind"], one["verdict"]): one["count"] for one in told["verdicts"]} == {
        ("click", "human"): 1, ("open", "prefetch"): 1, ("open", "proxy"): 1,
    }  # fmt: skip
    assert told["links"] == ["https://shop.example/1?a=1&b=2", "https://shop.example/2", "https://shop.example/3"]


async def test_sends_are_listed_by_who_opened(api: httpx.AsyncClient, stage: Stage) -> None:
    one, other = await stage.hand_in(reference="a"), await stage.hand_in("bob@mail.example")
    await stage.hit(one.pixel)
    await stage.settle()

    async def ids(**query: Any) -> list[str]:
        return [sent["id"] for sent in (await api.get("/sites/shop/sends", params=query)).json()["data"]]

    assert await ids() == [str(other.sent.id), str(one.sent.id)]
    assert await ids(opened="true") == [str(one.sent.id)]
    assert await ids(opened="false") == [str(other.sent.id)]
    assert await ids(clicked="true") == []
    assert await ids(contact=str(other.contact.id)) == [str(other.sent.id)]
    assert await ids(reference="a") == [str(one.sent.id)]
    page = (await api.get("/sites/shop/sends", params={"limit": 1})).json()
    assert await ids(cursor=page["next_cursor"]) == [str(one.sent.id)]


async def test_notices_come_late_and_twice_and_are_all_kept(api: httpx.AsyncClient, stage: Stage) -> None:
    handed = await stage.hand_in()
    await stage.hit(handed.pixel)
    await stage.settle()
    path = f"/sites/shop/sends/{handed.sent.id}/notices"
    at = handed.sent.created_at.isoformat()
    for _ in range(2):
        told = await api.post(path, json={"status": "delivered", "at": at, "detail": "250 2.0.0 OK"})
        assert (told.status_code, told.json()["status"]) == (200, "opened")
    told = await api.post(path, json={"status": "complained"})
    assert told.json()["status"] == "complained"
    notices = (await api.get(f"/sites/shop/sends/{handed.sent.id}")).json()["notices"]
    assert [(one["status"], one["detail"]) for one in notices] == [("delivered", "250 2.0.0 OK"), ("complained", "")]


@pytest.mark.parametrize(
    "body", [{"status": "opened"}, {"status": "accepted"}, {"status": "delivered", "at": "2026-11-02T09:00:00"}]
)
async def test_a_notice_tells_only_what_others_can_know(
    api: httpx.AsyncClient, stage: Stage, body: dict[str, str]
) -> None:
    handed = await stage.hand_in()
    assert (await api.post(f"/sites/shop/sends/{handed.sent.id}/notices", json=body)).status_code == 400


async def test_a_send_of_another_site_is_not_there(api: httpx.AsyncClient) -> None:
    for path in ("/sites/shop/sends/7", "/sites/shop/contacts/7"):
        answer = await api.get(path)
        assert answer.status_code == 404
        assert answer.json()["hint"]
    assert (await api.post("/sites/shop/sends/7/notices", json={"status": "failed"})).status_code == 404


async def test_consent_is_kept_with_its_time_and_how_it_was_given(api: httpx.AsyncClient, stage: Stage) -> None:
    made = (await api.post("/sites/shop/contacts", json={"email": "ann@mail.example"})).json()
    assert (made["consent"], made["consent_at"]) == ("unknown", None)
    path = f"/sites/shop/contacts/{made['id']}"
    yes = (await api.patch(path, json={"consent": "granted", "consent_method": "form on /news"})).json()
    assert (yes["consent"], yes["consent_method"]) == ("granted", "form on /news")
    stage.clock.advance(timedelta(days=1))
    same = (await api.patch(path, json={"consent": "granted", "consent_method": "form on /news", "name": "Ann"})).json()
    assert (same["consent_at"], same["name"]) == (yes["consent_at"], "Ann")
    no = (await api.patch(path, json={"consent": "denied"})).json()
    assert (no["consent"], no["consent_method"]) == ("denied", "")
    assert no["consent_at"] > yes["consent_at"]
    assert (await api.patch(path, json={"consent_method": "x"})).status_code == 400


async def test_contacts_are_found_by_address_and_reference_and_are_there_once(api: httpx.AsyncClient) -> None:
    for number in range(3):
        await api.post("/sites/shop/contacts", json={"email": f"p{number}@mail.example", "reference": f"c-{number}"})
    assert (await api.post("/sites/shop/contacts", json={"email": "P1@mail.example"})).status_code == 409

    async def emails(**query: Any) -> list[str]:
        return [one["email"] for one in (await api.get("/sites/shop/contacts", params=query)).json()["data"]]

    assert await emails(email="P1@MAIL.example") == ["p1@mail.example"]
    assert await emails(reference="c-2") == ["p2@mail.example"]
    page = (await api.get("/sites/shop/contacts", params={"limit": 2})).json()
    assert await emails(cursor=page["next_cursor"]) == ["p0@mail.example"]
    assert (await api.get("/sites/shop/contacts", params={"cursor": "x"})).status_code == 400
