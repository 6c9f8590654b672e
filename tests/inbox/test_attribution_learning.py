"""E03 on a real database: letters teach the site's habits, set claims aside, and make way for the next writer."""

import itertools
import os
from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select

from tests.inbox.letters import Post, letter
from wherefrom.clock import FixedClock
from wherefrom.db import Tx
from wherefrom.inbox.addressed import look_up
from wherefrom.inbox.attribution import attribute
from wherefrom.inbox.batch import Member, ask_batch
from wherefrom.inbox.correct import correct_match
from wherefrom.inbox.evidence import Evidence
from wherefrom.inbox.gather import gather
from wherefrom.inbox.readiness import SETTLED, count_leases
from wherefrom.inbox.store.authors import list_written
from wherefrom.inbox.store.messages import MOST_OF_SENDER, Stored, add_message, list_of_sender
from wherefrom.mail.parse import parse_letter
from wherefrom.services import Services
from wherefrom.substitution.risk import Claim, read_claims, write_claims
from wherefrom.substitution.store.habits import claim_tally, find_habits
from wherefrom.substitution.tables import substitute
from wherefrom.substitution.tally import Tally
from wherefrom.tokens import random_code

POOL, TARGET = "Help-1@company.example", "help@company.example"
MINUTE = timedelta(minutes=1)
FORGED = int(os.environ.get("WHEREFROM_FORGED", "3000"))  # codes tried


@pytest_asyncio.fixture
async def post(services: Services) -> Post:
    return await Post.open(services)


async def tally(post: Post) -> Tally:
    async with post.services.db.write() as tx:
        claimed = await claim_tally(tx, post.rows.site_id)
    assert claimed is not None
    return claimed[0]


async def pool(post: Post) -> int:
    target_id = await post.rows.target(TARGET, "pool")
    await post.rows.substitute(target_id, POOL)
    return target_id


async def hold(post: Post, target_id: int, visit_id: int, kind: str = "", address: str = POOL) -> int:
    """A visit that holds the address from now on, and does this with it at once."""
    await post.rows.visit(visit_id)
    lease_id = await post.rows.lease(visit_id, target_id, address, "pool")
    if kind:
        await post.rows.intent(visit_id, kind, address)
    return lease_id


async def write_from(post: Post, name: str, clock: FixedClock, to: str = POOL) -> tuple[int | None, float, str]:
    raw = letter(to, sender=f"{name}@customer.example", at=clock.now(), message_id=f"<{name}@customer.example>")
    detail = await post.receive(raw)
    return detail.row.visit_id, detail.row.confidence, detail.reasons[0]


async def test_a_letter_is_counted_by_its_sign_and_delay(post: Post, clock: FixedClock) -> None:
    await hold(post, await pool(post), 1, "mailto")
    clock.advance(4 * MINUTE)
    assert (await write_from(post, "ann", clock))[0] == 1
    known = await tally(post)
    assert known.letters["mailto"] == pytest.approx(1, abs=0.05)
    assert sum(known.ways["click"]) == pytest.approx(1, abs=0.05)
    assert known.ways["click"][0] > 0.5


async def test_a_second_letter_of_a_talk_teaches_nothing(post: Post, clock: FixedClock) -> None:
    await hold(post, await pool(post), 1, "mailto")
    clock.advance(4 * MINUTE)
    await write_from(post, "ann", clock)
    once = await tally(post)
    clock.advance(MINUTE)
    again = letter(POOL, "More", sender="ann@customer.example", at=clock.now(), message_id="<ann2@customer.example>")
    assert (await post.receive(again)).row.visit_id == 1
    assert await tally(post) == once


async def test_a_code_teaches_the_delay_but_not_how_many_write(post: Post, clock: FixedClock) -> None:
    target_id = await post.rows.target("sales@company.example")
    await post.rows.visit(7)
    await post.rows.lease(7, target_id, "sales+k7f3q9x2@company.example")
    await post.rows.intent(7, "copy", "sales@company.example")
    clock.advance(30 * MINUTE)
    await write_from(post, "ann", clock, "sales+k7f3q9x2@company.example")
    known = await tally(post)
    assert known.letters == {}
    assert known.ways["hand"][1] > 0.5


async def test_the_writers_claim_on_the_address_is_set_aside(post: Post, clock: FixedClock) -> None:
    lease_id = await hold(post, await pool(post), 1, "mailto")
    async with post.services.db.write() as tx:
        claims = write_claims([Claim(lease_id, "mailto", clock.now()), Claim(99, "copy", clock.now())])
        await tx.execute(substitute.update().values(claims=claims))
    clock.advance(4 * MINUTE)
    await write_from(post, "ann", clock)
    async with post.services.db.read() as tx:
        left = {one.lease_id: one.weight for one in read_claims(await tx.scalar(select(substitute.c.claims)))}
    assert left[lease_id] < 0.1
    assert left[99] == 1


async def test_a_visit_whose_letter_has_come_makes_way_for_another_writer(post: Post, clock: FixedClock) -> None:
    target_id = await pool(post)
    await hold(post, target_id, 1)
    clock.advance(4 * MINUTE)
    assert (await write_from(post, "ann", clock))[0] == 1
    clock.advance(MINUTE)
    await hold(post, target_id, 2)
    clock.advance(40 * MINUTE)
    visit_id, _, reason = await write_from(post, "bob", clock)
    assert visit_id == 2
    assert "the letter of visit 1 had come already" in reason


async def test_the_same_person_who_writes_again_is_not_taken_for_another(post: Post, clock: FixedClock) -> None:
    target_id = await pool(post)
    await hold(post, target_id, 1, "mailto")
    clock.advance(2 * MINUTE)
    await hold(post, target_id, 2)
    clock.advance(2 * MINUTE)
    await write_from(post, "ann", clock)
    again = letter(POOL, "Another", sender="ann@customer.example", at=clock.now(), message_id="<x@customer.example>")
    detail = await post.receive(again)
    assert (detail.row.visit_id, detail.row.rule) == (1, "pool")
    assert "the sender is known from an earlier letter" in detail.reasons[0]


async def test_leases_are_counted_once_by_their_strongest_sign_when_they_have_settled(
    post: Post, clock: FixedClock, services: Services
) -> None:
    target_id = await pool(post)
    await hold(post, target_id, 1, "copy")
    await post.rows.intent(1, "select", TARGET)
    await hold(post, target_id, 2)
    await hold(post, target_id, 3, "visible")
    await hold(post, target_id, 4)
    await post.rows.intent(4, "mailto", TARGET.upper())
    await post.rows.intent(2, "mailto", "other@company.example")
    assert await count_leases(services) == 0
    clock.advance(SETTLED + MINUTE)
    await hold(post, target_id, 5)
    assert await count_leases(services) == 4
    assert (await tally(post)).leases == {"visible": 2, "copy": 1, "mailto": 1}
    assert await count_leases(services) == 0
    clock.advance(SETTLED + MINUTE)
    assert await count_leases(services) == 1


async def test_leases_of_codes_and_other_sites_are_not_counted(
    post: Post, clock: FixedClock, services: Services
) -> None:
    other = await Post.open(services, 2)
    target_id = await post.rows.target("sales@company.example")
    await post.rows.visit(7)
    await post.rows.lease(7, target_id, "sales+k7f3q9x2@company.example")
    await hold(other, await pool(other), 1)
    clock.advance(SETTLED + MINUTE)
    assert await count_leases(services) == 1
    async with services.db.read() as tx:
        assert (await find_habits(tx, 1)).readiness != (await find_habits(tx, 2)).readiness


async def test_all_who_may_have_written_are_believed_less_for_the_next_letter(post: Post, clock: FixedClock) -> None:
    target_id = await pool(post)
    await hold(post, target_id, 1, "copy")
    clock.advance(20 * MINUTE)
    await hold(post, target_id, 2, "copy")
    clock.advance(5 * MINUTE)
    await write_from(post, "ann", clock)
    async with post.services.db.read() as tx:
        spent = await list_written(tx, 1, [1, 2], "bob@customer.example", clock.now())
        assert await list_written(tx, 1, [1, 2], "ann@customer.example", clock.now()) == {}
    assert set(spent) == {1, 2}
    assert all(0.1 < share < 0.9 for share in spent.values())
    assert sum(spent.values()) == pytest.approx(1, abs=0.01)


async def test_e04_a_correction_takes_back_what_the_letter_taught_and_teaches_by_the_right_visit(
    post: Post, clock: FixedClock
) -> None:
    target_id = await pool(post)
    await hold(post, target_id, 1, "copy")
    clock.advance(40 * MINUTE)
    await hold(post, target_id, 2, "mailto")
    clock.advance(4 * MINUTE)
    raw = letter(POOL, sender="ann@customer.example", at=clock.now(), message_id="<ann@customer.example>")
    detail = await post.receive(raw)
    assert detail.row.visit_id == 2
    assert (await tally(post)).letters["mailto"] > 0.5
    await correct_match(post.services, 1, detail.row.id, 1, "ann")
    known = await tally(post)
    assert known.letters["copy"] == pytest.approx(1, abs=0.01)
    assert known.letters["mailto"] == pytest.approx(0, abs=0.01)
    assert sum(known.ways["hand"]) == pytest.approx(1, abs=0.01)
    async with post.services.db.read() as tx:
        assert await list_written(tx, 1, [1, 2], "", clock.now()) == {1: 1.0}
    await correct_match(post.services, 1, detail.row.id, None, "ann")
    assert sum((await tally(post)).letters.values()) == pytest.approx(0, abs=0.01)
    async with post.services.db.read() as tx:
        assert await list_written(tx, 1, [1, 2], "", clock.now()) == {}


async def test_e04_a_visit_that_never_held_the_address_is_set_and_teaches_nothing(
    post: Post, clock: FixedClock
) -> None:
    await hold(post, await pool(post), 1, "copy")
    await post.rows.visit(9)
    clock.advance(4 * MINUTE)
    detail = await post.receive(letter(POOL, sender="ann@customer.example", at=clock.now()))
    corrected = await correct_match(post.services, 1, detail.row.id, 9, "ann")
    assert (corrected.row.visit_id, corrected.row.confidence) == (9, 1.0)
    assert sum((await tally(post)).letters.values()) == pytest.approx(0, abs=0.01)


async def test_of_thousands_of_forged_codes_none_has_a_visit(post: Post, services: Services) -> None:
    """Codes that were really given out among those that were not: only the given ones find their visit."""
    target_id = await post.rows.target("sales@company.example")
    for visit_id in range(1, 11):
        await post.rows.visit(visit_id)
        await post.rows.lease(visit_id, target_id, f"sales+given{visit_id:03}@company.example")
    now = services.clock.now()
    stored = Stored(1, 1, post.mailbox_id, "inbox", 1, "", 0, False, 0, now, now, None)
    async with services.db.read() as tx:
        for number in range(FORGED // 50):
            forged = ", ".join(f"sales+{random_code()}@company.example" for _ in range(50))
            evidence = await evidence_on(tx, stored, letter(forged))
            verdict = attribute(evidence)
            assert len(evidence.unknown_codes) > 30  # the others have no digit, so they are no codes at all
            assert (verdict.rule, verdict.visit_id) == ("none", None), (number, forged)
        for visit_id in range(1, 11):
            given = f"sales+given{visit_id:03}@company.example"
            assert attribute(await evidence_on(tx, stored, letter(given))).visit_id == visit_id


async def evidence_on(tx: Tx, stored: Stored, raw: bytes) -> Evidence:
    """Of a letter that is alone in its batch."""
    parsed = parse_letter(raw)
    (addressed,) = await look_up(tx, stored.site_id, [(parsed, stored.arrived_at)])
    batch = await ask_batch(tx, stored.site_id, [Member(stored, parsed, addressed)])
    return (await gather(tx, stored, parsed, addressed, batch, stored.arrived_at)).evidence


async def test_of_a_sender_who_writes_daily_the_newest_letters_are_looked_through(post: Post) -> None:
    """So that a letter of a machine does not cost more with each one before it."""
    target_id = await post.rows.target("sales@company.example")
    await post.rows.visit(7)
    await post.rows.lease(7, target_id, "sales+given007@company.example")
    at, sender = post.services.clock.now(), "ann@customer.example"
    numbers = itertools.count(1)

    async def receive(to: str, subject: str) -> None:
        await post.receive(letter(to, subject, message_id=f"<{next(numbers)}@x>"), at=post.minutes(next(numbers)))

    await receive("sales+given007@company.example", "matched")
    async with post.services.db.write() as tx:
        for uid in range(100, 100 + MOST_OF_SENDER - 1):
            await add_plain(tx, post, uid, sender)
    assert await earlier_of(post, sender, at + timedelta(days=1)) == [7]
    async with post.services.db.write() as tx:
        await add_plain(tx, post, 300, sender)
    assert await earlier_of(post, sender, at + timedelta(days=1)) == []


async def add_plain(tx: Tx, post: Post, uid: int, sender: str) -> None:
    now = post.services.clock.now() + timedelta(hours=1)
    values = {
        "site_id": 1, "id": post.services.ids.next(), "mailbox_id": post.mailbox_id, "folder_id": post.folder_id,
        "folder_kind": "inbox", "uidvalidity": 1, "uid": uid, "sha256": f"{uid:064}", "size": 1, "truncated": False,
        "arrived_at": now, "stored_at": now, "status": "sorted", "from_address": sender,
    }  # fmt: skip
    await add_message(tx, values)


async def earlier_of(post: Post, sender: str, before: datetime) -> list[int]:
    async with post.services.db.read() as tx:
        written = await list_of_sender(tx, 1, sender, before)
        return [one.match.visit_id for one in written if one.match is not None]
