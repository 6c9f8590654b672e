"""Where to read on in a folder: known, first and renumbered, on servers that say little or go back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.inbox.position import counted, is_count_due, is_old, plan_backlog, plan_look
from wherefrom.inbox.store.mailboxes import Folder
from wherefrom.mail.imap import FolderState

ADDED = datetime(2026, 11, 21, 12, 0, 0, 500_000, tzinfo=UTC)
FOLDER = Folder(
    id=1, site_id=1, mailbox_id=1, name="INBOX", kind="inbox", since="new", uidvalidity=None, last_uid=0,
    baselined=False, checked_at=ADDED,
)  # fmt: skip
KNOWN = replace(FOLDER, uidvalidity=77, last_uid=10, baselined=True, checked_at=ADDED + timedelta(days=1))


def state(uidvalidity: int | None = 77, uidnext: int | None = 11, exists: int = 5) -> FolderState:
    return FolderState(uidvalidity, uidnext, exists, None)


def test_a_known_folder_is_read_from_its_last_uid() -> None:
    plan = plan_look(KNOWN, state(uidnext=15), ADDED)
    assert (plan.after_uid, plan.cut, plan.settling, plan.renumbered) == (10, None, False, False)
    assert plan.wants(ADDED - timedelta(days=999))


def test_a_new_folder_begins_when_it_was_added_to_the_second() -> None:
    plan = plan_look(FOLDER, state(uidnext=500), ADDED)
    assert (plan.after_uid, plan.cut, plan.settling, plan.renumbered) == (0, ADDED, True, False)
    assert plan.search_day == (ADDED - timedelta(days=1)).date()
    assert plan.wants(ADDED.replace(microsecond=0))
    assert not plan.wants(ADDED - timedelta(seconds=1))


def test_old_mail_that_is_wanted_is_left_to_the_backlog_and_what_came_since_is_read_first() -> None:
    week, whole = replace(FOLDER, since="7"), replace(FOLDER, since="all")
    for folder in (week, whole):
        plan = plan_look(folder, state(), ADDED)
        assert (plan.cut, plan.backlog, plan.renumbered) == (ADDED, True, False)
    assert not plan_look(FOLDER, state(), ADDED).backlog
    assert plan_backlog(week, ADDED).cut == ADDED - timedelta(days=7)
    assert (plan_backlog(whole, ADDED).cut, plan_backlog(whole, ADDED).search_day) == (None, None)
    assert plan_backlog(whole, ADDED).renumbered, "what is here already is passed over"


def test_what_arrived_before_the_folder_was_added_is_old_mail_to_the_second() -> None:
    begun = replace(FOLDER, since="all", begun_at=ADDED + timedelta(hours=1))
    plan = plan_backlog(begun, ADDED)
    assert plan.is_historic(ADDED + timedelta(minutes=59))
    assert not plan.is_historic((ADDED + timedelta(hours=1)).replace(microsecond=0))
    assert plan_backlog(replace(begun, begun_at=None), ADDED).is_historic(ADDED - timedelta(seconds=1))


def test_an_old_letter_moved_into_a_known_folder_is_old_mail_but_one_of_a_late_clock_is_not() -> None:
    plan = plan_look(KNOWN, state(uidnext=15), ADDED)
    assert plan.is_historic(ADDED - timedelta(days=3, seconds=1))
    assert not plan.is_historic(ADDED - timedelta(days=2))


QUIET = replace(KNOWN, uidnext=11, letters=5, highestmodseq=90)


@pytest.mark.parametrize(
    ("told", "quiet"),
    [
        (FolderState(77, 11, 5, 90), True),
        (FolderState(77, 12, 5, 90), False),
        (FolderState(77, 11, 6, 90), False),  # Gmail: UIDNEXT and HIGHESTMODSEQ were raised before the letter was there
        (FolderState(77, 11, 5, 91), False),
        (FolderState(77, 11, 5, None), False),  # no CONDSTORE
        (FolderState(77, None, 5, 90), False),
    ],
)
def test_a_folder_is_asked_nothing_only_while_all_three_numbers_stay(told: FolderState, quiet: bool) -> None:
    assert plan_look(QUIET, told, ADDED).quiet is quiet


def test_a_folder_never_looked_at_or_numbered_anew_is_not_quiet() -> None:
    assert not plan_look(replace(QUIET, baselined=False), FolderState(77, 11, 5, 90), ADDED).quiet
    assert not plan_look(QUIET, FolderState(78, 11, 5, 90), ADDED).quiet
    assert not plan_look(replace(QUIET, highestmodseq=None), FolderState(77, 11, 5, None), ADDED).quiet


def test_a_full_check_is_due_every_hour_once_the_folder_is_known() -> None:
    now = ADDED + timedelta(days=1)
    assert is_count_due(KNOWN, now)
    done = counted(KNOWN, now)
    assert not is_count_due(done, now + timedelta(minutes=59))
    assert is_count_due(done, now + timedelta(hours=1))
    assert not is_count_due(FOLDER, now)


@given(st.lists(st.integers(0, 9), min_size=2, max_size=8))
def test_each_uid_is_looked_at_by_two_full_checks(growth: list[int]) -> None:
    folder, at = replace(KNOWN, last_uid=0), ADDED
    looked: dict[int, int] = {}
    for more in growth:
        folder, at = replace(folder, last_uid=folder.last_uid + more), at + timedelta(hours=1)
        for uid in range(folder.floor_uid + 1, folder.last_uid + 1):
            looked[uid] = looked.get(uid, 0) + 1
        folder = counted(folder, at)
    old = folder.last_uid - growth[-1]
    assert all(looked[uid] == 2 for uid in range(1, old + 1))
    assert all(looked[uid] == 1 for uid in range(old + 1, folder.last_uid + 1))


def test_another_uidvalidity_reads_what_came_since_the_last_look() -> None:
    plan = plan_look(KNOWN, state(uidvalidity=78, uidnext=500), ADDED)
    assert (plan.after_uid, plan.settling, plan.renumbered, plan.uidvalidity) == (0, True, True, 78)
    assert plan.cut == ADDED + timedelta(days=1) - timedelta(minutes=10)


def test_a_uidnext_that_went_back_is_taken_for_new_numbers() -> None:
    plan = plan_look(KNOWN, state(uidnext=4), ADDED)
    assert (plan.after_uid, plan.renumbered) == (0, True)


def test_a_server_without_uidvalidity_numbers_as_before_until_uidnext_goes_back() -> None:
    folder = replace(KNOWN, uidvalidity=None)
    assert not plan_look(folder, state(uidvalidity=None), ADDED).settling
    assert plan_look(folder, state(uidvalidity=None, uidnext=3), ADDED).renumbered


def test_a_server_that_stops_telling_numbers_is_believed_to_keep_them() -> None:
    assert not plan_look(KNOWN, state(uidvalidity=None, uidnext=None), ADDED).settling


def test_a_first_look_that_broke_off_goes_on_with_the_same_cut() -> None:
    plan = plan_look(replace(FOLDER, uidvalidity=77, last_uid=9), state(uidnext=500), ADDED)
    assert (plan.after_uid, plan.cut, plan.settling, plan.renumbered) == (9, ADDED, True, True)
    other = plan_look(replace(FOLDER, uidvalidity=77, last_uid=9), state(uidvalidity=78, uidnext=500), ADDED)
    assert other.after_uid == 0


def test_a_renumbered_look_that_broke_off_goes_on_from_the_last_look_and_begins_no_backlog_anew() -> None:
    broke = replace(KNOWN, since="all", baselined=False, last_uid=0, counted_at=ADDED)
    plan = plan_look(broke, state(uidnext=500), ADDED)
    assert plan.cut == ADDED + timedelta(days=1) - timedelta(minutes=10)
    assert (plan.renumbered, plan.backlog) == (True, False)


def test_new_numbers_amid_the_backlog_begin_it_anew() -> None:
    amid = replace(KNOWN, since="all", backlog_uid=4, backlog_end=10, counted_at=ADDED)
    assert plan_look(amid, state(uidvalidity=78), ADDED).backlog
    assert not plan_look(amid, state(), ADDED).backlog
    assert not plan_look(amid, state(uidnext=1), ADDED).backlog, (
        "else a UIDNEXT that is always too low begins it for ever"
    )


def test_new_numbers_soon_after_the_mailbox_was_added_announce_nothing_of_before() -> None:
    folder = replace(KNOWN, checked_at=ADDED + timedelta(minutes=1))
    assert plan_look(folder, state(uidvalidity=78), ADDED).cut == ADDED


def test_a_letter_taken_long_before_the_cut_is_old_whatever_its_stamp() -> None:
    assert is_old(ADDED, ADDED - timedelta(days=4), None)
    assert is_old(ADDED, ADDED, ADDED - timedelta(days=4))
    assert not is_old(ADDED, ADDED - timedelta(days=400), ADDED)
    assert not is_old(ADDED, None, None)


@given(
    uidvalidity=st.none() | st.integers(1, 3),
    uidnext=st.none() | st.integers(1, 40),
    known=st.none() | st.integers(1, 3),
    last=st.integers(0, 40),
    baselined=st.booleans(),
    since=st.sampled_from(["new", "all", "3"]),
)
def test_no_letter_that_comes_after_a_look_is_ever_below_the_place_to_read_from(
    uidvalidity: int | None, uidnext: int | None, known: int | None, last: int, baselined: bool, since: str
) -> None:
    folder = replace(FOLDER, uidvalidity=known, last_uid=last, baselined=baselined, since=since)
    plan = plan_look(folder, state(uidvalidity, uidnext), ADDED)
    if uidnext is not None:
        assert plan.after_uid < uidnext
    assert not plan.quiet
    assert plan.wants(ADDED + timedelta(seconds=1))
