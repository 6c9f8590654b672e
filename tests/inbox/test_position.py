"""Where to read on in a folder: known, first and renumbered, on servers that say little or go back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wherefrom.inbox.position import is_old, plan_look
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


def test_a_new_folder_may_begin_days_before_or_at_the_first_letter() -> None:
    assert plan_look(replace(FOLDER, since="7"), state(), ADDED).cut == ADDED - timedelta(days=7)
    whole = plan_look(replace(FOLDER, since="all"), state(), ADDED)
    assert (whole.cut, whole.search_day) == (None, None)


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
    assert (plan.after_uid, plan.cut, plan.settling) == (9, ADDED, True)
    other = plan_look(replace(FOLDER, uidvalidity=77, last_uid=9), state(uidvalidity=78, uidnext=500), ADDED)
    assert other.after_uid == 0


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
    assert plan.wants(ADDED + timedelta(seconds=1))
