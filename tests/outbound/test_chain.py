"""From a letter's link to the site's page: the visit knows whose letter it was, and nobody else learns it (H09)."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import select
from starlette.applications import Starlette

import wherefrom.management  # noqa: F401 - imports every room, and so every table
from tests.outbound.stage import CHROME, Handed, Stage
from tests.visits.stage import AGENTS, GOOGLEBOT, SALES
from wherefrom.contacts.store import replace_contact
from wherefrom.db import metadata
from wherefrom.outbound.routes import routes
from wherefrom.sites.store import get_site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.target import Options
from wherefrom.tracking.carry import PARAMETER, carry
from wherefrom.tracking.marks import Mark
from wherefrom.visits.answer import Answer
from wherefrom.visits.collect import Collector
from wherefrom.visits.gate import Caller
from wherefrom.visits.link import cut_tokens, list_tokens
from wherefrom.visits.store import find_visit, forget_contact, list_contact_visits
from wherefrom.visits.visit import Visit

HOME = "https://company.example"
HTML = (
    f'<p><a href="{HOME}/sofa?a=1&amp;b=2#red">own</a> <a href="https://www.company.example/">its subdomain</a>'
    ' <a href="https://shop.example/">foreign</a> <a href="https://company.example.evil.test/">looks like it</a></p>'
)


@dataclass(slots=True)
class Chain:
    """Links that are followed, and the pages they lead to."""

    stage: Stage
    collector: Collector
    key: str

    async def follow(
        self, handed: Handed, number: int = 0, agent: str = CHROME, method: str = "GET", **more: str
    ) -> str:
        """Where a link leads."""
        return str((await self.stage.hit(handed.clicks[number], agent, method, **more)).headers["location"])

    async def show(self, page: str, agent: str = CHROME, before: Answer | None = None, **told: Any) -> Answer:
        known = {"visit": before.token, "visitor": before.visitor} if before else {}
        body = msgspec.json.encode({"site": self.key, "page": page, **known, **told})
        answer = (await self.collector.collect(body, Caller("192.0.2.77", agent, HOME))).value
        assert isinstance(answer, Answer), answer
        return answer

    async def visit(self, answer: Answer) -> Visit:
        async with self.stage.services.db.read() as tx:
            found = await find_visit(tx, self.stage.site_id, int(answer.visit or 0))
        assert found is not None
        return found

    async def come(self, handed: Handed, before: Answer | None = None) -> tuple[Answer, Visit]:
        """A person follows the letter's first link."""
        answer = await self.show(await self.follow(handed), before=before)
        return answer, await self.visit(answer)


@pytest_asyncio.fixture
async def chain(stage: Stage) -> Chain:
    await add_target(stage.services, stage.site_id, SALES, Options(strategy="plus"))
    async with stage.services.db.read() as tx:
        site = await get_site(tx, stage.site_id)
    return Chain(stage, Collector(stage.services, agents=AGENTS), site.key)


async def test_a_link_to_the_sites_own_pages_carries_the_person_and_no_other_does(chain: Chain) -> None:
    handed = await chain.stage.hand_in(html=HTML)
    own, below, foreign, alike = [await chain.follow(handed, number) for number in range(4)]
    assert own.startswith(f"{HOME}/sofa?a=1&b=2&{PARAMETER}=")
    assert own.endswith("#red")
    assert below.startswith(f"https://www.company.example/?{PARAMETER}=")
    assert (foreign, alike) == ("https://shop.example/", "https://company.example.evil.test/")


async def test_the_visit_that_follows_knows_whose_letter_it_was(chain: Chain) -> None:
    handed = await chain.stage.hand_in(html=HTML)
    answer, visit = await chain.come(handed)
    assert (visit.contact_id, visit.send_id) == (handed.contact.id, handed.sent.id)
    async with chain.stage.services.db.read() as tx:
        assert [one.id for one in await list_contact_visits(tx, visit.site_id, handed.contact.id)] == [visit.id]
    await chain.show(f"{HOME}/next", before=answer)
    assert (await chain.visit(answer)).contact_id == handed.contact.id


@pytest.mark.parametrize(
    ("told", "referrer", "marker"),
    [
        ("", "", "mail_letter"),
        ("", "https://mail.google.com/", "mail_gmail"),
        ("utm_source=news&amp;utm_medium=email", "", ":utm:news_email"),
    ],
)
async def test_a_letter_is_the_source_where_the_page_tells_no_better_one(
    chain: Chain, told: str, referrer: str, marker: str
) -> None:
    handed = await chain.stage.hand_in(html=f'<a href="{HOME}/sofa?{told}">own</a>')
    before = await chain.visit(await chain.show(f"{HOME}/?utm_source=google&utm_medium=cpc"))
    visit = await chain.visit(await chain.show(await chain.follow(handed), referrer=referrer))
    assert (visit.marker, visit.channel) == (marker, "email")
    assert before.marker == ":utm:google_cpc"


async def test_who_comes_back_directly_came_by_the_letter(chain: Chain) -> None:
    handed = await chain.stage.hand_in(html=HTML)
    answer, _ = await chain.come(handed)
    chain.stage.clock.advance(timedelta(days=1))
    later = await chain.visit(await chain.show(f"{HOME}/", before=answer))
    assert (later.marker, later.contact_id) == ("mail_letter", None)  # the source is the browser's, the person is not


async def test_the_token_is_kept_nowhere(chain: Chain) -> None:
    handed = await chain.stage.hand_in(html=HTML)
    page = await chain.follow(handed)
    answer = await chain.show(page, referrer=f"https://mail.test/?{PARAMETER}={list_tokens(page)[0]}", title="Sofa")
    await chain.show(f"{HOME}/next", before=answer, referrer=page)
    [token] = list_tokens(page)
    async with chain.stage.services.db.read() as tx:
        for table in metadata.sorted_tables:
            rows = (await tx.execute(select(table))).all()
            assert token not in json.dumps([list(row) for row in rows], default=str), table.name
    assert (await chain.visit(answer)).landing_page == f"{HOME}/sofa?a=1&b=2#red"


@pytest.mark.parametrize(
    ("agent", "method", "headers"),
    [
        (CHROME, "HEAD", {}),
        (CHROME, "GET", {"sec-purpose": "prefetch;prerender"}),
        (GOOGLEBOT, "GET", {}),
        ("Mozilla/5.0 (compatible; Barracuda Sentinel)", "GET", {}),
        ("curl/8.5.0", "GET", {}),
    ],
)
async def test_a_request_that_is_no_persons_carries_nobody(
    chain: Chain, agent: str, method: str, headers: dict[str, str]
) -> None:
    handed = await chain.stage.hand_in(html=HTML)
    assert PARAMETER not in await chain.follow(handed, 0, agent, method, **headers)


async def test_a_bot_that_runs_the_script_makes_no_visit_of_the_contact(chain: Chain) -> None:
    handed = await chain.stage.hand_in(html=HTML)
    page = await chain.follow(handed)
    assert (await chain.show(page, agent=GOOGLEBOT)).visit is None
    assert (await chain.show(page, webdriver=True)).visit is None


@pytest.mark.parametrize("wish", [{"consent": "denied"}, {"mode": "open_date"}])
async def test_who_does_not_want_to_be_measured_is_not_known_by_old_links_either(
    chain: Chain, wish: dict[str, Any]
) -> None:
    handed = await chain.stage.hand_in(html=HTML)
    async with chain.stage.services.db.write() as tx:
        await replace_contact(tx, replace(handed.contact, consent_at=chain.stage.clock.now(), **wish))
    _, visit = await chain.come(handed)
    assert (visit.contact_id, visit.send_id) == (None, None)
    again = await chain.stage.hand_in(html=HTML)
    assert again.clicks == []


async def test_a_visitor_who_has_not_agreed_is_not_known(chain: Chain) -> None:
    handed = await chain.stage.hand_in(html=HTML)
    answer = await chain.show(await chain.follow(handed), consent="none")
    async with chain.stage.services.db.read() as tx:
        assert await list_contact_visits(tx, chain.stage.site_id, handed.contact.id) == []
    assert answer.token is None


async def test_a_token_that_is_too_old_or_of_another_site_tells_nothing_and_is_cut_all_the_same(chain: Chain) -> None:
    handed, tokens = await chain.stage.hand_in(html=HTML), chain.stage.services.tokens
    old = await chain.follow(handed)
    chain.stage.clock.advance(timedelta(minutes=30, seconds=1))
    mark = Mark(chain.stage.site_id + 1, handed.sent.id, 1, contact_id=handed.contact.id)
    other = carry(tokens, f"{HOME}/x", mark, chain.stage.clock.now() + timedelta(minutes=1))
    for page, kept in ((old, f"{HOME}/sofa?a=1&b=2#red"), (other, other)):  # another site's may be its business
        visit = await chain.visit(await chain.show(page))
        assert (visit.contact_id, visit.landing_page) == (None, kept)


async def test_a_second_letter_to_the_same_person_goes_on_with_the_visit_and_is_the_one_that_led_here(
    chain: Chain,
) -> None:
    first, second = await chain.stage.hand_in(html=HTML), await chain.stage.hand_in(html=HTML)
    answer, visit = await chain.come(first)
    _, later = await chain.come(second, before=answer)
    assert later.id == visit.id
    assert (later.contact_id, later.send_id) == (first.contact.id, second.sent.id)


async def test_a_visit_that_had_begun_by_itself_learns_whose_it_is(chain: Chain) -> None:
    handed = await chain.stage.hand_in(html=HTML)
    answer = await chain.show(f"{HOME}/")
    _, visit = await chain.come(handed, before=answer)
    assert (visit.id, visit.contact_id) == (int(answer.visit or 0), handed.contact.id)


async def test_a_letter_to_somebody_else_begins_a_visit_so_that_none_is_of_two_persons(chain: Chain) -> None:
    ann, bob = await chain.stage.hand_in(html=HTML), await chain.stage.hand_in("bob@mail.example", html=HTML)
    answer, of_ann = await chain.come(ann)
    _, of_bob = await chain.come(bob, before=answer)
    assert of_bob.id != of_ann.id
    assert of_bob.visitor_id == of_ann.visitor_id
    assert [one.contact_id for one in (await chain.visit(answer), of_bob)] == [ann.contact.id, bob.contact.id]


async def test_an_erased_contact_is_no_visits_any_more(chain: Chain) -> None:
    handed = await chain.stage.hand_in(html=HTML)
    answer, _ = await chain.come(handed)
    async with chain.stage.services.db.write() as tx:
        assert await forget_contact(tx, chain.stage.site_id, handed.contact.id) == 1
    visit = await chain.visit(answer)
    assert (visit.contact_id, visit.send_id) == (None, None)


async def test_the_owner_may_have_links_that_tell_nothing(stage: Stage) -> None:
    settings = stage.services.settings
    quiet = msgspec.structs.replace(settings, visits=msgspec.structs.replace(settings.visits, click_minutes=0))
    handed = await stage.hand_in(html=HTML)
    transport = httpx.ASGITransport(Starlette(routes=routes(replace(stage.services, settings=quiet))))
    async with httpx.AsyncClient(transport=transport, headers={"user-agent": CHROME}) as http:
        assert (await http.get(handed.clicks[0])).headers["location"] == f"{HOME}/sofa?a=1&b=2#red"


def test_what_is_cut_is_what_is_known() -> None:
    url = "https://a.test/?x=1..2&y=a..AAAAAAAAAAAAAAAAAAAAAA&z=b..BBBBBBBBBBBBBBBBBBBBBBB"
    assert list_tokens(url) == ["a..AAAAAAAAAAAAAAAAAAAAAA"]
    assert cut_tokens(url, lambda _: True) == "https://a.test/?x=1..2&z=b..BBBBBBBBBBBBBBBBBBBBBBB"
