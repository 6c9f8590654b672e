"""The way out of a letter: a page that changes nothing, a POST that acts, and sends that are refused after."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from msgspec.structs import replace as with_values
from starlette.applications import Starlette

from tests.outbound.stage import Handed, Stage
from tests.support.management import management_api
from wherefrom.contacts.tables import contact
from wherefrom.errors import Unprocessable
from wherefrom.outbound.api import OPERATIONS
from wherefrom.outbound.leave_routes import routes
from wherefrom.outbound.leave_words import find_words
from wherefrom.outbound.send import leave_headers
from wherefrom.outbound.suppression_api import OPERATIONS as SUPPRESSION_OPERATIONS
from wherefrom.services import Services
from wherefrom.settings import Server
from wherefrom.tracking.marks import Mark

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest_asyncio.fixture
async def web(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=routes(services)))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        yield client


@pytest_asyncio.fixture
async def api(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    async with management_api(stage.services, (*OPERATIONS, *SUPPRESSION_OPERATIONS), str(stage.site_id)) as client:
        yield client


def way_out(handed: Handed) -> str:
    found = re.fullmatch(r"<(http.*/u/[^>]+)>", handed.letter.headers["List-Unsubscribe"])
    assert found is not None
    return found[1]


async def refused(stage: Stage, **draft: Any) -> dict[str, Any] | None:
    try:
        await stage.hand_in(**draft)
    except Unprocessable as error:
        return error.extra
    return None


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_who_only_looks_changes_nothing(stage: Stage, web: httpx.AsyncClient, method: str) -> None:
    handed = await stage.hand_in(list="news")
    answer = await web.request(method, way_out(handed))
    assert answer.status_code == 200
    assert "no-store" in answer.headers["cache-control"]
    assert await refused(stage, list="news") is None
    assert (await stage.look(handed)).status == "accepted"


async def test_the_page_asks_and_does_not_show_the_whole_address(stage: Stage, web: httpx.AsyncClient) -> None:
    handed = await stage.hand_in(list="<b>news</b>")
    page = (await web.get(way_out(handed))).text
    assert "a…@mail.example" in page
    assert "ann@" not in page
    assert "&lt;b&gt;news" in page
    assert '<form method="post">' in page


@pytest.mark.parametrize(
    "body",
    [
        {"data": ONE_CLICK},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b"List-Unsubscribe=One-Click"},
        {"content": b"List-Unsubscribe=One-Click\r\n"},
        {"data": {"act": "list"}},
    ],
)
async def test_one_click_of_a_mail_program_ends_the_list(
    stage: Stage, web: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    handed = await stage.hand_in(list="news")
    answer = await web.post(way_out(handed), **body)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    told = await refused(stage, list="news")
    assert told is not None
    assert (told["reason"], told["scope"]) == ("unsubscribed", "news")
    assert await refused(stage, list="invoices") is None
    assert await refused(stage, email="bob@mail.example", list="news") is None
    assert (await stage.look(handed)).status == "unsubscribed"


@pytest.mark.parametrize(
    "body",
    [
        {"content": b""},
        {"content": b"\xff" * 10_000},
        {"content": b"List-Unsubscribe"},
        {"data": {"List-Unsubscribe": "one click"}},
        {"data": {**ONE_CLICK, "url": "https://scanner.example"}},
        {"data": {"act": "delete"}},
        {"json": ONE_CLICK},
        {"files": {"file": ("a.txt", b"List-Unsubscribe=One-Click")}},
    ],
)
async def test_what_else_is_posted_changes_nothing(stage: Stage, web: httpx.AsyncClient, body: dict[str, Any]) -> None:
    handed = await stage.hand_in(list="news")
    answer = await web.post(way_out(handed), **body)
    assert answer.status_code == 200
    assert "Stop these letters?" in answer.text
    assert await refused(stage, list="news") is None
    assert (await stage.look(handed)).status == "accepted"


async def test_of_a_letter_of_no_list_all_mail_ends(stage: Stage, web: httpx.AsyncClient) -> None:
    await web.post(way_out(await stage.hand_in()), data=ONE_CLICK)
    assert await refused(stage, list="invoices") is not None


async def test_the_pages_button_ends_all_mail(stage: Stage, web: httpx.AsyncClient) -> None:
    await web.post(way_out(await stage.hand_in(list="news")), data={"act": "all"})
    assert await refused(stage, list="invoices") is not None
    assert await refused(stage) is not None


async def test_a_mistake_is_undone_and_both_are_kept(
    stage: Stage, web: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    url = way_out(await stage.hand_in(list="news"))
    for _ in range(2):  # once, however often it is pressed
        await web.post(url, data=ONE_CLICK)
    assert "It is done" in (await web.get(url)).text
    assert "again" in (await web.post(url, data={"act": "undo"})).text
    assert await refused(stage, list="news") is None
    (kept,) = (await api.get("/sites/shop/suppressions")).json()["data"]
    assert (kept["reason"], kept["list"], kept["undone_by"]) == ("unsubscribed", "news", "person")
    assert kept["undone_at"] is not None
    await web.post(url, data=ONE_CLICK)
    assert await refused(stage, list="news") is not None
    assert len((await api.get("/sites/shop/suppressions", params={"active": "true"})).json()["data"]) == 1


async def test_who_left_one_list_may_leave_all_and_come_back(stage: Stage, web: httpx.AsyncClient) -> None:
    url = way_out(await stage.hand_in(list="news"))
    page = (await web.post(url, data={"act": "list"})).text
    assert "no more letters of the list “news”" in page
    assert "Stop all letters" in page
    assert "no more letters from us" in (await web.post(url, data={"act": "all"})).text
    assert await refused(stage, list="invoices") is not None
    await web.post(url, data={"act": "undo"})
    assert await refused(stage, list="news") is None
    assert await refused(stage, list="invoices") is None


async def test_what_others_ended_a_person_may_end_for_themselves(
    stage: Stage, web: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    url = way_out(await stage.hand_in())
    made = (await api.post("/sites/shop/suppressions", json={"email": "ann@mail.example"})).json()
    page = (await web.get(url)).text
    assert "no letters from us at present" in page
    assert "Stop all letters" in page
    await web.post(url, data={"act": "all"})
    await api.post(f"/sites/shop/suppressions/{made['id']}/undo")
    told = await refused(stage)
    assert told is not None
    assert told["reason"] == "unsubscribed"
    await web.post(url, data={"act": "undo"})
    assert await refused(stage) is None


@pytest.mark.parametrize(
    ("accepted", "title"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "Diese Briefe abbestellen?"),
        ("en;q=0.5, ru;q=0.9", "Отписаться от этих писем?"),
        ("xx, fr;q=0.1", "Ne plus recevoir ces lettres ?"),
        ("es;q=0", "Stop these letters?"),
        ("de;q=x,,;;=", "Stop these letters?"),
        ("", "Stop these letters?"),
    ],
)
async def test_the_page_speaks_the_persons_language(
    stage: Stage, web: httpx.AsyncClient, accepted: str, title: str
) -> None:
    answer = await web.get(way_out(await stage.hand_in()), headers={"accept-language": accepted})
    assert f"<h1>{title}</h1>" in answer.text
    assert answer.headers["vary"] == "accept-language"


async def test_the_letters_own_place_for_the_way_out_is_filled(stage: Stage) -> None:
    html = '<a href="%7B%7B unsubscribe_url %7D%7D">leave</a> <a href="{{Unsubscribe_URL}}">out</a> {{name}}'
    for options in ({}, {"track_opens": False, "track_clicks": False}):
        handed = await stage.hand_in(html=html, text="Leave: {{ unsubscribe_link }}", **options)
        url = way_out(handed)
        assert handed.letter.html.count(f'href="{url}"') == 2
        assert "{{name}}" in handed.letter.html
        assert handed.letter.text == f"Leave: {url}"


async def test_a_forged_way_out_ends_nothing(stage: Stage, web: httpx.AsyncClient) -> None:
    handed = await stage.hand_in()
    url = way_out(handed)
    for forged in (url[:-2], handed.clicks[0].replace("/c/", "/u/"), "/u/x"):
        for method in ("GET", "POST"):
            assert (await web.request(method, forged)).status_code == 404
    assert await refused(stage) is None


async def test_what_the_owner_decided_the_recipient_does_not_undo(
    stage: Stage, web: httpx.AsyncClient, api: httpx.AsyncClient
) -> None:
    url = way_out(await stage.hand_in())
    made = (
        await api.post("/sites/shop/suppressions", json={"email": "ANN@mail.example", "detail": "by telephone"})
    ).json()
    await web.post(url, data={"act": "undo"})
    assert await refused(stage) is not None
    undone = (await api.post(f"/sites/shop/suppressions/{made['id']}/undo")).json()
    assert undone["undone_by"] == "key 1"
    assert await refused(stage) is None


async def test_a_refused_send_says_why_and_leaves_nothing_behind(stage: Stage, api: httpx.AsyncClient) -> None:
    assert (await api.post("/sites/shop/suppressions", json={"email": "eve@mail.example"})).status_code == 201
    assert (await api.post("/sites/shop/suppressions", json={"email": "eve@mail.example"})).status_code == 409
    answer = await api.post("/sites/shop/sends", json={"contact": {"email": "Eve@mail.example"}})
    assert answer.status_code == 422
    assert answer.json()["reason"] == "manual"
    assert "undo" in answer.json()["hint"]
    assert (await api.get("/sites/shop/sends")).json()["data"] == []


async def test_what_another_mailer_was_told_is_weighed_as_what_we_are(stage: Stage, api: httpx.AsyncClient) -> None:
    path = f"/sites/shop/sends/{(await stage.hand_in()).sent.id}/notices"
    for detail in ("bounced", "552 5.2.2 full", "550 5.7.1 blocked", ""):
        await api.post(path, json={"status": "failed", "detail": detail})
        assert await refused(stage) is None
    await api.post(path, json={"status": "rejected", "detail": "550 5.1.1 nobody of that name"})
    told = await refused(stage)
    assert told is not None
    assert (told["reason"], told["scope"]) == ("bounced", "")
    (kept,) = (await api.get("/sites/shop/suppressions")).json()["data"]
    assert (kept["created_by"], "nobody of that name" in kept["detail"]) == ("api", True)


async def test_who_complained_gets_no_mail_and_who_failed_once_does(stage: Stage, api: httpx.AsyncClient) -> None:
    handed = await stage.hand_in(list="news")
    path = f"/sites/shop/sends/{handed.sent.id}/notices"
    await api.post(path, json={"status": "failed", "detail": "550 the mailbox is closed"})
    assert await refused(stage, list="news") is None
    await api.post(path, json={"status": "complained"})
    told = await refused(stage, list="invoices")
    assert told is not None
    assert (told["reason"], told["scope"]) == ("complained", "")


@pytest.mark.parametrize(("url", "one_click"), [("https://t.example/", True), ("http://t.example", False)])
async def test_one_click_is_offered_by_https_alone(services: Services, url: str, one_click: bool) -> None:
    settings = with_values(services.settings, server=Server(public_url=url))
    headers = leave_headers(replace(services, settings=settings), Mark(1, 2))
    assert headers["List-Unsubscribe"].startswith(f"<{url.rstrip('/')}/u/")
    assert headers.get("List-Unsubscribe-Post") == ("List-Unsubscribe=One-Click" if one_click else None)


@pytest.mark.parametrize("language", ["en", "de", "ru", "fr", "es"])
async def test_the_letter_of_a_person_who_was_erased_still_has_a_way_out(
    stage: Stage, web: httpx.AsyncClient, language: str
) -> None:
    handed = await stage.hand_in(list="news")
    async with stage.services.db.write() as tx:
        await tx.execute(contact.delete().where(contact.c.site_id == stage.site_id))
    words = find_words(language)
    for answer in (
        await web.get(way_out(handed), headers={"accept-language": language}),
        await web.post(way_out(handed), data=ONE_CLICK, headers={"accept-language": language}),
    ):
        assert answer.status_code == 200
        assert html.escape(words.forgotten) in answer.text
        assert "<button" not in answer.text
