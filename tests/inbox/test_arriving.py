"""A large letter is in the history with its header and text while the rest is still on its way (D05)."""

import os
from typing import Any

import pytest

from tests.inbox.odd_mailbox import OddMailbox
from tests.inbox.watching import Watching, until, watching_odd
from wherefrom.inbox import pace
from wherefrom.services import Services

SAID = "Seven chairs, the plans are attached."
SIZE = 5_000_000


def large(number: int) -> bytes:
    """More than four megabytes: a few words, then a file."""
    block = os.urandom(SIZE // 2).hex().encode()
    lines = b"\r\n".join(block[at : at + 76] for at in range(0, len(block), 76))
    head = (
        f"From: Lead <lead{number}@customer.example>\r\nTo: sales@company.example\r\nSubject: Plans {number}\r\n"
        f'Message-ID: <plans{number}@x>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=b="\r\n\r\n'
        f"--=b=\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{SAID}\r\n"
        "--=b=\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=plans.csv\r\n\r\n"
    )
    return head.encode() + lines + b"\r\n--=b=--\r\n"


def small(number: int) -> bytes:
    return f"From: a@customer.example\r\nSubject: Small {number}\r\nMessage-ID: <small{number}@x>\r\n\r\nHello".encode()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other without the usual seconds between them."""
    monkeypatch.setattr(pace, "LONGEST", 0.05)


async def states(box: Watching, *wanted: str) -> list[Any]:
    """The rows, once their statuses are these."""

    async def reached() -> bool:
        return [row.status for row in await box.rows()] == list(wanted)

    await until(reached, f"rows {wanted}")
    return await box.rows()


async def begun(box: Watching, odd: OddMailbox) -> Any:
    """The row of the large letter 2, whose beginning is here."""
    box.start()
    await box.settled()
    odd.add(2, large(2))
    (row,) = await states(box, "arriving")
    return row


async def test_the_text_is_in_the_history_before_the_file_has_come_and_nobody_is_told_yet(services: Services) -> None:
    odd = OddMailbox(whole={2: "hold"})
    async with watching_odd(services, odd) as box:
        row = await begun(box, odd)
        assert (row.subject, row.text, row.from_address) == ("Plans 2", SAID, "lead2@customer.example")
        assert (row.to_address, row.size, row.truncated) == ("sales@company.example", len(odd.letters[2]), False)
        assert await box.sort() == ["Plans 2"]  # shown, and not sorted
        (same,) = await states(box, "arriving")
        odd.gate.set()
        (whole,) = await states(box, "stored")
        assert (whole.id, whole.size, whole.truncated) == (row.id, len(odd.letters[2]), False)
        assert whole.sha256 != same.sha256
        await box.sort()
        (sorted_,) = await states(box, "sorted")
        assert sorted_.text == SAID
        assert await services.blobs.get(sorted_.sha256) == odd.letters[2]
        assert not services.blobs.path(same.sha256).exists()


async def test_small_letters_behind_a_large_one_do_not_wait_for_it(services: Services) -> None:
    odd = OddMailbox(whole={2: "hold"})
    async with watching_odd(services, odd) as box:
        box.start()
        await box.settled()
        odd.letters |= {2: large(2), 3: small(3), 4: large(4), 5: small(5)}
        odd.changed.set()
        rows = await box.stored(4)
        assert [(row.uid, row.status) for row in rows] == [
            (2, "arriving"), (4, "arriving"), (3, "stored"), (5, "stored"),
        ]  # fmt: skip
        assert (await box.mailbox()).folders[0].last_uid < 2
        odd.gate.set()
        await states(box, *["stored"] * 4)

        async def reached() -> bool:
            return (await box.mailbox()).folders[0].last_uid == 5

        await until(reached, "the last UID")
        assert await box.sort() == ["Plans 2", "Plans 4", "Small 3", "Small 5"]


async def test_a_connection_that_breaks_within_the_rest_stores_the_letter_once(services: Services, quick: None) -> None:
    odd = OddMailbox(whole={2: "reset"})
    async with watching_odd(services, odd) as box:
        row = await begun(box, odd)

        async def again() -> bool:
            return len(odd.logins) >= 2

        await until(again, "second login")
        odd.whole.clear()
        (whole,) = await states(box, "stored")
        assert (whole.id, whole.truncated) == (row.id, False)
        assert await box.sort() == ["Plans 2"]


async def test_a_letter_deleted_before_it_was_whole_is_kept_as_far_as_it_came(services: Services, quick: None) -> None:
    odd = OddMailbox(whole={2: "reset"})
    async with watching_odd(services, odd) as box:
        row = await begun(box, odd)
        del odd.letters[2]
        (cut,) = await states(box, "stored")
        assert (cut.id, cut.truncated) == (row.id, True)
        assert await box.sort() == ["Plans 2"]
        (sorted_,) = await states(box, "sorted")
        assert (sorted_.text, sorted_.truncated) == (SAID, True)


@pytest.mark.parametrize("fault", ["refuse", "nil"])
async def test_a_letter_the_server_does_not_hand_out_whole_is_kept_as_far_as_it_came(
    services: Services, fault: str
) -> None:
    odd = OddMailbox(whole={2: fault})
    async with watching_odd(services, odd) as box:
        box.start()
        await box.settled()
        odd.add(2, large(2))
        (cut,) = await states(box, "stored")
        assert (cut.truncated, cut.size) == (True, len(odd.letters[2]))
        await box.sort()
        (sorted_,) = await states(box, "sorted")
        assert sorted_.text == SAID
        assert len(await services.blobs.get(sorted_.sha256)) > 100_000


async def test_a_letter_that_breaks_the_connection_each_time_is_kept_as_far_as_it_came(
    services: Services, quick: None
) -> None:
    odd = OddMailbox(whole={2: "close"})
    async with watching_odd(services, odd) as box:
        row = await begun(box, odd)
        (cut,) = await states(box, "stored")
        assert (cut.id, cut.truncated) == (row.id, True)
        odd.add(3, small(3))
        await box.stored(2)
        assert await box.sort() == ["Plans 2", "Small 3"]


async def test_a_process_that_ends_meanwhile_leaves_a_letter_the_next_one_makes_whole(services: Services) -> None:
    odd = OddMailbox(whole={2: "hold"})
    async with watching_odd(services, odd) as box:
        row = await begun(box, odd)
        stopping = box.stop()
        odd.gate.set()
        await stopping
        box.start("the next process")
        (whole,) = await states(box, "stored")
        assert (whole.id, whole.truncated) == (row.id, False)
        assert await box.sort() == ["Plans 2"]
