"""The history: newest first, by key, filtered, beside visit and deal number; nobody else's letters."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.inbox.rows import Rows
from wherefrom.db import insert
from wherefrom.errors import BadInput, NotFound
from wherefrom.inbox.store import details, history, marks, messages
from wherefrom.inbox.store.filters import HistoryFilter
from wherefrom.inbox.store.traits import add_traits
from wherefrom.inbox.tables import message
from wherefrom.services import Services
from wherefrom.visits.store import find_visit
from wherefrom.webhooks.tables import deal


@dataclass
class Letters:
    """Puts sorted letters into the history, each a minute after the one before."""

    services: Services
    rows: Rows
    uid: int = 0

    async def add(
        self, subject: str = "Hello", *, site_id: int = 1, visit_id: int | None = None, rule: str = "code",
        status: str = "sorted", at: datetime | None = None, to: tuple[str, ...] = ("sales@company.example",),
        **values: Any,
    ) -> int:  # fmt: skip
        self.uid += 1
        message_id = self.services.ids.next()
        start = self.services.clock.now()
        async with self.services.db.write() as tx:
            await messages.add_message(
                tx,
                {
                    "site_id": site_id, "id": message_id, "mailbox_id": 1, "folder_id": 1, "folder_kind": "inbox",
                    "uidvalidity": 1, "uid": self.uid, "sha256": f"{self.uid:064x}", "size": 100, "truncated": False,
                    "arrived_at": at or start + timedelta(minutes=self.uid), "stored_at": start,
                },
            )  # fmt: skip
            now = start + timedelta(seconds=self.uid)
            (stored,) = await messages.claim_messages(tx, start, now, 1)
            columns: Mapping[str, Any] = {
                "subject": subject,
                "text": "A text.",
                "from_address": "x@y.example",
                **values,
            }
            assert await marks.mark_message(tx, stored, status, columns)
            await messages.add_addresses(tx, site_id, message_id, [("to", one, "") for one in to])
            if visit_id is not None or rule == "none":
                match = {
                    "visit_id": visit_id, "lease_id": None, "rule": rule, "confidence": 0.99, "reasons": ["code: so"],
                    "candidates": [{"visit_id": visit_id or 0, "rule": rule, "confidence": 0.99, "reason": "so"}],
                    "matched_at": now,
                }  # fmt: skip
                await messages.add_match(tx, site_id, message_id, match)
            visit = None if visit_id is None else await find_visit(tx, site_id, visit_id)
            if visit is not None:
                arrived_at = at or start + timedelta(minutes=self.uid)
                await add_traits(tx, site_id, (arrived_at, message_id), visit)
        return message_id

    async def listed(self, limit: int = 50, **wanted: Any) -> list[str]:
        async with self.services.db.read() as tx:
            rows, _ = await history.list_messages(tx, 1, HistoryFilter(**wanted), None, limit)
        return [row.subject for row in rows]


@pytest_asyncio.fixture
async def letters(services: Services) -> Letters:
    return Letters(services, Rows(services))


async def test_letters_are_listed_newest_first_with_visit_receivers_and_deal(letters: Letters) -> None:
    await letters.rows.visit(7, utm_source="fb", city="Köln")
    older = await letters.add("Older")
    newer = await letters.add("Newer", visit_id=7, to=("sales+abc@company.example", "boss@company.example"))
    await letters.rows.add(
        deal, subject_id=newer, number="D-17", endpoint_id=None, site_id=1, recorded_at=letters.services.clock.now()
    )
    async with letters.services.db.read() as tx:
        rows, cursor = await history.list_messages(tx, 1, HistoryFilter())
    assert [row.id for row in rows] == [newer, older]
    assert cursor is None
    first = rows[0]
    assert (first.visit_id, first.deal_number, first.city, first.utm_source) == (7, "D-17", "Köln", "fb")
    assert first.recipients == ("sales+abc@company.example", "boss@company.example")
    assert first.source_levels == ("google", "cpc")
    assert (rows[1].visit_id, rows[1].deal_number, rows[1].marker, rows[1].rule) == (None, None, "", "")


async def test_paging_shows_each_letter_once_even_where_arrivals_are_equal(letters: Letters) -> None:
    at = letters.services.clock.now()
    ids = [await letters.add(str(n), at=at) for n in range(7)]
    seen, cursor = [], None
    async with letters.services.db.read() as tx:
        for _ in range(4):
            rows, cursor = await history.list_messages(tx, 1, HistoryFilter(), cursor, 2)
            seen += [row.id for row in rows]
    assert seen == ids[::-1]
    assert cursor is None


async def test_a_page_that_is_just_full_is_the_last_one(letters: Letters) -> None:
    await letters.add("a")
    await letters.add("b")
    async with letters.services.db.read() as tx:
        assert (await history.list_messages(tx, 1, HistoryFilter(), None, 2))[1] is None
        assert (await history.list_messages(tx, 1, HistoryFilter(matched=False), None, 2))[1] is None


async def test_another_sites_letters_are_never_listed(letters: Letters) -> None:
    mine = await letters.add("mine", site_id=1)
    theirs = await letters.add("theirs", site_id=2)
    assert await letters.listed() == ["mine"]
    assert await letters.listed(text="theirs") == []
    async with letters.services.db.read() as tx:
        assert (await details.get_message(tx, 1, mine)).row.subject == "mine"
        with pytest.raises(NotFound):
            await details.get_message(tx, 1, theirs)


async def test_only_finished_letters_are_listed_and_duplicates_are_not(letters: Letters) -> None:
    for status in ("sorted", "unreadable", "duplicate", "taken"):
        await letters.add(status, status=status)
    assert await letters.listed() == ["unreadable", "sorted"]


async def test_filters_by_source_place_and_match(letters: Letters) -> None:
    await letters.rows.visit(7, utm_source="fb", utm_campaign="autumn", marker="fb_new", source_levels=["fb", "new"])
    await letters.rows.visit(8, country="France", country_code="FR", city="Lyon")
    await letters.add("facebook", visit_id=7)
    await letters.add("french", visit_id=8, rule="pool", folder_kind="junk")
    await letters.add("unmatched", rule="none", automatic="list")
    for wanted, expected in (
        ({"source": "fb"}, ["facebook"]),
        ({"source": "f"}, []),
        ({"marker": "fb_new"}, ["facebook"]),
        ({"utm_source": "fb", "utm_campaign": "autumn"}, ["facebook"]),
        ({"utm_source": "fb", "utm_campaign": "spring"}, []),
        ({"country": "fr"}, ["french"]),
        ({"country": "France", "city": "Lyon"}, ["french"]),
        ({"matched": True}, ["french", "facebook"]),
        ({"matched": False}, ["unmatched"]),
        ({"rule": "pool"}, ["french"]),
        ({"folder_kind": "junk"}, ["french"]),
        ({"automatic": True}, ["unmatched"]),
        ({"automatic": False, "matched": True}, ["french", "facebook"]),
        ({"visit_id": 7}, ["facebook"]),
        ({"sender": "X@Y.example"}, ["unmatched", "french", "facebook"]),
    ):
        assert await letters.listed(**wanted) == expected, wanted


async def test_filters_by_date_take_the_first_moment_and_leave_the_last(letters: Letters) -> None:
    noon = letters.services.clock.now()
    for n in range(4):
        await letters.add(str(n), at=noon + timedelta(hours=n))
    span: dict[str, Any] = {"date_from": noon + timedelta(hours=1), "date_to": noon + timedelta(hours=3)}
    assert await letters.listed(**span) == ["2", "1"]
    assert await letters.listed(**span, text="1") == ["1"]


@pytest.mark.parametrize("words", ["ПРИВЕТ", "привет", "Привет", "100%", "under_score", "Boss@company.example"])
async def test_text_search_ignores_case_and_takes_signs_literally(letters: Letters, words: str) -> None:
    await letters.add("Привет, 100% under_score", to=("boss@company.example",))
    await letters.add("Nothing of the kind 1000 underXscore")
    assert await letters.listed(text=words) == ["Привет, 100% under_score"]


async def test_a_rare_letter_is_found_behind_thousands_of_others(letters: Letters, monkeypatch: Any) -> None:
    monkeypatch.setattr(history, "_FIRST_WINDOW", 2)
    monkeypatch.setattr(history, "MOST_SEARCHED", 14)
    await letters.add("needle 1")
    for n in range(12):
        await letters.add(f"straw {n}")
    await letters.add("needle 2")
    for n in range(9):
        await letters.add(f"straw {n}")
    found, cursor, pages = [], None, 0
    async with letters.services.db.read() as tx:
        while pages == 0 or cursor:
            rows, cursor = await history.list_messages(tx, 1, HistoryFilter(text="needle"), cursor, 5)
            found += [row.subject for row in rows]
            pages += 1
    assert found == ["needle 2", "needle 1"]
    assert pages == 2


async def test_letters_of_one_campaign_are_found_by_page_without_looking_at_others(
    letters: Letters, monkeypatch: Any
) -> None:
    monkeypatch.setattr(history, "_FIRST_WINDOW", 2)
    monkeypatch.setattr(history, "MOST_LOOKED_AT", 12)
    await letters.rows.visit(7, utm_campaign="autumn", city="Leeds")
    await letters.rows.visit(8, utm_campaign="autumn", city="Berlin")
    await letters.rows.visit(9, utm_campaign="spring")
    for n in range(7):
        await letters.add(f"needle {n}", visit_id=7 + n % 2)
        for k in range(4):
            await letters.add(f"straw {n}.{k}", visit_id=9)
    found: dict[str, list[str]] = {}
    for name, wanted in (
        ("all", HistoryFilter(utm_campaign="autumn")),
        ("leeds", HistoryFilter(utm_campaign="autumn", city="Leeds", automatic=False)),
        ("none", HistoryFilter(utm_campaign="summer")),
    ):
        found[name], cursor, pages = [], None, 0
        async with letters.services.db.read() as tx:
            while pages == 0 or cursor:
                rows, cursor = await history.list_messages(tx, 1, wanted, cursor, 3)
                found[name] += [row.subject for row in rows]
                pages += 1
        assert pages == {"all": 3, "leeds": 2, "none": 1}[name]
    needles = [f"needle {n}" for n in reversed(range(7))]
    assert found == {"all": needles, "leeds": needles[::2], "none": []}


@pytest.mark.parametrize("cursor", ["x", "1-2-3", "zz-1", "1-", f"1-{1 << 64:x}", "f" * 40 + "-1"])
async def test_a_cursor_that_is_none_of_ours_is_refused(letters: Letters, cursor: str) -> None:
    async with letters.services.db.read() as tx:
        with pytest.raises(BadInput, match="cursor"):
            await history.list_messages(tx, 1, HistoryFilter(), cursor)


async def test_a_message_tells_everything_that_is_known_of_it(letters: Letters) -> None:
    await letters.rows.visit(7)
    message_id = await letters.add("All", visit_id=7, message_id="a@b", references=["c@d"], defects=["date-missing"])
    async with letters.services.db.write() as tx:
        file = {
            "name": "plan.pdf", "content_type": "application/pdf", "size": 5, "sha256": "0" * 64, "inline": False,
            "content_id": "",
        }  # fmt: skip
        await messages.add_attachments(tx, 1, message_id, [file, {**file, "name": "b.png"}])
    async with letters.services.db.read() as tx:
        detail = await details.get_message(tx, 1, message_id)
    assert (detail.row.visit_id, detail.text, detail.message_id, detail.references) == (7, "A text.", "a@b", ("c@d",))
    assert detail.reasons == ("code: so",)
    assert [(c.visit_id, c.confidence) for c in detail.candidates] == [(7, 0.99)]
    assert [(a.number, a.name) for a in detail.attachments] == [(1, "plan.pdf"), (2, "b.png")]
    assert detail.row.attachments == 2
    assert detail.defects == ("date-missing",)


async def test_a_place_in_a_folder_is_taken_once(letters: Letters) -> None:
    await letters.add("first")
    async with letters.services.db.write() as tx:
        row = (await tx.execute(message.select())).one()._asdict()
        again = await messages.add_message(
            tx, {k: v for k, v in row.items() if k not in messages._UNSORTED} | {"id": letters.services.ids.next()}
        )
    assert not again


async def test_a_letter_that_was_claimed_before_is_claimed_alone(services: Services) -> None:
    now = services.clock.now()
    async with services.db.write() as tx:
        for uid in range(1, 5):
            await tx.execute(
                insert(tx, message).values(
                    **messages._UNSORTED,
                    site_id=1,
                    id=uid,
                    mailbox_id=1,
                    folder_id=1,
                    folder_kind="inbox",
                    uidvalidity=1,
                    uid=uid,
                    sha256="0" * 64,
                    size=1,
                    truncated=False,
                    arrived_at=now,
                    stored_at=now,
                )
            )
        first = await messages.claim_messages(tx, now, now + timedelta(seconds=60), 2)
        assert [(one.id, one.tries) for one in first] == [(1, 1), (2, 1)]
        assert [one.id for one in await messages.claim_messages(tx, now, now + timedelta(seconds=60), 9)] == [3, 4]
        later = now + timedelta(seconds=61)
        again = await messages.claim_messages(tx, later, later + timedelta(seconds=60), 9)
        assert [(one.id, one.tries) for one in again] == [(1, 2)]
        assert not await marks.mark_message(tx, first[0], "sorted", {})
        assert await marks.mark_message(tx, again[0], "sorted", {})
