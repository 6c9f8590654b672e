"""What is older than its days goes, with everything that hangs on it; what anything needs stays, however old it is."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy import func, select, update
from structlog.testing import capture_logs

from tests.inbox.letters import Post, letter
from tests.inbox.rows import Rows
from tests.support.full_tables import read_all
from tests.support.statements import kept_statements, list_reads
from wherefrom.archive import retention
from wherefrom.archive.retention import forget_old, remove_loose_blobs
from wherefrom.clock import FixedClock
from wherefrom.events.tables import event
from wherefrom.inbox.tables import attachment, author, loose_blob, match, message
from wherefrom.services import Services
from wherefrom.settings import Retention
from wherefrom.substitution.tables import lease, substitute
from wherefrom.tracking.tables import engagement
from wherefrom.visits.tables import intent, pageview, visit
from wherefrom.webhooks.change import AddEndpoint, add_endpoint
from wherefrom.webhooks.store.leads import take_numbers
from wherefrom.webhooks.tables import attempt, deal, delivery, lead

DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def post(services: Services) -> Post:
    post = await Post.open(services)
    await post.rows.site()
    return post


def keeping(services: Services, **days: int) -> Services:
    """The services with these ``[retention]`` settings."""
    return replace(services, settings=msgspec.structs.replace(services.settings, retention=Retention(**days)))


async def _ids(services: Services, table: Any, column: str = "id") -> set[Any]:
    async with services.db.read() as tx:
        return set(await tx.scalars(select(table.c[column])))


async def _count(services: Services, table: Any) -> int:
    async with services.db.read() as tx:
        return int(await tx.scalar(select(func.count()).select_from(table)))


async def _hand_on(services: Services) -> None:
    async with services.db.write() as tx:
        await tx.execute(update(event).values(fanned_at=services.clock.now()))


async def _deliver(post: Post, subject: int, status: str, *, event_id: int = 0, ended: datetime | None = None) -> int:
    delivery_id, now = post.services.ids.next(), post.services.clock.now()
    await post.rows.add(
        delivery, site_id=1, id=delivery_id, endpoint_id=delivery_id, event_id=event_id or delivery_id,
        event_type="message.received", subject_id=subject, body='{"text": "Hello, how much is it?"}', lead="",
        status=status, attempts=1, failures=0, next_at=now, created_at=now,
        ended_at=None if status == "pending" else ended or now,
    )  # fmt: skip
    await post.rows.add(
        attempt, site_id=1, id=post.services.ids.next(), delivery_id=delivery_id, number=1, started_at=now,
        milliseconds=5, error="", answer="Hello, how much is it?",
    )  # fmt: skip
    return delivery_id


def _with_file(text: str, number: int) -> bytes:
    return (
        f"From: Ann <ann@customer.example>\nTo: sales@company.example\nMessage-ID: <{number}@customer.example>\n"
        f'Subject: {text}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n'
        f"--b\nContent-Type: text/plain\n\n{text}\n--b\nContent-Type: application/pdf\n"
        f'Content-Disposition: attachment; filename="{text}.pdf"\n\nof {text}\n--b--\n'
    ).encode()


async def test_nothing_goes_unless_the_settings_say_so(post: Post, clock: FixedClock) -> None:
    await post.rows.visit(7)
    await post.receive(letter())
    await _hand_on(post.services)
    clock.advance(10_000 * DAY)
    assert await forget_old(post.services) == 0
    assert (await _count(post.services, message), await _count(post.services, visit)) == (1, 1)


async def test_an_old_letter_goes_from_every_table_and_a_young_one_stays(post: Post, clock: FixedClock) -> None:
    services = keeping(post.services, letters_days=30)
    old = await post.receive(_with_file("secret", 1))
    await post.rows.add(deal, site_id=1, subject_id=old.row.id, number="secret", recorded_at=clock.now())
    told = await _deliver(post, old.row.id, "delivered")
    async with services.db.write() as tx:
        await tx.execute(update(delivery).where(delivery.c.id == told).values(body="secret"))
    await _hand_on(services)
    clock.advance(20 * DAY)
    young = await post.receive(_with_file("open", 2))
    await _hand_on(services)
    clock.advance(11 * DAY)
    with capture_logs() as logs:
        assert await forget_old(services) == 1
    assert [(one["letters"], one["log_level"]) for one in logs if "letters" in one] == [(1, "info")]
    assert await _ids(services, message) == {young.row.id}
    tables = await read_all(services.settings.database.url)
    left = [name for name, rows in tables.items() if "secret" in repr(rows) or str(old.row.id) in repr(rows)]
    assert left == []
    assert {name for name, rows in tables.items() if str(young.row.id) in repr(rows)} >= {
        "message", "message_address", "attachment", "match", "event",
    }  # fmt: skip


async def test_a_letter_that_somebody_still_has_to_be_told_of_stays(post: Post, clock: FixedClock) -> None:
    services = keeping(post.services, letters_days=30)
    waiting, unfanned, unsorted = (
        await post.receive(letter(message_id="<1@x.example>", text="one")),
        await post.receive(letter(message_id="<2@x.example>", text="two")),
        await post.store(letter(message_id="<3@x.example>", text="three")),
    )
    async with services.db.write() as tx:
        await tx.execute(
            update(event).where(event.c.subject_id == waiting.row.id).values(fanned_at=services.clock.now())
        )
    pending = await _deliver(post, waiting.row.id, "pending")
    clock.advance(365 * DAY)
    assert await forget_old(services) == 0
    async with services.db.write() as tx:
        ended = update(delivery).where(delivery.c.id == pending).values(status="exhausted", ended_at=clock.now())
        await tx.execute(ended)
    assert await forget_old(services) == 1
    await _hand_on(services)
    assert await forget_old(services) == 1
    assert await _ids(services, message) == {unsorted}
    assert unfanned.row.id != unsorted


async def test_old_mail_is_kept_for_its_days_from_when_it_came_here(post: Post, clock: FixedClock) -> None:
    services = keeping(post.services, letters_days=30)
    detail = await post.receive(letter(), at=clock.now() - 700 * DAY)
    await _hand_on(services)
    clock.advance(29 * DAY)
    assert await forget_old(services) == 0
    clock.advance(2 * DAY)
    assert await forget_old(services) == 1
    assert detail.row.id not in await _ids(services, message)


async def test_a_hundred_letters_go_in_small_slices_past_those_that_stay(
    post: Post, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_SLICE", 4)
    services = keeping(post.services, letters_days=30)
    async with services.db.write() as tx:
        stay = []
        for number in range(30):
            id_ = services.ids.next()
            await tx.execute(message.insert().values(**_message_row(id_, number, clock.now())))
            if number % 3 == 0:
                stay.append(id_)
                await tx.execute(update(message).where(message.c.id == id_).values(status="stored"))
    clock.advance(31 * DAY)
    assert await forget_old(services) == 20
    assert await _ids(services, message) == set(stay)


def _message_row(id_: int, uid: int, now: datetime) -> dict[str, Any]:
    return {
        "site_id": 1, "id": id_, "mailbox_id": 1, "folder_id": 1, "folder_kind": "inbox", "uidvalidity": 1, "uid": uid,
        "sha256": "a" * 64, "size": 1, "truncated": False, "status": "sorted", "status_reason": "", "tries": 0,
        "arrived_at": now, "stored_at": now, "subject": "", "from_address": "", "from_name": "", "to_address": "",
        "text": "", "has_html": False, "automatic": "", "first_of_thread": True, "historic": False,
    }  # fmt: skip


# ------------------------------------------------------------------------------------------------ bytes


def _make_old(path: Path) -> None:
    os.utime(path, (0, 0))


def _is_there(path: Path) -> bool:
    return path.exists()


async def test_bytes_go_a_day_after_their_last_letter_of_any_site(post: Post, clock: FixedClock) -> None:
    services = keeping(post.services, letters_days=30)
    shared, own = letter(text="to both sites"), _with_file("own", 5)
    mine = await post.receive(shared)
    alone = await post.receive(own)
    (file,) = await _ids(services, attachment, "sha256")
    clock.advance(20 * DAY)
    other = await Post.open(services, 2)
    await other.rows.site()
    assert (await other.receive(shared)).sha256 == mine.sha256
    await _hand_on(services)
    clock.advance(11 * DAY)
    paths = [services.blobs.path(name) for name in (mine.sha256, alone.sha256, file)]
    for path in paths:
        _make_old(path)
    assert await forget_old(services) == 2
    assert await remove_loose_blobs(services) == 0
    assert all(map(_is_there, paths)), "a backup that is being written may still need them"
    clock.advance(DAY + timedelta(minutes=1))
    assert await remove_loose_blobs(services) == 2
    assert [_is_there(path) for path in paths] == [True, False, False]
    assert await _count(services, loose_blob) == 0
    clock.advance(20 * DAY)
    assert await forget_old(services) == 1
    clock.advance(2 * DAY)
    assert await remove_loose_blobs(services) == 1
    assert not _is_there(paths[0])


async def test_bytes_that_came_anew_stay_whoever_is_first(post: Post, clock: FixedClock) -> None:
    services = keeping(post.services, letters_days=30)
    raw = letter()
    first = await post.receive(raw)
    await _hand_on(services)
    _make_old(services.blobs.path(first.sha256))
    clock.advance(31 * DAY)
    await forget_old(services)
    clock.advance(2 * DAY)
    await services.blobs.put(raw)  # its row is not written yet
    assert await remove_loose_blobs(services) == 0
    assert _is_there(services.blobs.path(first.sha256))
    assert await _count(services, loose_blob) == 1, "and are looked at again"
    clock.advance(2 * DAY)
    await post.store(raw)
    _make_old(services.blobs.path(first.sha256))
    assert await remove_loose_blobs(services) == 0
    assert _is_there(services.blobs.path(first.sha256))
    assert await _count(services, loose_blob) == 0


# ------------------------------------------------------------------------------------------------ visits


async def _person(rows: Rows, visit_id: int, target_id: int, **values: Any) -> int:
    """A visit of a visitor with a page, a sign and a lease; the lease's id."""
    now = rows.services.clock.now()
    await rows.visit(visit_id, **values)
    await rows.add(
        pageview, site_id=1, id=visit_id, visit_id=visit_id, page="/", title="", referrer="", seen_at=now
    )  # fmt: skip
    await rows.intent(visit_id, "copy", "sales@company.example")
    return await rows.lease(visit_id, target_id, f"sales+{visit_id}@company.example")


async def test_a_visit_without_a_letter_goes_with_all_that_hangs_on_it(post: Post, clock: FixedClock) -> None:
    services, rows = keeping(post.services, visits_days=30), post.rows
    target_id = await rows.target("sales@company.example")
    for visit_id in (1, 2):
        await _person(rows, visit_id, target_id)
    clock.advance(31 * DAY)
    await _person(rows, 3, target_id)
    await rows.visit(4, visitor_id=2)
    assert await forget_old(services) == 2
    assert await _ids(services, visit) == {3, 4}
    for table in (pageview, intent, lease):
        assert await _ids(services, table, "visit_id") == {3}


async def test_the_numbers_of_a_visit_s_letters_are_counted_no_longer_than_the_visit_is_there(
    post: Post, clock: FixedClock
) -> None:
    services, rows = keeping(post.services, visits_days=30), post.rows
    url = "http://127.0.0.1:9999"
    endpoints = [(await add_endpoint(services, 1, AddEndpoint(url=f"{url}/{one}"))).endpoint.id for one in "ab"]
    names = "visit-1", "visit-10", "visit-2", "sender-1", "contact-1"
    counts = {(1, one, name): 1 for one in endpoints for name in names} | {(2, 7, "visit-1"): 1}
    await rows.visit(1)
    await rows.visit(2)
    await rows.add(author, site_id=1, visit_id=2, message_id=9, share=0.4, counts=False)
    async with services.db.write() as tx:
        await take_numbers(tx, counts)
    clock.advance(31 * DAY)
    assert await forget_old(services) == 1
    async with services.db.read() as tx:
        left = {tuple(row) for row in await tx.execute(select(lead.c.site_id, lead.c.endpoint_id, lead.c.lead))}
    assert left == counts.keys() - {(1, one, "visit-1") for one in endpoints}


async def test_a_visit_that_anything_needs_stays(post: Post, clock: FixedClock) -> None:
    services, rows = keeping(post.services, visits_days=30), post.rows
    target_id = await rows.target("sales@company.example", strategy="pool")
    leases = {visit_id: await _person(rows, visit_id, target_id) for visit_id in range(1, 9)}
    await rows.add(
        match, site_id=1, message_id=1, visit_id=1, rule="code", confidence=0.9, reasons=[], candidates=[],
        matched_at=clock.now(),
    )  # fmt: skip
    await rows.add(author, site_id=1, visit_id=2, message_id=9, share=0.4, counts=False)
    await rows.substitute(target_id, "held@company.example")
    await rows.substitute(target_id, "awaited@company.example")
    clock.advance(31 * DAY)
    async with services.db.write() as tx:
        held = update(substitute).where(substitute.c.address == "held@company.example")
        await tx.execute(held.values(lease_id=leases[3]))
        awaited = update(substitute).where(substitute.c.address == "awaited@company.example")
        await tx.execute(awaited.values(claims=[[leases[4], "visible", 0, 0.5]]))
        await tx.execute(update(lease).where(lease.c.visit_id == 5).values(expires_at=clock.now() - DAY))
        await tx.execute(update(visit).where(visit.c.id == 6).values(last_seen_at=clock.now()))
        await tx.execute(update(visit).where(visit.c.id == 7).values(kind="source"))
    assert await forget_old(services) == 1
    assert await _ids(services, visit) == {1, 2, 3, 4, 5, 6, 7}
    assert await _ids(services, lease) == {id_ for visit_id, id_ in leases.items() if visit_id != 8}


async def test_visits_go_in_slices_past_those_of_the_same_moment_that_stay(
    post: Post, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_SLICE", 3)
    services = keeping(post.services, visits_days=30)
    for visit_id in range(1, 14):
        await post.rows.visit(visit_id, kind="source" if visit_id % 2 else "visit")
    clock.advance(31 * DAY)
    assert await forget_old(services) == 6
    assert await _ids(services, visit) == set(range(1, 14, 2))


# ------------------------------------------------------------------------------------------------ what was told


async def test_deliveries_that_ended_long_ago_go_with_their_attempts(post: Post, clock: FixedClock) -> None:
    services = keeping(post.services, deliveries_days=30)
    for status in ("delivered", "exhausted", "cancelled"):
        await _deliver(post, 5, status)
    pending = await _deliver(post, 5, "pending")
    late = await _deliver(post, 5, "delivered", ended=clock.now() + 20 * DAY)
    clock.advance(31 * DAY)
    assert await forget_old(services) == 3
    assert await _ids(services, delivery) == {pending, late}
    assert await _ids(services, attempt, "delivery_id") == {pending, late}


async def test_events_stay_until_every_endpoint_has_them(post: Post, clock: FixedClock) -> None:
    services = keeping(post.services, events_days=30)
    ids = {}
    for name in ("told", "waiting", "unfanned"):
        ids[name] = services.ids.next()
        fanned = None if name == "unfanned" else clock.now()
        await post.rows.add(
            event, site_id=1, id=ids[name], type="message.received", subject_id=5, data={}, created_at=clock.now(),
            fanned_at=fanned,
        )  # fmt: skip
    await _deliver(post, 5, "delivered", event_id=ids["told"])
    await _deliver(post, 5, "pending", event_id=ids["waiting"])
    clock.advance(29 * DAY)
    assert await forget_old(services) == 0
    clock.advance(2 * DAY)
    assert await forget_old(services) == 1
    assert await _ids(services, event) == {ids["waiting"], ids["unfanned"]}


async def test_of_opens_and_clicks_the_persons_stay_without_address_and_program(post: Post, clock: FixedClock) -> None:
    services = keeping(post.services, engagements_days=30)
    for number, verdict in enumerate(("human", "scanner", "prefetch", "human")):
        await post.rows.add(
            engagement, site_id=1, id=services.ids.next(), send_id=3, kind="open", number=0, ip="203.0.113.0",
            seen_at=clock.now() if number < 3 else clock.now() + 5 * DAY, agent="Mozilla", hint="", verdict=verdict,
            reason="",
        )  # fmt: skip
    clock.advance(31 * DAY)
    assert await forget_old(services) == 3
    async with services.db.read() as tx:
        rows = (await tx.execute(select(engagement.c.verdict, engagement.c.agent, engagement.c.ip))).all()
    assert sorted(map(tuple, rows), key=repr) == [("human", "", None), ("human", "Mozilla", "203.0.113.0")]
    assert await forget_old(services) == 0, "there is nothing more to take from them"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
async def test_no_slice_reads_all_rows_of_a_site_while_it_holds_the_writer(post: Post, clock: FixedClock) -> None:
    services = keeping(
        post.services, letters_days=1, visits_days=1, deliveries_days=1, events_days=1, engagements_days=1
    )
    target_id = await post.rows.target("sales@company.example")
    for visit_id in range(1, 4):
        await _person(post.rows, visit_id, target_id)
    detail = await post.receive(_with_file("one", 1))
    await _deliver(post, detail.row.id, "delivered")
    await _deliver(post, 5, "delivered")
    await _hand_on(services)
    clock.advance(3 * DAY)
    with kept_statements(services, "SELECT", "UPDATE", "DELETE") as statements:
        assert await forget_old(services) == 5
    assert len(statements) > 15
    async with services.db.write() as tx:
        for statement, values in statements.items():
            reads = await list_reads(tx, statement, values)
            wide = [one for one in reads if one.startswith("SCAN") or one.endswith("(site_id=?)")]
            wide = [one for one in wide if not one.startswith("SCAN json_each")]  # a list of ids
            assert [one for one in wide if "CONSTANT" not in one and "subquery" not in one] == [], statement
