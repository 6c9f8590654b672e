"""Sorting: letters become rows with match and event, once each, whatever the letters and the process do."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from tests.inbox.letters import Post, letter
from wherefrom.clock import FixedClock
from wherefrom.db import Tx
from wherefrom.events.snapshots import MessageReceived
from wherefrom.inbox import reading, sort
from wherefrom.inbox.batch import LetterBatch
from wherefrom.inbox.reader import Asked, Reader
from wherefrom.inbox.reading import Read
from wherefrom.inbox.sort import Sorting
from wherefrom.inbox.store import messages
from wherefrom.inbox.taker import Attribution, Ready, Taken
from wherefrom.mail.blobs import Blobs
from wherefrom.mail.parse import parse_letter
from wherefrom.services import Services
from wherefrom.webhooks.endpoint import Endpoint, wants

CODE = "sales+k7f3q9x2@company.example"


@pytest_asyncio.fixture
async def post(services: Services) -> Post:
    return await Post.open(services)


async def _visit_with_code(post: Post, visit_id: int = 7, address: str = CODE, **lease: Any) -> int:
    await post.rows.visit(visit_id, utm_source="fb")
    target_id = await post.rows.target("sales@company.example")
    await post.rows.lease(visit_id, target_id, address, **lease)
    return target_id


async def test_a_letter_to_a_code_is_matched_shown_and_told_whole(post: Post, clock: FixedClock) -> None:
    await _visit_with_code(post)
    clock.advance(timedelta(minutes=3))
    detail = await post.receive(letter(CODE, at=clock.now()))
    assert (detail.row.visit_id, detail.row.rule, detail.row.confidence) == (7, "code", 0.99)
    assert (detail.row.to_address, detail.row.from_address, detail.row.status) == (
        CODE,
        "ann@customer.example",
        "sorted",
    )
    (event,) = await post.events(detail.row.id)
    told = event.read_as(MessageReceived)
    assert told.match is not None
    assert told.visit is not None
    assert (told.match.rule, told.match.confidence, told.visit.id, told.visit.utm.source) == ("code", 0.99, "7", "fb")
    assert "shown to visit 7" in told.match.reason
    message = told.message
    assert (message.id, message.email_id, message.to_address) == (str(detail.row.id), "1", CODE)
    assert (message.subject, message.text.strip()) == ("Question", "Hello, how much is it?")
    assert (message.from_address, message.from_name) == ("ann@customer.example", "Ann Lead")
    assert message.first_of_thread
    assert message.recipients == [CODE]


async def test_the_bell_for_events_rings_after_the_commit(post: Post) -> None:
    before = post.services.bell.count("events")
    await post.receive(letter())
    assert post.services.bell.count("events") == before + 1


async def test_a_forged_code_is_told_without_a_visit(post: Post) -> None:
    await _visit_with_code(post)
    detail = await post.receive(letter("sales+zzzz9999@company.example"))
    assert (detail.row.visit_id, detail.row.rule) == (None, "none")
    assert "forged or mistyped" in detail.reasons[0]
    (event,) = await post.events(detail.row.id)
    told = event.read_as(MessageReceived)
    assert (told.match, told.visit) == (None, None)


async def test_the_substitute_is_found_wherever_the_mail_server_wrote_it(post: Post) -> None:
    await _visit_with_code(post)
    raw = b"Delivered-To: owner@company.example\r\nX-Original-To: " + CODE.upper().encode() + b"\r\n"
    detail = await post.receive(raw + letter("undisclosed@list.example"))
    assert (detail.row.visit_id, detail.row.to_address) == (7, CODE)


async def test_a_pool_letter_goes_to_the_holder_at_the_time_of_writing_with_runners_up(
    post: Post, clock: FixedClock
) -> None:
    target_id = await post.rows.target("help@company.example", "pool")
    pool = "help-1@company.example"
    await post.rows.substitute(target_id, pool)
    for visit_id, minutes in ((1, 0), (2, 80)):
        await post.rows.visit(visit_id)
        await post.rows.lease(visit_id, target_id, pool, "pool", at=post.minutes(minutes))
    await post.rows.intent(1, "mailto", pool, at=post.minutes(2))
    clock.advance(timedelta(minutes=81))
    late = await post.receive(letter(pool, at=post.minutes(-76), message_id="<a@x>"))
    assert (late.row.visit_id, late.row.rule, late.row.to_address) == (1, "pool", pool)
    assert late.row.confidence > 0.9
    assert "clicked it" in late.reasons[0]
    now = await post.receive(letter(pool, at=clock.now(), message_id="<b@x>", sender="bob@other.example"))
    assert now.row.visit_id == 2
    assert {one.visit_id for one in now.candidates} == {1, 2}
    assert "the letter of visit 1 had come already" in now.reasons[0]


async def test_an_intent_on_another_address_of_the_page_says_nothing(post: Post, clock: FixedClock) -> None:
    target_id = await post.rows.target("help@company.example", "pool")
    pool = "help-1@company.example"
    await post.rows.substitute(target_id, pool)
    await post.rows.visit(1)
    await post.rows.lease(1, target_id, pool, "pool")
    await post.rows.intent(1, "mailto", "jobs@company.example")
    clock.advance(timedelta(minutes=1))
    detail = await post.receive(letter(pool, at=clock.now()))
    assert "clicked" not in detail.reasons[0]
    await post.rows.intent(1, "mailto", "help@company.example")
    again = await post.receive(letter(pool, at=clock.now(), message_id="<2@x>", sender="b@b.example"))
    assert "clicked" in again.reasons[0]


async def test_a_reply_follows_its_thread_and_is_not_the_first(post: Post) -> None:
    await _visit_with_code(post)
    await post.receive(letter(CODE, message_id="<first@x>"))
    reply = letter("sales@company.example", message_id="<second@x>", sender="new@x.example", In_Reply_To="<first@x>")
    detail = await post.receive(reply)
    assert (detail.row.visit_id, detail.row.rule, detail.row.first_of_thread) == (7, "thread", False)
    third = letter(message_id="<third@x>", sender="c@x.example", References="<first@x> <unknown@x> <second@x>")
    assert (await post.receive(third)).row.rule == "thread"


async def test_a_reply_to_a_letter_that_is_not_here_begins_a_thread(post: Post) -> None:
    detail = await post.receive(letter(In_Reply_To="<elsewhere@x>", Subject_="x"))
    assert detail.row.first_of_thread


async def test_a_known_sender_is_recognised_when_writing_to_the_bare_address(post: Post, clock: FixedClock) -> None:
    await _visit_with_code(post)
    await post.receive(letter(CODE))
    clock.advance(timedelta(days=3))
    detail = await post.receive(letter("sales@company.example", message_id="<2@x>", sender="ANN@customer.example"))
    assert (detail.row.visit_id, detail.row.rule) == (7, "sender")
    assert 0.6 < detail.row.confidence < 0.8


@pytest.mark.parametrize("sender", ["noreply@customer.example", "owner@company.example", "sales@company.example"])
async def test_machines_and_own_addresses_are_never_recognised_as_senders(post: Post, sender: str) -> None:
    await _visit_with_code(post)
    await post.receive(letter(CODE, sender=sender))
    detail = await post.receive(letter("sales@company.example", message_id="<2@x>", sender=sender))
    assert detail.row.rule == "none"
    assert detail.reasons[-1].startswith("sender: ")


async def test_the_person_behind_a_contact_form_is_recognised_by_reply_to(post: Post) -> None:
    await _visit_with_code(post)
    await post.receive(letter(CODE, sender="ann@customer.example"))
    form = letter(sender="noreply@company.example", message_id="<2@x>", Reply_To="Ann <ann@customer.example>")
    assert (await post.receive(form)).row.rule == "sender"


async def test_another_sites_codes_and_threads_match_nothing_here(post: Post) -> None:
    theirs = post.rows.__class__(post.services, site_id=2)
    await theirs.visit(9)
    await theirs.lease(9, await theirs.target("sales@company.example"), CODE)
    await post.rows.target("sales@company.example")
    assert (await post.receive(letter(CODE))).row.rule == "none"


async def test_a_visit_that_was_erased_leaves_the_letter_without_one(post: Post) -> None:
    target_id = await post.rows.target("sales@company.example")
    await post.rows.lease(7, target_id, CODE)
    detail = await post.receive(letter(CODE))
    assert (detail.row.visit_id, detail.row.rule) == (None, "none")
    assert "no longer kept" in detail.reasons[0]


async def test_the_same_bytes_in_two_folders_are_one_letter_and_one_event(post: Post) -> None:
    raw = letter(CODE)
    first, second = await post.store(raw), await post.store(raw, folder_kind="junk")
    await post.sort()
    assert (await post.status(second))[0] == "duplicate"
    assert (await post.detail(second)).duplicate_of == first
    assert len(await post.events(first)) == 1
    assert await post.events(second) == []


async def test_a_letter_delivered_to_two_mailboxes_is_one_letter(post: Post) -> None:
    raw = letter("sales@company.example, help@company.example")
    first = await post.store(b"Delivered-To: sales@company.example\r\n" + raw)
    second = await post.store(b"Delivered-To: help@company.example\r\n" + raw)
    await post.sort()
    assert [(await post.status(one))[0] for one in (first, second)] == ["sorted", "duplicate"]


async def test_two_letters_that_share_a_message_id_are_two(post: Post) -> None:
    first, second = await post.store(letter(text="One.")), await post.store(letter(text="Two."))
    await post.sort()
    assert [(await post.status(one))[0] for one in (first, second)] == ["sorted", "sorted"]


async def test_letters_without_message_id_are_told_apart_by_their_bytes(post: Post) -> None:
    ids = [await post.store(letter(message_id=None, text=text)) for text in ("One.", "Two.", "One.")]
    await post.sort()
    assert [(await post.status(one))[0] for one in ids] == ["sorted", "sorted", "duplicate"]


async def test_a_letter_moved_out_of_junk_is_told_to_those_alone_who_do_not_want_junk(post: Post) -> None:
    first = await post.receive(letter(), folder_kind="junk")
    for folder_kind in ("inbox", "junk", "inbox"):
        await post.receive(letter(), folder_kind=folder_kind)
    moved = await post.detail(first.row.id)
    assert (moved.row.folder_kind, moved.row.status_reason) == ("inbox", "it was in Junk first")
    told = [event.read_as(MessageReceived) for event in await post.events(first.row.id)]
    assert [(one.message.folder_kind, one.message.moved_from_junk) for one in told] == [
        ("junk", False),
        ("inbox", True),
    ]
    for wants_junk, count in ((False, 1), (True, 1)):
        endpoint = _endpoint(junk=wants_junk)
        assert len([one for one in told if wants(endpoint, one)]) == count


def _endpoint(*, junk: bool) -> Endpoint:
    return Endpoint(
        site_id=1, id=1, url="http://crm.example", format="standard", which="all", automatic=True, junk=junk,
        attachments="objects", deal_path="", status="enabled", status_reason="", failing_since=None,
        created_at=FixedClock().now(),
    )  # fmt: skip


ODD_LETTERS: dict[str, bytes] = {
    "unknown charset": b"From: a@b.example\r\nTo: x@y.example\r\nSubject: s\r\n"
    b"Content-Type: text/plain; charset=klingon-7\r\n\r\nbytes \xff\xfe\r\n",
    "no message id": b"From: a@b.example\r\nTo: x@y.example\r\nSubject: s\r\n\r\ntext\r\n",
    "no date, no sender, no receiver": b"Subject: only this\r\n\r\ntext\r\n",
    "broken mime": b"From: a@b.example\r\nContent-Type: multipart/mixed; boundary=zz\r\n\r\n--zz\r\nContent-Type: text"
    b"/plain\r\n\r\nthe text\r\n--zz\r\nContent-Type: application/pdf; name=f.pdf\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n!!!not base64",
    "nul and surrogates": b"From: a@b.example\r\nSubject: nul\x00 =?utf-8?b?7aCA?=\r\n\r\nte\x00xt \xed\xa0\x80\r\n",
    "bracketed message id": b"Message-ID: <[abc]>\r\nFrom: a@b.example\r\n\r\ntext\r\n",
    "absurd date": b"Date: Thu, 32 Foo 9999 99:99:99 +9999\r\nFrom: a@b.example\r\n\r\ntext\r\n",
    "broken sender": b"From: <<>@@>\r\nTo: ;,,<>\r\n\r\ntext\r\n",
    "endless references": b"From: a@b.example\r\nReferences: " + b"<r@x> " * 5000 + b"\r\n\r\ntext\r\n",
}


@pytest.mark.parametrize("name", ODD_LETTERS)
async def test_an_odd_letter_ends_as_a_row_of_the_history_and_as_an_event(post: Post, name: str) -> None:
    detail = await post.receive(ODD_LETTERS[name])
    assert detail.row.status == "sorted"
    assert len(await post.events(detail.row.id)) == 1


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"\x00\x01\x02 no header at all"])
async def test_bytes_that_are_no_letter_are_kept_as_unreadable_and_sorting_goes_on(post: Post, raw: bytes) -> None:
    bad, good = await post.store(raw), await post.store(letter())
    await post.sort()
    status, reason = await post.status(bad)
    assert status == "unreadable"
    assert reason
    assert (await post.status(good))[0] == "sorted"
    assert await post.events(bad) == []


async def test_a_fault_of_the_parser_makes_the_letter_unreadable_with_its_reason(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = parse_letter

    def fragile(raw: bytes) -> Any:
        if b"poison" in raw:
            raise RecursionError("too deep")
        return real(raw)

    monkeypatch.setattr(reading, "parse_letter", fragile)
    bad, good = await post.store(letter(text="poison")), await post.store(letter(message_id="<2@x>"))
    await post.sort()
    assert await post.status(bad) == ("unreadable", "the parser failed: RecursionError: too deep")
    assert (await post.status(good))[0] == "sorted"


async def test_a_process_killed_before_the_write_leaves_one_match_and_one_event_in_the_end(
    post: Post, clock: FixedClock
) -> None:
    await _visit_with_code(post)
    message_id = await post.store(letter(CODE))
    async with post.services.db.write() as tx:  # the process that dies here has claimed the letter
        await messages.claim_messages(tx, clock.now(), clock.now() + sort.CLAIM, 10)
    await post.sort()
    assert (await post.status(message_id))[0] == "stored"
    clock.advance(sort.CLAIM + timedelta(seconds=1))
    await post.sort()
    await post.sort()
    assert (await post.detail(message_id)).row.visit_id == 7
    assert len(await post.events(message_id)) == 1


class SlowReader(Reader):
    """Does something else before it reads."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    async def read(self, blobs: Blobs, asked: Asked, *, apart: bool = False) -> list[Read]:
        await self._meanwhile()
        return await super().read(blobs, asked, apart=apart)


def slow(post: Post, meanwhile: Callable[[], Awaitable[None]]) -> Sorting:
    """A worker that others overtake."""
    return Sorting(post.services, (Attribution(),), SlowReader(meanwhile))


async def test_a_worker_whose_claim_ran_out_writes_nothing(post: Post, clock: FixedClock) -> None:
    message_id = await post.store(letter())
    overtaken = []

    async def overtake() -> None:
        clock.advance(sort.CLAIM + timedelta(seconds=1))
        overtaken.append(await Sorting(post.services, (Attribution(),)).step())

    await slow(post, overtake).step()
    assert overtaken == [True]
    assert len(await post.events(message_id)) == 1
    assert (await post.status(message_id))[0] == "sorted"


async def test_letters_behind_a_slow_one_keep_their_claim(
    post: Post, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sort, "_GROUP", 1)
    ids = [await post.store(letter(text=str(number), message_id=f"<{number}@x>")) for number in range(4)]

    async def dawdle() -> None:
        clock.advance(sort.CLAIM * 0.9)
        await Sorting(post.services, (Attribution(),)).step()

    await slow(post, dawdle).step()
    await post.sort()
    assert [(await post.status(one))[0] for one in ids] == ["sorted"] * 4
    assert [len(await post.events(one)) for one in ids] == [1] * 4


async def test_of_letters_sorted_together_a_later_one_sees_the_earlier(post: Post) -> None:
    await _visit_with_code(post)
    first = await post.store(letter(CODE, message_id="<first@x>"))
    reply = await post.store(
        letter("sales@company.example", message_id="<second@x>", sender="new@x.example", In_Reply_To="<first@x>")
    )
    copy = await post.store(letter(CODE, message_id="<first@x>"))
    assert await Sorting(post.services, (Attribution(),)).step()
    assert ((await post.detail(reply)).row.visit_id, (await post.detail(reply)).row.rule) == (7, "thread")
    assert (await post.detail(copy)).duplicate_of == first


async def test_many_letters_are_read_apart_in_groups_and_still_sorted_in_their_order(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sort, "_GROUP", 20)
    await _visit_with_code(post)
    ids = [await post.store(letter(CODE, message_id="<0@x>"))]
    for number in range(1, 45):  # each answers the one before it, also over the border of two groups
        answer = letter("sales@company.example", message_id=f"<{number}@x>", In_Reply_To=f"<{number - 1}@x>")
        ids.append(await post.store(answer))
    sorting = Sorting(post.services, (Attribution(),))
    try:
        assert await sorting.step()
        assert sorting.reader._process is not None
    finally:
        sorting.reader.close()
    rows = [(await post.detail(one)).row for one in ids]
    assert [(row.visit_id, row.rule) for row in rows] == [(7, "code")] + [(7, "thread")] * 44
    assert not await sorting.step()


async def test_one_that_fails_among_letters_sorted_together_takes_nothing_from_the_others(
    post: Post, clock: FixedClock
) -> None:
    ids = [await post.store(letter(text=str(number), message_id=f"<{number}@x>")) for number in range(5)]

    class Picky(Attribution):
        async def take(self, services: Services, tx: Tx, one: Ready, batch: LetterBatch) -> Taken:
            taken = await super().take(services, tx, one, batch)

            async def write(tx: Tx) -> None:
                await taken.write(tx)
                if one.stored.id == ids[2]:
                    raise ArithmeticError("not this one")

            return replace(taken, write=write)

    await Sorting(post.services, (Picky(),)).step()
    statuses = [(await post.status(one))[0] for one in ids]
    assert statuses == ["sorted", "sorted", "stored", "sorted", "sorted"]
    assert await post.events(ids[2]) == []
    clock.advance(sort.CLAIM + timedelta(seconds=1))
    await post.sort()
    assert (await post.status(ids[2]))[0] == "sorted"


async def claim_and_die(post: Post, clock: FixedClock) -> int:
    """A process takes what is first and is killed; the letter."""
    async with post.services.db.write() as tx:
        claimed = await messages.claim_messages(tx, clock.now(), clock.now() + sort.CLAIM, 10)
    clock.advance(sort.CLAIM + timedelta(seconds=1))
    return claimed[0].id


async def test_a_letter_is_not_to_blame_for_the_service_being_killed(post: Post, clock: FixedClock) -> None:
    unlucky = await post.store(letter(text="unlucky"))
    for _ in range(messages.MOST_DEATHS - 1):
        assert await claim_and_die(post, clock) == unlucky
    await post.sort()
    assert (await post.status(unlucky))[0] == "sorted"


async def test_a_letter_that_always_kills_the_service_is_given_up_in_the_end(post: Post, clock: FixedClock) -> None:
    poison, other = await post.store(letter(text="poison")), await post.store(letter(message_id="<2@x>"))
    for _ in range(messages.MOST_DEATHS):
        assert await claim_and_die(post, clock) == poison
    await post.sort()
    assert await post.status(poison) == ("unreadable", "sorting it failed 20 times")
    assert (await post.status(other))[0] == "sorted"


class _Failing:
    name = "failing"

    def __init__(self, times: int) -> None:
        self.times = times

    async def take(self, services: Services, tx: Tx, one: Ready, batch: LetterBatch) -> Taken | None:
        if self.times:
            self.times -= 1
            raise ConnectionError("the database is away")
        return None


async def test_a_fault_that_passes_is_waited_for(post: Post, clock: FixedClock) -> None:
    message_id = await post.store(letter())
    failing = _Failing(2)
    for _ in range(2):
        await post.sort(failing)
        assert await post.status(message_id) == ("stored", "ConnectionError: the database is away")
        clock.advance(sort.CLAIM + timedelta(seconds=1))
    await post.sort(failing)
    assert await post.status(message_id) == ("sorted", "")
    assert len(await post.events(message_id)) == 1


async def test_a_fault_that_stays_ends_in_words(post: Post, clock: FixedClock) -> None:
    message_id = await post.store(letter())
    failing = _Failing(9)
    for _ in range(4):
        await post.sort(failing)
        clock.advance(sort.CLAIM + timedelta(seconds=1))
    assert await post.status(message_id) == (
        "unreadable",
        "sorting it failed 3 times, last: ConnectionError: the database is away",
    )


async def test_a_blob_that_is_missing_is_told_and_holds_up_nobody(post: Post, clock: FixedClock) -> None:
    gone, good = await post.store(letter(text="gone")), await post.store(letter(message_id="<2@x>"))
    await post.services.blobs.delete((await post.detail(gone)).sha256)
    for _ in range(4):
        await post.sort()
        clock.advance(sort.CLAIM + timedelta(seconds=1))
    assert "NotFound" in (await post.status(gone))[1]
    assert (await post.status(good))[0] == "sorted"


async def test_what_another_taker_takes_is_neither_shown_nor_told(post: Post) -> None:
    written = []

    class Reports:
        name = "reports"

        async def take(self, services: Services, tx: Tx, one: Ready, batch: LetterBatch) -> Taken | None:
            if "bounce" not in one.letter.subject:
                return None

            async def write(tx: Tx) -> None:
                written.append(one.stored.id)

            return Taken(write, status="taken", reason="a delivery report")

    report, lead = await post.store(letter(subject="bounce")), await post.store(letter(message_id="<2@x>"))
    await post.sort(Reports())
    assert written == [report]
    assert await post.status(report) == ("taken", "a delivery report")
    assert await post.events(report) == []
    assert (await post.status(lead))[0] == "sorted"


async def test_a_write_that_fails_halfway_leaves_nothing_of_it(post: Post, clock: FixedClock) -> None:
    message_id = await post.store(letter(CODE))

    class Broken(Attribution):
        async def take(self, services: Services, tx: Tx, one: Ready, batch: LetterBatch) -> Taken:
            taken = await super().take(services, tx, one, batch)

            async def write(tx: Tx) -> None:
                await taken.write(tx)
                raise ConnectionError("lost in the middle")

            return Taken(write)

    await Sorting(post.services, (Broken(),)).step()
    assert await post.events(message_id) == []
    clock.advance(sort.CLAIM + timedelta(seconds=1))
    await post.sort()
    assert len(await post.events(message_id)) == 1
    assert (await post.detail(message_id)).row.rule == "none"
