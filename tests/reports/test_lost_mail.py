"""E05: where letters may be that people meant to write, and what was not seen of those that came."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from tests.inbox.letters import Post, letter
from tests.inbox.rows import Rows
from tests.support.management import management_api
from wherefrom.clock import FixedClock
from wherefrom.errors import BadInput
from wherefrom.inbox.tables import match
from wherefrom.reports.api import OPERATIONS
from wherefrom.reports.lost_mail import LostMail, find_lost_mail
from wherefrom.reports.store.lost_mail import list_wishes
from wherefrom.services import Services
from wherefrom.sites.add import add_site

SALES, CODED = "sales@company.example", "sales+k7f3q9x2@company.example"
DAY = timedelta(days=1)


@dataclass
class Shop:
    """Site 1 with one target, whose visits click and write."""

    services: Services
    post: Post
    target_id: int

    async def clicks(self, visit: int, kind: str = "mailto", address: str = CODED) -> None:
        await self.post.rows.visit(visit)
        await self.post.rows.lease(visit, self.target_id, address)
        await self.post.rows.intent(visit, kind, address)

    async def report(self) -> LostMail:
        return await find_lost_mail(self.services, 1, self.post.minutes(-60 * 24 * 30), self.post.minutes(1))


@pytest_asyncio.fixture
async def shop(services: Services) -> Shop:
    post = await Post.open(services)
    return Shop(services, post, await post.rows.target(SALES))


def counts(report: LostMail) -> dict[str, tuple[int, int]]:
    return {one.kind: (one.visits, one.with_letter) for one in report.intents}


async def test_e05_a_visit_that_clicked_and_wrote_is_not_lost(shop: Shop) -> None:
    await shop.clicks(7)
    await shop.post.receive(letter(CODED), at=shop.post.minutes(0))
    found = await shop.report()
    assert counts(found) == {"mailto": (1, 1), "copy": (0, 0), "select": (0, 0)}
    assert found.wishes == ()


async def test_e05_a_visit_that_copied_and_did_not_write_is_listed_with_its_source(shop: Shop) -> None:
    await shop.clicks(7, "copy")
    (one,) = (await shop.report()).wishes
    assert (one.wish.visit_id, one.wish.kind, one.wish.address) == (7, "copy", CODED)
    assert (one.wish.marker, one.wish.city, one.perhaps) == ("google", "Berlin", None)


async def test_e05_seeing_or_selecting_an_address_is_counted_apart_and_not_listed(shop: Shop) -> None:
    await shop.clicks(7, "select")
    await shop.clicks(8, "visible", "sales+22222abc@company.example")
    found = await shop.report()
    assert counts(found) == {"mailto": (0, 0), "copy": (0, 0), "select": (1, 0)}
    assert found.wishes == ()


async def test_e05_a_visit_that_clicked_often_is_listed_once_with_its_last_deed(shop: Shop) -> None:
    await shop.clicks(7)
    await shop.post.rows.intent(7, "mailto", CODED)
    await shop.post.rows.intent(7, "copy", CODED)
    found = await shop.report()
    assert [one.wish.kind for one in found.wishes] == ["copy"]
    assert counts(found)["mailto"] == (1, 0)


async def test_e05_a_letter_to_the_bare_address_soon_after_is_named_as_perhaps_theirs(shop: Shop) -> None:
    await shop.clicks(7)
    other = await shop.post.rows.target("help@company.example")
    await shop.post.rows.lease(7, other, "help+99999abc@company.example")
    await shop.post.receive(letter("help@company.example", message_id="<0@x>"), at=shop.post.minutes(5))
    theirs = await shop.post.receive(letter(SALES, subject="Typed by hand"), at=shop.post.minutes(10))
    shop.services.clock.advance(DAY)  # type: ignore[attr-defined]
    (one,) = (await shop.report()).wishes
    assert one.perhaps is not None
    assert (one.perhaps.id, one.perhaps.subject) == (theirs.row.id, "Typed by hand")


@pytest.mark.parametrize("minutes", [-1, 60 * 48])
async def test_e05_a_letter_before_or_long_after_is_not_named(shop: Shop, minutes: int) -> None:
    await shop.clicks(7)
    await shop.post.receive(letter(SALES), at=shop.post.minutes(minutes))
    (one,) = (await shop.report()).wishes
    assert one.perhaps is None


async def test_e05_leads_in_junk_are_counted_and_the_matched_ones_listed(shop: Shop) -> None:
    await shop.clicks(7)
    lead = await shop.post.receive(letter(CODED, subject="A lead"), at=shop.post.minutes(0), folder_kind="junk")
    spam = letter("someone@company.example", subject="Spam", message_id="<2@x>", sender="s@spam.example")
    await shop.post.receive(spam, at=shop.post.minutes(0), folder_kind="junk")
    robot = letter(CODED, message_id="<3@x>", Auto_Submitted="auto-generated")
    await shop.post.receive(robot, at=shop.post.minutes(0), folder_kind="junk")
    found = await shop.report()
    assert (found.junk, found.junk_matched) == (2, 1)
    assert [(one.id, one.visit_id) for one in found.junk_letters] == [(lead.row.id, 7)]


async def test_e05_letters_to_the_bare_target_are_counted_with_those_matched_otherwise(shop: Shop) -> None:
    await shop.clicks(7)
    await shop.post.receive(letter(CODED, message_id="<1@x>"), at=shop.post.minutes(0))
    await shop.post.receive(letter(SALES, message_id="<2@x>", In_Reply_To="<1@x>"), at=shop.post.minutes(0))
    stranger = letter(SALES, message_id="<3@x>", sender="new@other.example")
    await shop.post.receive(stranger, at=shop.post.minutes(0))
    (one,) = (await shop.report()).bare
    assert (one.address, one.letters, one.matched) == (SALES, 2, 1)


async def test_e05_another_site_and_another_time_are_left_out(shop: Shop) -> None:
    await shop.clicks(7)
    other = await Post.open(shop.services, 2)
    await other.rows.visit(7)
    await other.rows.intent(7, "copy", SALES)
    assert counts(await shop.report()) == {"mailto": (1, 0), "copy": (0, 0), "select": (0, 0)}
    shop.services.clock.advance(40 * DAY)  # type: ignore[attr-defined]
    found = await shop.report()
    assert counts(found)["mailto"] == (0, 0)
    assert found.wishes == ()


async def test_e05_a_period_that_cannot_be_is_told(shop: Shop) -> None:
    now = shop.services.clock.now()
    with pytest.raises(BadInput, match="ends before it begins"):
        await find_lost_mail(shop.services, 1, now, now - DAY)
    with pytest.raises(BadInput, match="longer than a year"):
        await find_lost_mail(shop.services, 1, now - 400 * DAY, now)


async def test_e05_the_api_tells_the_report_and_names_a_wrong_date(services: Services) -> None:
    site = await add_site(services, "shop", ["company.example"])
    post = await Post.open(services, site.id)
    target = await post.rows.target(SALES)
    await post.rows.visit(7)
    await post.rows.lease(7, target, CODED)
    await post.rows.intent(7, "mailto", CODED)
    async with management_api(services, OPERATIONS) as api:
        path = "/sites/shop/reports/lost-mail"
        day = services.clock.now().date().isoformat()
        told = (await api.get(path, params={"date_from": day, "date_to": day})).json()
        assert told["intents"][0] == {"kind": "mailto", "visits": 1, "with_letter": 0}
        assert [(one["visit"], one["kind"], one["perhaps"]) for one in told["without_letter"]] == [
            ("7", "mailto", None)
        ]
        assert (told["junk"]["letters"], told["bare_targets"]) == (0, [])
        await _refuses(api, path)


async def _refuses(api: httpx.AsyncClient, path: str) -> None:
    wrong = await api.get(path, params={"date_from": "soon"})
    assert wrong.status_code == 400
    assert wrong.json()["field"] == "date_from"


@pytest.mark.parametrize("seed", range(3))
async def test_the_latest_wishes_are_found_however_many_visits_wrote(
    services: Services, clock: FixedClock, seed: int
) -> None:
    chance, rows = random.Random(seed), Rows(services)
    end = clock.now()
    begin = end - timedelta(hours=2)
    latest: dict[int, tuple[datetime, str]] = {}
    for number in range(1, 31):
        await rows.visit(number)
        if chance.random() < 0.6:
            await rows.add(
                match, site_id=rows.site_id, message_id=number, visit_id=number, rule="code", confidence=1.0,
                reasons=[], candidates=[], matched_at=end,
            )  # fmt: skip
        for _ in range(chance.choice((0, 1, 4))):
            at, kind = end - timedelta(minutes=chance.randrange(150)), chance.choice(("mailto", "copy", "select"))
            await rows.intent(number, kind, f"{kind}@company.example", at)
            if kind != "select" and begin <= at < end:
                latest[number] = max(latest.get(number, (begin, "")), (at, kind))
    async with services.db.read() as tx:
        written = set(await tx.scalars(select(match.c.visit_id)))
        for limit in (1, 3, 100):
            wishes = await list_wishes(tx, rows.site_id, begin, end, limit)
            wanted = {number: at for number, (at, _) in latest.items() if number not in written}
            assert {one.visit_id: one.at for one in wishes}.items() <= wanted.items()
            assert [one.at for one in wishes] == sorted(wanted.values(), reverse=True)[:limit]
