"""Letters to a substitute that stands for a source: matched and told as a source's, never as a person's (C09)."""

import json
from datetime import timedelta

import pytest_asyncio

from tests.inbox.letters import Post, letter
from tests.visits.stage import PAGE, SALES, Stage, set_stage
from wherefrom.clock import FixedClock
from wherefrom.events.snapshots import MessageReceived, Utm, Visit
from wherefrom.inbox.views import message_view
from wherefrom.services import Services
from wherefrom.sites.add import set_site
from wherefrom.visits.known import FRESH
from wherefrom.webhooks.payload import render_roistat, render_standard

AD = PAGE + "?utm_source=fb&utm_medium=cpc&fbclid=CLICK"


@pytest_asyncio.fixture
async def crowd(services: Services, clock: FixedClock) -> Stage:
    """A site that knows sources only."""
    stage = await set_stage(services)
    await set_site(services, stage.site.id, mode="source")
    clock.advance(FRESH)
    return stage


async def test_letters_of_two_people_who_came_by_one_source_are_two_letters_of_it(
    crowd: Stage, clock: FixedClock
) -> None:
    post = await Post.open(crowd.services, crowd.site.id)
    to = []
    for _ in range(2):
        to.append((await crowd.show(AD, addresses=[SALES])).substitutes[SALES].address)
        clock.advance(timedelta(days=3))
    one = await post.receive(letter(to[0], at=clock.now(), message_id="<1@a.example>", sender="ann@a.example"))
    two = await post.receive(letter(to[1], at=clock.now(), message_id="<2@b.example>", sender="bob@b.example"))
    for detail in (one, two):
        assert (detail.row.visit_id, detail.row.rule, detail.row.confidence) == (1, "code", 0.99)
        assert (detail.row.first_of_thread, detail.row.visit_kind, detail.row.marker) == (True, "source", ":utm:fb_cpc")
    assert one.row.id != two.row.id
    told = message_view(one.row).visit
    assert told is not None
    assert (told.id, told.kind, told.landing_page, told.city) == ("1", "source", "", None)


async def test_the_event_and_both_bodies_say_that_it_is_a_source(crowd: Stage, clock: FixedClock) -> None:
    post = await Post.open(crowd.services, crowd.site.id)
    began = clock.now()
    to = (await crowd.show(AD, addresses=[SALES], referrer="https://l.facebook.com/")).substitutes[SALES].address
    clock.advance(timedelta(minutes=5))
    detail = await post.receive(letter(to, at=clock.now()))
    (event,) = await post.events(detail.row.id)
    told = event.read_as(MessageReceived)
    assert told.visit == Visit(
        kind="source", id="1", first_visit=None, started_at=began, landing_page=None, referrer="",
        domain="shop.example", marker=":utm:fb_cpc", channel="paid_social", source_levels=["fb", "cpc"],
        utm=Utm(source="fb", medium="cpc"), country=None, country_code=None, region=None, city=None, ip=None,
        device=None, os=None, browser=None, language=None, timezone=None, google_client_id=None, ym_uid=None,
        params={},
    )  # fmt: skip
    standard = json.loads(render_standard("message.received", event.created_at, told, str))
    assert standard["data"]["visit"]["kind"] == "source"
    flat = json.loads(render_roistat(told, str))
    assert (flat["visit_id"], flat["marker"], flat["utm_source"], flat["domain"]) == (
        "1", ":utm:fb_cpc", "fb", "shop.example",
    )  # fmt: skip
    assert (flat["source_level_1"], flat["source_level_2"]) == ("fb", "cpc")
    personal = ("first_visit", "ip", "city", "country", "landing_page", "referrer", "google_client_id")
    assert [flat[name] for name in personal] == [None] * len(personal)


async def test_a_visit_is_told_as_a_visit(services: Services, clock: FixedClock) -> None:
    stage = await set_stage(services)
    post = await Post.open(services, stage.site.id)
    to = (await stage.show(AD, addresses=[SALES])).substitutes[SALES].address
    clock.advance(timedelta(minutes=5))
    detail = await post.receive(letter(to, at=clock.now()))
    (event,) = await post.events(detail.row.id)
    told = event.read_as(MessageReceived).visit
    assert told is not None
    assert (told.kind, told.first_visit, told.landing_page, told.device) == ("visit", "1", AD, "desktop")
    assert detail.row.visit_kind == "visit"


async def test_an_event_from_before_there_were_sources_is_of_a_visit() -> None:
    import msgspec

    from tests.webhooks.conftest import visit

    old = msgspec.to_builtins(visit())
    del old["kind"]
    assert msgspec.convert(old, Visit).kind == "visit"
