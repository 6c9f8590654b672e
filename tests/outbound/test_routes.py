"""The pixel and the links of a letter, as mail programs, browsers and machines ask for them."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from tests.outbound.stage import CHROME, GMAIL, Stage
from wherefrom.db import Database
from wherefrom.load import Load, Shed
from wherefrom.outbound.routes import routes
from wherefrom.settings import Limits


async def test_a_pixel_is_a_picture_nobody_keeps_and_its_hit_is_written_before_the_answer(stage: Stage) -> None:
    handed = await stage.hand_in()
    answer = await stage.hit(handed.pixel, GMAIL)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.content.startswith(b"GIF89a")
    assert "no-store" in answer.headers["cache-control"]
    (hit,) = await stage.waiting()
    assert (hit.kind, hit.number, hit.agent, hit.seen_at) == ("open", 0, GMAIL, stage.clock.now())


@pytest.mark.parametrize(
    "token", ["x", "x.gif", "a..b.gif", ".gif", "%00%ff.gif", "ä..ö.gif", "MQ..AAAAAAAAAAAAAAAAAAAAAA.gif"]
)
async def test_whatever_the_token_a_pixel_is_a_picture(stage: Stage, token: str) -> None:
    answer = await stage.hit(f"/o/{token}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")


async def test_a_click_leads_to_the_stored_address_and_nowhere_else(stage: Stage) -> None:
    handed = await stage.hand_in()
    answer = await stage.hit(handed.clicks[0] + "?url=https://evil.example")
    assert answer.status_code == 307
    assert answer.headers["location"] == "https://shop.example/1?a=1&b=2"
    assert "no-store" in answer.headers["cache-control"]
    (hit,) = await stage.waiting()
    assert (hit.kind, hit.number) == ("click", 1)


async def test_a_link_that_is_none_of_ours_shows_a_page_for_people(stage: Stage) -> None:
    handed = await stage.hand_in()
    broken = handed.clicks[0][:-1] + ("A" if handed.clicks[0][-1] != "A" else "B")
    for url in (broken, "/c/x", handed.pixel.replace("/o/", "/c/").removesuffix(".gif")):
        answer = await stage.hit(url)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "leads nowhere" in answer.text
        assert "location" not in answer.headers
    assert await stage.waiting() == []


async def test_one_letters_token_counts_for_no_other(stage: Stage) -> None:
    one, other = await stage.hand_in(), await stage.hand_in("bob@mail.example")
    await stage.hit(one.pixel)
    await stage.settle()
    assert len(await stage.hits(one)) == 1
    assert await stage.hits(other) == []


async def test_head_is_answered_as_get_would_be_and_counts_as_nobody(stage: Stage) -> None:
    handed = await stage.hand_in()
    picture, click = await stage.hit(handed.pixel, method="HEAD"), await stage.hit(handed.clicks[0], method="HEAD")
    assert (picture.status_code, click.status_code) == (200, 307)
    await stage.settle()
    assert [(hit.verdict, hit.reason) for hit in await stage.hits(handed)] == [("scanner", "head")] * 2
    sent = await stage.look(handed)
    assert (sent.opened_at, sent.clicked_at) == (None, None)


async def test_a_range_gets_the_whole_picture(stage: Stage) -> None:
    handed = await stage.hand_in()
    answer = await stage.hit(handed.pixel, range="bytes=0-9")
    assert (answer.status_code, answer.headers["accept-ranges"]) == (200, "none")
    assert int(answer.headers["content-length"]) == len(answer.content) > 10


@pytest.mark.parametrize(
    ("name", "value"), [("purpose", "prefetch"), ("sec-purpose", "prefetch;prerender"), ("x-moz", "prefetch")]
)
async def test_what_a_browser_fetches_ahead_is_no_person_yet(stage: Stage, name: str, value: str) -> None:
    handed = await stage.hand_in()
    await stage.hit(handed.clicks[0], CHROME, **{name: value})
    await stage.settle()
    assert [hit.verdict for hit in await stage.hits(handed)] == ["prefetch"]
    assert (await stage.look(handed)).clicked_at is None


async def test_an_address_is_kept_as_the_settings_say(stage: Stage) -> None:
    handed = await stage.hand_in()
    app = Starlette(routes=routes(stage.services))
    transport = httpx.ASGITransport(app, client=("203.0.113.77", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        await client.get(handed.pixel)
    assert [hit.ip for hit in await stage.waiting()] == ["203.0.113.0"]


async def test_a_click_tells_the_page_it_leads_to_nothing_of_the_letter(stage: Stage) -> None:
    handed = await stage.hand_in()
    for url in (handed.clicks[0], "/c/x"):
        assert (await stage.hit(url)).headers["referrer-policy"] == "no-referrer"


async def test_old_links_lead_on_for_ever(stage: Stage) -> None:
    handed = await stage.hand_in()
    stage.clock.advance(timedelta(days=3650))
    assert (await stage.hit(handed.clicks[0])).headers["location"] == "https://shop.example/1?a=1&b=2"


async def test_a_letters_doors_take_no_other_method(stage: Stage) -> None:
    handed = await stage.hand_in()
    for url in (handed.pixel, handed.clicks[0]):
        answer = await stage.hit(url, method="POST")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert await stage.waiting() == []


async def test_a_hundred_hits_at_once_are_all_kept(stage: Stage) -> None:
    handed = await stage.hand_in()
    urls = [handed.pixel, *handed.clicks] * 25
    answers = await asyncio.gather(*(stage.hit(url) for url in urls))
    assert {answer.status_code for answer in answers} == {200, 307}
    assert len(await stage.waiting()) == 100
    await stage.settle()
    assert (len(await stage.waiting()), len(await stage.hits(handed))) == (0, 100)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # a lock on the whole database is SQLite's
async def test_while_nothing_can_be_written_pictures_and_links_answer_all_the_same(stage: Stage) -> None:
    handed = await stage.hand_in()
    app = Starlette(routes=routes(stage.services, time_limit=0.5))
    blocking = sqlite3.connect(stage.services.settings.database.url.removeprefix("sqlite:///"), isolation_level=None)
    blocking.execute("BEGIN IMMEDIATE")
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
            picture = await client.get(handed.pixel)
            click: Any = await client.get(handed.clicks[1])
    finally:
        blocking.execute("ROLLBACK")
        blocking.close()
    assert picture.headers["content-type"] == "image/gif"
    assert (click.status_code, click.headers["location"]) == (307, "https://shop.example/2")
    assert stage.services.load.counts == {Shed.LATE: 2}


async def test_hits_beyond_those_that_may_wait_are_answered_at_once_and_counted(stage: Stage) -> None:
    handed = await stage.hand_in()
    none = msgspec.structs.replace(stage.services.settings, limits=Limits(waiting_writes=0))
    full = replace(stage.services, settings=none, load=Load())
    transport = httpx.ASGITransport(Starlette(routes=routes(full)))
    async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        picture, click = await client.get(handed.pixel), await client.get(handed.clicks[0])
    assert picture.content.startswith(b"GIF89a")
    assert (click.status_code, click.headers["location"]) == (307, "https://shop.example/1?a=1&b=2")
    assert full.load.counts[Shed.HITS] == 2
    assert await stage.waiting() == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # its database can be taken away from one process alone
async def test_a_link_that_was_followed_before_leads_on_without_a_database(stage: Stage, tmp_path: Path) -> None:
    handed = await stage.hand_in()
    folder = tmp_path / "taken away"
    folder.mkdir()
    here, copy = sqlite3.connect(stage.services.settings.database.url.removeprefix("sqlite:///")), folder / "copy.db"
    with contextlib.closing(here), contextlib.closing(sqlite3.connect(copy)) as there:
        here.backup(there)
    away = replace(stage.services, db=Database(f"sqlite:///{copy}"))
    app = Starlette(routes=routes(away, time_limit=30))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        assert (await client.get(handed.clicks[1])).status_code == 307
        await away.db.close()
        shutil.rmtree(folder)
        again, other = await client.get(handed.clicks[1]), await client.get(handed.clicks[2])
        picture = await client.get(handed.pixel)
    assert (again.status_code, again.headers["location"]) == (307, "https://shop.example/2")
    assert (other.status_code, "once more in a minute" in other.text) == (503, True)
    assert picture.headers["content-type"] == "image/gif"
