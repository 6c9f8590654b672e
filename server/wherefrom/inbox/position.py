"""Where to read on in a folder: pure.

    first ──────▶ known ⇄ quiet                A letter's place is (folder, uidvalidity, uid). What is remembered of a
      │             │  ▲                       folder: uidvalidity, the last UID stored, and what the server told at the
      │  renumbered ▼  │                       last look (UIDNEXT, EXISTS, HIGHESTMODSEQ), always as it was *before* the
      └───────▶ renumbered                     letters were fetched: what arrives meanwhile is found next time.

    first       never looked at            what arrived since the folder was added; what is older is old mail, and left
                                           to the ``backlog`` where it is wanted
    known       same numbering             everything above the last UID
    quiet       UIDNEXT, EXISTS and        nothing to ask. An equal HIGHESTMODSEQ alone proves nothing (Gmail raises it
                HIGHESTMODSEQ as before    before the letter is there), and without CONDSTORE nobody is believed
    renumbered  other UIDVALIDITY, or      what arrived since the last look, less what is held already
                UIDNEXT below what we had

``baselined`` False marks the first look, and a renumbered one, until they are done, so that a process that dies within
begins them anew. A server without UIDVALIDITY (absent or 0) is believed to number as before until its UIDNEXT goes
back. Every hour a full check (``is_count_due``) lists the UIDs of the last two hours, whatever the server said, and
finds what came below the last one: some servers show letter 101 before letter 100.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from wherefrom.inbox.store.mailboxes import Folder
from wherefrom.mail.imap import FolderState

COUNT_EVERY = timedelta(hours=1)

_MARGIN = timedelta(minutes=10)  # the server's clock and ours differ
_OLD = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Plan:
    """``after_uid``: read what is above. ``cut``: what arrived before it is settled; None: nothing is. ``settling``:
    this look is a first or renumbered one. ``renumbered``: letters may be held already under other UIDs. ``quiet``:
    nothing is new. ``backlog``: what is there now is to be read as old mail, or anew so. ``old_before``: a letter that
    arrived before is old mail."""

    uidvalidity: int
    after_uid: int
    cut: datetime | None
    settling: bool
    renumbered: bool
    old_before: datetime
    quiet: bool = False
    backlog: bool = False

    @property
    def search_day(self) -> date | None:
        """The day to search from: a day early, because IMAP's SINCE knows days of the server's own time zone."""
        return None if self.cut is None else (self.cut - timedelta(days=1)).date()

    @property
    def old_from(self) -> datetime:
        """A letter that was written long before is old mail, whatever its stamp says."""
        return self.old_before if self.cut is None else max(self.cut, self.old_before)

    def wants(self, arrived_at: datetime) -> bool:
        """Whether a letter of that INTERNALDATE (whole seconds) is to be read."""
        return self.cut is None or arrived_at >= self.cut.replace(microsecond=0)

    def is_historic(self, arrived_at: datetime) -> bool:
        """Whether a letter of that INTERNALDATE is old mail: kept and matched, but told to nobody unasked."""
        return arrived_at < self.old_before.replace(microsecond=0)


def plan_look(folder: Folder, state: FolderState, added_at: datetime) -> Plan:
    """How to read ``folder`` as it was opened. ``added_at``: when its mailbox was connected."""
    uidvalidity = state.uidvalidity or 0
    begun = folder.begun_at or added_at
    other = state.uidvalidity is not None and folder.uidvalidity is not None and state.uidvalidity != folder.uidvalidity
    anew = other or _went_back(folder, state)
    if anew or not folder.baselined:
        first = folder.counted_at is None and not folder.baselined
        after = 0 if anew else folder.last_uid
        cut = max((folder.checked_at or begun) - _MARGIN, begun)
        renumbered = not first or other or after > 0
        return Plan(
            uidvalidity, after, cut, settling=True, renumbered=renumbered, old_before=begun,
            backlog=(other and folder.is_behind) or (first and folder.since != "new"),
        )  # fmt: skip
    # Somebody who moves a letter into the folder makes it new there, however old it is. A clock that is late does not.
    moved = begun - _OLD
    quiet = _is_quiet(folder, state)
    return Plan(uidvalidity, folder.last_uid, None, settling=False, renumbered=False, old_before=moved, quiet=quiet)


def plan_backlog(folder: Folder, added_at: datetime) -> Plan:
    """How to read the old mail of ``folder``: what is held is passed over, so that it may be begun anew at any time."""
    begun = folder.begun_at or added_at
    cut = None if folder.since == "all" else begun - timedelta(days=int(folder.since))
    return Plan(folder.uidvalidity or 0, folder.backlog_uid, cut, settling=True, renumbered=True, old_before=begun)


def is_count_due(folder: Folder, now: datetime) -> bool:
    """Whether the folder's next full check is due."""
    return folder.baselined and (folder.counted_at is None or now - folder.counted_at >= COUNT_EVERY)


def counted(folder: Folder, now: datetime) -> Folder:
    """The position after a full check that ended: the next one looks above where the one *before* this had ended, so
    that each UID is looked at twice, at least an hour apart."""
    return replace(folder, counted_at=now, floor_uid=folder.counted_uid, counted_uid=folder.last_uid)


def is_old(cut: datetime, header_at: datetime | None, first_hop_at: datetime | None) -> bool:
    """Whether a letter whose INTERNALDATE is new was really taken from its writer long before ``cut``: servers that are
    moved or restored stamp all letters anew, and years of mail must not be announced as today's."""
    taken_at = first_hop_at or header_at
    return taken_at is not None and taken_at < cut - _OLD


def _went_back(folder: Folder, state: FolderState) -> bool:
    return state.uidnext is not None and state.uidnext <= folder.last_uid


def _is_quiet(folder: Folder, state: FolderState) -> bool:
    now = (state.uidnext, state.exists, state.highestmodseq)
    return None not in now and now == (folder.uidnext, folder.letters, folder.highestmodseq)
