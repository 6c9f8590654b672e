"""Watching servers whose numbers cannot be relied upon, and old mail behind them: each letter stored once."""

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.inbox.letters import letter
from tests.inbox.odd_mailbox import OddMailbox
from tests.inbox.watching import Watching, until, watching_odd
from tests.mail.scripted import Talk
from wherefrom.events.tables import event
from wherefrom.inbox import pace, position, watcher
from wherefrom.inbox.mailbox import ChangeMailbox, change_mailbox
from wherefrom.inbox.store.old_letters import forget_letters
from wherefrom.services import Services


def numbered(number: int) -> bytes:
    return letter(subject=f"Letter {number}", message_id=f"<{number}@customer.example>")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other without the usual seconds between them."""
    monkeypatch.setattr(pace, "LONGEST", 0.05)


@pytest.mark.parametrize("uidvalidity", [None, 0])
async def test_a_server_without_uidvalidity_and_uidnext_is_read_all_the_same(
    services: Services, uidvalidity: int | None
) -> None:
    odd = OddMailbox({5: numbered(1)}, uidvalidity=uidvalidity, uidnext=0)
    async with watching_odd(services, odd) as box:
        box.start()
        await box.stored(1)
        odd.add(6, numbered(2))
        await box.stored(2)
        await box.stop()
        box.start()
        odd.add(7, numbered(3))
        await box.stored(3)
        assert await box.sort() == ["Letter 1", "Letter 2", "Letter 3"]
        assert {row.uidvalidity for row in await box.rows()} == {0}


async def test_a_folder_that_is_empty_and_tells_no_uidnext_gives_its_first_letter(services: Services) -> None:
    odd = OddMailbox({}, uidnext=0)
    async with watching_odd(services, odd) as box:
        box.start()
        await box.status("ok")
        odd.add(1, numbered(1))
        await box.stored(1)


async def test_numbers_that_begin_anew_under_the_same_uidvalidity_lose_no_letter(services: Services) -> None:
    odd = OddMailbox({1: numbered(1), 2: numbered(2), 3: numbered(3)}, idle="none")
    async with watching_odd(services, odd) as box:
        box.start()
        await box.stored(3)
        await box.stop()
        odd.letters = {1: numbered(3), 2: numbered(4)}
        box.start()
        await box.stored(4)
        await box.looked()
        assert await box.sort() == ["Letter 1", "Letter 2", "Letter 3", "Letter 4"]


@pytest.mark.parametrize("uidnext", [1, 4, 900])
async def test_a_uidnext_that_never_moves_costs_no_letter(services: Services, uidnext: int) -> None:
    odd = OddMailbox({1: numbered(1), 2: numbered(2)}, uidnext=uidnext, idle="none")
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()
        await box.stored(2)
        for uid in (3, 4):
            odd.add(uid if uidnext < 900 else uid + 900, numbered(uid))
            await box.stored(uid)
        await box.looked()
        assert await box.sort() == ["Letter 1", "Letter 2", "Letter 3", "Letter 4"]


@dataclass
class Lively(OddMailbox):
    """A letter comes while the folder is looked into for the first time: as soon as the last UID is asked for."""

    def say_uid_search(self, talk: Talk, tag: str, command: str) -> str:
        if "UID *" in command:
            self.letters.setdefault(3, numbered(3))
        return super().say_uid_search(talk, tag, command)


@pytest.mark.parametrize("uidnext", [1, 4, 900])
async def test_a_letter_that_comes_during_the_first_look_is_not_passed_over(services: Services, uidnext: int) -> None:
    odd = Lively({1: numbered(1), 2: numbered(2)}, uidnext=uidnext, idle="none")
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()
        await box.stored(3)


async def test_a_uidnext_that_is_too_low_makes_no_news_of_old_letters(services: Services) -> None:
    old = datetime.now(UTC) - timedelta(days=2)
    odd = OddMailbox(
        {uid: numbered(uid) for uid in (1, 2, 3)}, uidnext=1, idle="none", arrived={1: old, 2: old, 3: old}
    )
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()
        await box.looked()
        odd.add(4, numbered(4))
        await box.stored(1)
        await box.looked()
        await box.looked()
        assert await box.sort() == ["Letter 4"]


@pytest.mark.parametrize("numbers", [(None, 7), (0, 8), (8, 9, 8)])
async def test_a_uidvalidity_that_changes_again_and_again_announces_nothing_twice(
    services: Services, numbers: tuple[int | None, ...]
) -> None:
    odd = OddMailbox({4: numbered(1), 6: numbered(2)}, idle="none")
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()
        await box.stored(2)
        for count, number in enumerate(numbers, start=3):
            odd.uidvalidity = number
            await box.looked()
            odd.add(10 + count, numbered(count))
            await box.stored(count)
        await box.looked()
        assert await box.sort() == [f"Letter {one}" for one in range(1, 3 + len(numbers))]
        assert len(await box.rows()) == 2 + len(numbers)


async def test_a_letter_that_shows_up_below_the_last_one_is_found_by_the_full_check(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = OddMailbox({1: numbered(1)}, idle="none", hidden={3}, modseq=5)
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()
        await box.stored(1)
        odd.letters |= {2: numbered(2), 3: numbered(3), 4: numbered(4)}
        await box.stored(3)
        odd.hidden.clear()
        monkeypatch.setattr(position, "COUNT_EVERY", timedelta(0))  # not before: a UID is looked at twice, and no more
        await box.stored(4)
        await box.looked()
        assert [row.uid for row in await box.rows()] == [1, 2, 4, 3]
        fetched = len(odd.bodies_asked())
        for _ in range(3):
            await box.looked()
        assert len(odd.bodies_asked()) == fetched, "nothing is fetched again"
        assert await box.sort() == ["Letter 1", "Letter 2", "Letter 4", "Letter 3"]


async def test_a_letter_that_was_erased_is_not_taken_for_missing_by_the_full_check(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = OddMailbox({1: numbered(1)}, idle="none", hidden={4})
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()
        await box.stored(1)
        odd.letters |= {2: numbered(2), 3: numbered(3), 4: numbered(4), 5: numbered(5)}
        await box.stored(4)
        await box.sort()
        async with services.db.write() as tx:
            gone = [row.id for row in await box.rows() if row.uid in (2, 3)]
            await tx.execute(update(event).where(event.c.subject_id.in_(gone)).values(fanned_at=services.clock.now()))
            assert (await forget_letters(tx, 1, gone))[0] == 2
        odd.hidden.clear()
        monkeypatch.setattr(position, "COUNT_EVERY", timedelta(0))  # not before: a UID is looked at twice, and no more
        await box.looked()
        await box.stored(3)
        for _ in range(2):
            await box.looked()
        assert [row.uid for row in await box.rows()] == [1, 5, 4]


async def test_old_letters_below_the_beginning_are_not_taken_for_missing(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(position, "COUNT_EVERY", timedelta(0))
    old = datetime.now(UTC) - timedelta(days=40)
    odd = OddMailbox({uid: numbered(uid) for uid in (1, 2, 3)}, idle="none", arrived={1: old, 2: old})
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()
        for _ in range(3):
            await box.looked()
        assert [row.uid for row in await box.rows()] == [3]


async def test_a_server_with_condstore_is_asked_nothing_while_nothing_changes(services: Services) -> None:
    odd = OddMailbox({1: numbered(1)}, idle="none", modseq=5)
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()
        await box.stored(1)
        await box.looked()
        before = len(odd.asked)
        for _ in range(3):
            await box.looked()
        assert {one.split()[0] for one in odd.asked[before:]} == {"EXAMINE"}


async def test_a_modseq_raised_before_its_letter_is_there_hides_nothing(services: Services) -> None:
    """As Gmail does: the number is higher already, the letter comes later, and the number stays."""
    odd = OddMailbox({1: numbered(1)}, idle="none", modseq=5)
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()
        await box.stored(1)
        odd.modseq = 6
        await box.looked()
        await box.looked()
        odd.add(2, numbered(2))
        await box.stored(2)
        assert await box.sort() == ["Letter 1", "Letter 2"]


async def test_a_uidnext_that_grows_without_letters_makes_no_busy_loop(services: Services) -> None:
    odd = OddMailbox({1: numbered(1)}, uidnext=100, idle="none")
    async with watching_odd(services, odd) as box:
        box.start()
        await box.stored(1)
        for uidnext in (200, 300, 400):
            odd.uidnext = uidnext
            await box.looked()
        assert len([one for one in odd.asked if "SEARCH" in one]) < 12
        odd.add(401, numbered(2))
        await box.stored(2)


async def test_a_letter_that_breaks_the_connection_is_passed_over_with_a_row_that_says_so(
    services: Services, quick: None
) -> None:
    odd = OddMailbox({1: numbered(1), 2: numbered(2), 3: numbered(3)}, poison={2})
    async with watching_odd(services, odd) as box:
        box.start()
        rows = await box.stored(3)
        assert [(row.uid, row.status) for row in rows] == [(1, "stored"), (2, "unreadable"), (3, "stored")]
        assert "broke each time" in rows[1].status_reason
        assert await box.sort() == ["Letter 1", "", "Letter 3"]


async def test_a_connection_that_breaks_now_and_then_costs_no_letter(services: Services, quick: None) -> None:
    odd = OddMailbox({1: numbered(1)}, poison={1})
    async with watching_odd(services, odd) as box:
        box.start()

        async def tried() -> bool:
            return len(odd.logins) >= 3

        await until(tried, "third try")
        odd.poison.clear()
        (row,) = await box.stored(1)
        assert row.status == "stored"


async def test_a_server_that_drops_idle_again_and_again_is_polled(services: Services, quick: None) -> None:
    odd = OddMailbox({}, idle="drop")
    async with watching_odd(services, odd) as box:
        box.start()

        async def polled() -> bool:
            return "every 1 s" in (await box.mailbox()).status_detail

        await until(polled, "polling")
        odd.add(1, numbered(1))
        await box.stored(1)
        assert len(odd.logins) == 4


async def test_a_server_that_dropped_idle_is_given_another_chance_later(
    services: Services, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = OddMailbox({}, idle="drop")
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()

        async def told(words: str) -> bool:
            return words in (await box.mailbox()).status_detail

        await until(lambda: told("every 0.2 s"), "polling")
        odd.idle = "works"
        monkeypatch.setattr(watcher, "_IDLE_AGAIN", 0.0)
        await until(lambda: told("at once (IDLE)"), "IDLE")
        odd.add(1, numbered(1))
        await box.stored(1)


async def test_signs_of_life_are_given_through_one_long_idle(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "_TELL_EVERY", 0.05)
    odd = OddMailbox({1: numbered(1)})
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()
        seen = {(await box.status("ok")).checked_at}

        async def alive() -> bool:
            seen.add((await box.mailbox()).checked_at)
            return len(seen) >= 5

        await until(alive, "signs of life")
        assert odd.asked.count("IDLE") == 1


async def test_a_letter_that_comes_while_others_are_fetched_is_found_at_the_next_look(services: Services) -> None:
    """The state that is kept is the one before the fetch: afterwards UIDNEXT, EXISTS and MODSEQ count the new one."""

    class Busy(OddMailbox):
        def say_uid_fetch(self, talk: Talk, tag: str, command: str) -> str:
            if "BODY" in command and 2 not in self.letters:
                self.letters[2] = numbered(2)
                self.modseq = 6
            return super().say_uid_fetch(talk, tag, command)

    odd = Busy({1: numbered(1)}, idle="none", modseq=5)
    async with watching_odd(services, odd, poll_seconds=0.2) as box:
        box.start()
        await box.stored(2)
        assert await box.sort() == ["Letter 1", "Letter 2"]


async def test_a_throttled_login_waits_as_long_as_it_was_told(services: Services) -> None:
    odd = OddMailbox({}, refusals=[b"[THROTTLED] too many connections, wait 2 seconds"])
    async with watching_odd(services, odd) as box:
        box.start()
        assert "wait 2 seconds" in (await box.status("failed")).status_detail
        await box.status("ok")
        first, second = odd.logins
        assert 2 <= second - first < 4


async def test_a_wrong_password_is_not_tried_again_until_the_mailbox_is_edited(services: Services) -> None:
    odd = OddMailbox({}, refusals=[b"[AUTHENTICATIONFAILED] no"] * 9)
    async with watching_odd(services, odd) as box:
        box.start()
        await box.status("login_failed")
        await _look_overs(box, 5)
        assert len(odd.logins) == 1
        odd.refusals.clear()
        await change_mailbox(box.services, 1, box.mailbox_id, ChangeMailbox(password="secret"))
        await box.status("ok")
        assert len(odd.logins) == 2


async def test_stopping_during_a_login_that_never_answers_is_quick(services: Services) -> None:
    over = threading.Event()

    class Deaf(OddMailbox):
        def say_login(self, talk: object, tag: str, command: str) -> str:
            self.logins.append(time.monotonic())
            over.wait(120)
            return ""

    odd = Deaf({})
    async with watching_odd(services, odd, socket_timeout_seconds=60) as box:
        box.start()

        async def trying() -> bool:
            return bool(odd.logins)

        await until(trying, "login")
        begun = time.monotonic()
        await box.stop()
        assert time.monotonic() - begun < 30
        over.set()


async def _look_overs(box: Watching, count: int) -> None:
    """Waits until the claim was renewed so many times: what would try again had its chances."""
    for _ in range(count):
        before = (await box.mailbox()).watched_until

        async def renewed(before: object = before) -> bool:
            return (await box.mailbox()).watched_until != before

        await until(renewed, "renewal")
