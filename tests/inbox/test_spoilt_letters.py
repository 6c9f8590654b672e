"""Whatever a server does while letters are fetched: each ends up stored once, and none holds up the others.

On SQLite: what is odd here is the server. Where the database decides, both engines are in ``test_odd_mailboxes``.
"""

import pytest

from tests.inbox.letters import letter
from tests.inbox.odd_mailbox import OddMailbox
from tests.inbox.watching import Watching, until, watching_odd
from wherefrom.inbox import pace
from wherefrom.services import Services

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

QUICK = {"socket_timeout_seconds": 0.3, "poll_seconds": 0.3, "idle_renew_seconds": 0.3}
UIDS = (3, 5, 6, 9)


def numbered(number: int) -> bytes:
    return letter(subject=f"Letter {number}", message_id=f"<{number}@customer.example>")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other without the usual seconds between them."""
    monkeypatch.setattr(pace, "LONGEST", 0.02)
    monkeypatch.setattr(pace, "BUSY_FIRST", 0.02)
    monkeypatch.setattr(pace, "BUSY", 0.02)


async def told_once(box: Watching, odd: OddMailbox, *uids: int) -> None:
    """Each of these letters is here whole, once, and in the history."""
    await box.stored(len(uids))
    await box.looked()
    rows = await box.rows()
    assert sorted(row.uid for row in rows) == sorted(uids)
    for row in rows:
        assert await box.services.blobs.get(row.sha256) == odd.letters[row.uid]
    assert sorted(await box.sort()) == [f"Letter {uid}" for uid in sorted(uids)]


@pytest.mark.parametrize(
    ("fault", "strikes"),
    [
        ("close", 1), ("close", 4), ("reset", 1), ("reset", 4), ("bye", 2), ("stall", 1), ("short", 1), ("long", 1),
        ("huge", 2), ("refuse", 1), ("nil", 1), ("skip", 1), ("throttle", 1), ("busy", 2),
    ],
)  # fmt: skip
async def test_a_letter_that_was_spoilt_for_a_while_comes_whole(services: Services, fault: str, strikes: int) -> None:
    odd = OddMailbox({uid: numbered(uid) for uid in UIDS}, spoilt={5: fault}, strikes=strikes)
    async with watching_odd(services, odd, **QUICK) as box:
        box.start()
        await told_once(box, odd, *UIDS)


@pytest.mark.parametrize("fault", ["close", "reset", "bye", "stall", "short", "long", "huge", "refuse", "nil", "skip"])
async def test_a_letter_that_is_always_spoilt_leaves_a_row_that_says_so_and_the_others_come(
    services: Services, fault: str
) -> None:
    odd = OddMailbox({uid: numbered(uid) for uid in UIDS}, spoilt={5: fault})
    async with watching_odd(services, odd, **QUICK) as box:
        box.start()
        await box.stored(len(UIDS))
        odd.add(12, numbered(12))
        rows = await box.stored(len(UIDS) + 1)
        assert sorted(row.uid for row in rows) == [*UIDS, 12]
        (bad,) = [row for row in rows if row.uid == 5]
        assert bad.truncated
        if bad.status == "unreadable":
            assert len(bad.status_reason) > 30
        else:
            assert (await box.services.blobs.get(bad.sha256)).startswith(b"From:"), "at least its header"
        told = await box.sort()
        assert [one for one in told if one not in ("", "Letter 5")] == ["Letter 3", "Letter 6", "Letter 9", "Letter 12"]


async def test_one_letter_a_server_is_always_too_busy_for_does_not_hold_up_the_others(services: Services) -> None:
    odd = OddMailbox({uid: numbered(uid) for uid in UIDS}, spoilt={5: "busy"})
    async with watching_odd(services, odd, **QUICK) as box:
        box.start()
        rows = await box.stored(len(UIDS))
        assert [row.status for row in rows if row.uid == 5] == ["unreadable"]
        assert "too busy" in next(row.status_reason for row in rows if row.uid == 5)
        assert sorted(await box.sort()) == ["", "Letter 3", "Letter 6", "Letter 9"]


async def test_no_letter_is_passed_over_while_the_server_is_too_busy_for_all(services: Services) -> None:
    odd = OddMailbox({uid: numbered(uid) for uid in UIDS}, spoilt=dict.fromkeys(UIDS, "busy"), strikes=20)
    async with watching_odd(services, odd, **QUICK) as box:
        box.start()
        await told_once(box, odd, *UIDS)


async def test_a_letter_that_breaks_the_inbox_is_found_though_other_folders_can_be_read(services: Services) -> None:
    """A look into another folder that went well must not wipe out what was learnt about this one."""
    odd = OddMailbox({uid: numbered(uid) for uid in UIDS}, others={"Junk": {}}, poison={5})
    async with watching_odd(services, odd, folders=("INBOX", "\\Junk"), **QUICK) as box:
        box.start()
        rows = await box.stored(len(UIDS))
        assert [row.status for row in rows] == ["stored", "unreadable", "stored", "stored"]


async def test_a_letter_that_breaks_the_first_look_after_new_numbers_is_passed_over(services: Services) -> None:
    odd = OddMailbox({uid: numbered(uid) for uid in (8, 9)})
    async with watching_odd(services, odd, **QUICK) as box:
        box.start()
        await box.stored(2)
        await box.stop()
        odd.uidvalidity, odd.letters, odd.poison = 8, {1: numbered(8), 2: numbered(10), 3: numbered(11)}, {1}
        box.start()
        rows = await box.stored(5)
        assert [(row.uidvalidity, row.uid, row.status) for row in rows[2:]] == [
            (8, 1, "unreadable"), (8, 2, "stored"), (8, 3, "stored"),
        ]  # fmt: skip


@pytest.mark.parametrize("size", [0, 1, 300_000_000])
async def test_a_size_that_is_a_lie_costs_no_letter(services: Services, size: int) -> None:
    odd = OddMailbox({uid: numbered(uid) for uid in UIDS}, sizes={5: size})
    async with watching_odd(services, odd, **QUICK) as box:
        box.start()
        rows = await box.stored(len(UIDS))
        assert [row.uid for row in rows] == list(UIDS)
        assert sorted(await box.sort()) == ["Letter 3", "Letter 5", "Letter 6", "Letter 9"]


async def test_what_other_programs_do_meanwhile_is_no_part_of_a_letter(services: Services) -> None:
    """FETCH, EXISTS, RECENT and more in the middle of every answer; one has the number of a letter that is asked for,
    another its UID."""
    letters = {uid: numbered(uid) for uid in (1, 2, 3, 4)}
    odd = OddMailbox(dict(letters), noise=True)
    async with watching_odd(services, odd, **QUICK) as box:
        box.start()
        await told_once(box, odd, 1, 2, 3, 4)


async def test_structure_and_envelope_are_never_asked_for_so_they_cannot_lie(services: Services) -> None:
    """Yandex, Yahoo and Exchange tell wrong ones; RFC822 is empty at iCloud, UNSEEN misses what a person has read, and
    Exchange ends its answer to STATUS with a space."""
    odd = OddMailbox({uid: numbered(uid) for uid in UIDS}, spoilt={5: "nil"})
    async with watching_odd(services, odd, **QUICK) as box:
        box.start()
        await box.stored(len(UIDS))
    asked = " ".join(odd.asked).upper().replace("RFC822.SIZE", "")
    assert "BODY.PEEK[]" in asked
    for word in (
        "BODYSTRUCTURE",
        "ENVELOPE",
        "RFC822",
        "UNSEEN",
        "STORE",
        "SELECT",
        "EXPUNGE",
        "COPY",
        "MOVE",
        "STATUS",
    ):
        assert word not in asked


async def test_a_server_deaf_in_idle_is_left_after_the_timeout_and_no_letter_is_lost(services: Services) -> None:
    odd = OddMailbox({}, idle="deaf")
    async with watching_odd(services, odd, **QUICK) as box:
        box.start()
        await box.status("ok")
        odd.add(1, numbered(1))
        await told_once(box, odd, 1)
        assert len(odd.logins) > 1


async def test_a_folder_that_cannot_be_opened_for_a_while_is_tried_again(services: Services) -> None:
    odd = OddMailbox({1: numbered(1)}, examine_refusals=[b"[UNAVAILABLE] try again in 1 seconds"])
    async with watching_odd(services, odd, **QUICK) as box:
        box.start()
        assert "try again in 1 seconds" in (await box.status("failed")).status_detail
        await told_once(box, odd, 1)
        first, second = odd.logins
        assert 1 <= second - first < 3


@pytest.mark.parametrize("fault", ["close", "reset"])
async def test_letters_before_the_break_are_not_fetched_again(services: Services, fault: str) -> None:
    odd = OddMailbox({uid: numbered(uid) for uid in UIDS}, spoilt={9: fault}, strikes=2)
    async with watching_odd(services, odd, batch=1, **QUICK) as box:
        box.start()
        await told_once(box, odd, *UIDS)
        asked = [one for one in odd.bodies_asked() if one.split()[2] == "3"]
        assert len(asked) == 1


async def test_the_wait_for_a_letter_ends_with_the_state_that_was_found(services: Services) -> None:
    odd = OddMailbox({1: numbered(1)}, refusals=[b"[INUSE] mailbox is locked, wait 1 s"])
    async with watching_odd(services, odd, **QUICK) as box:
        box.start()
        await told_once(box, odd, 1)

        async def well() -> bool:
            return (await box.mailbox()).status == "ok"

        await until(well, "good status")
