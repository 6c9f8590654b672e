"""Hits share writes, and none hears another's answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import update

from tests.outbound.stage import CHROME, Stage
from wherefrom.db import Database
from wherefrom.outbound.book import HitBook
from wherefrom.sites.add import add_site
from wherefrom.tracking.store import StoredHit, append_links
from wherefrom.tracking.tables import link


def hit(stage: Stage, send_id: int, number: int, site_id: int = 0) -> StoredHit:
    kind: Any = "click" if number else "open"
    ids, now = stage.services.ids, stage.clock.now()
    return StoredHit(site_id or stage.site_id, ids.next(), send_id, kind, number, now, None, CHROME, "")


async def write(book: HitBook, hit: StoredHit) -> str | None:
    heard: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    book.write(hit, lambda url, fault: heard.set_exception(fault) if fault else heard.set_result(url))
    assert not heard.done(), "never before it is written"
    return await asyncio.wait_for(heard, 30)


async def test_each_click_hears_where_its_own_link_leads(stage: Stage) -> None:
    other = (await add_site(stage.services, "other", ["other.example"])).id
    async with stage.services.db.write() as tx:
        await append_links(tx, stage.site_id, 1, ["https://a.example/1", "https://a.example/2"])
        await append_links(tx, stage.site_id, 2, ["https://b.example/1"])
        await append_links(tx, other, 1, ["https://c.example/1"])
    book = HitBook(stage.services.db, stage.services.bell, 2)
    asked = [(1, 2, 0), (2, 1, 0), (1, 1, other), (2, 2, 0), (1, 1, 0), (7, 1, 0), (1, 0, 0)]
    heard = await asyncio.gather(*(write(book, hit(stage, *one)) for one in asked))
    assert heard == [
        "https://a.example/2", "https://b.example/1", "https://c.example/1", None, "https://a.example/1", None, None,
    ]  # fmt: skip
    assert len(await stage.waiting()) == len(asked)


async def test_an_answer_that_cannot_be_told_keeps_nobody_elses_back(stage: Stage) -> None:
    async with stage.services.db.write() as tx:
        await append_links(tx, stage.site_id, 1, ["https://a.example/1"])
    book = HitBook(stage.services.db, stage.services.bell, 2)

    def broken(_url: str | None, _fault: Exception | None) -> None:
        raise ValueError("no luck")

    first = asyncio.create_task(write(book, hit(stage, 1, 1)))
    await asyncio.sleep(0)
    book.write(hit(stage, 1, 1), broken)
    assert await asyncio.gather(first, write(book, hit(stage, 1, 1))) == ["https://a.example/1"] * 2
    assert len(await stage.waiting()) == 3


@pytest.mark.parametrize(("fresh", "leads"), [(60.0, "https://a.example/ann"), (0.0, "https://a.example/")])
async def test_where_a_link_leads_is_remembered_for_a_time(stage: Stage, fresh: float, leads: str) -> None:
    """And then asked for again: the person who stands in it may have been erased meanwhile."""
    async with stage.services.db.write() as tx:
        await append_links(tx, stage.site_id, 1, ["https://a.example/ann", "https://b.example/"])
    book = HitBook(stage.services.db, stage.services.bell, 30, fresh=fresh)
    assert await write(book, hit(stage, 1, 1)) == "https://a.example/ann"
    async with stage.services.db.write() as tx:
        await tx.execute(update(link).where(link.c.number == 1).values(url="https://a.example/"))
    both = await asyncio.gather(write(book, hit(stage, 1, 1)), write(book, hit(stage, 1, 2)))
    assert both == [leads, "https://b.example/"]


async def test_a_link_that_was_changed_here_is_asked_for_at_once(stage: Stage) -> None:
    async with stage.services.db.write() as tx:
        await append_links(tx, stage.site_id, 1, ["https://a.example/ann"])
    book = HitBook(stage.services.db, stage.services.bell, 30)
    assert await write(book, hit(stage, 1, 1)) == "https://a.example/ann"
    async with stage.services.db.write() as tx:
        await tx.execute(update(link).where(link.c.number == 1).values(url="https://a.example/"))
    stage.services.bell.ring("links")
    assert book.find_followed((stage.site_id, 1, 1)) is None
    assert await write(book, hit(stage, 1, 1)) == "https://a.example/"
    assert book.find_followed((stage.site_id, 1, 1)) == "https://a.example/"


async def test_more_than_a_page_holds_goes_onto_the_next(stage: Stage) -> None:
    book = HitBook(stage.services.db, stage.services.bell, 5)
    await asyncio.gather(*(write(book, hit(stage, 1, 0)) for _ in range(600)))
    assert len(await stage.waiting()) == 600


async def test_what_cannot_be_written_is_told_to_all_who_wait(stage: Stage) -> None:
    database = Database(stage.services.settings.database.url)
    await database.close()
    book = HitBook(database, stage.services.bell, 2)
    told = await asyncio.gather(*(write(book, hit(stage, 1, 0)) for _ in range(3)), return_exceptions=True)
    assert all(isinstance(one, Exception) for one in told)
    assert await stage.waiting() == []
