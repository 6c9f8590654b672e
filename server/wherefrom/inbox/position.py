"""Where to read on in a folder: pure.

A letter's place is (folder, uidvalidity, uid); what is remembered is the last UID stored. Three cases:

    known      same numbering            everything above the last UID
    first      never looked at           what arrived since the folder was added (since "new"), in the last days, or all
    renumbered other UIDVALIDITY, or     what arrived since the last look, less what is held already
               UIDNEXT below what we had

``baselined`` False marks the last two until they are done, so that a process that dies within begins them anew. A
server without UIDVALIDITY (absent or 0) is believed to number as before until its UIDNEXT goes back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from wherefrom.inbox.store.mailboxes import Folder
from wherefrom.mail.imap import FolderState

_MARGIN = timedelta(minutes=10)  # the server's clock and ours differ
_OLD = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Plan:
    """``after_uid``: read what is above. ``cut``: what arrived before it is settled; None: nothing is. ``settling``:
    this look is a first or renumbered one. ``renumbered``: letters may be held already under other UIDs."""

    uidvalidity: int
    after_uid: int
    cut: datetime | None
    settling: bool
    renumbered: bool

    @property
    def search_day(self) -> date | None:
        """The day to search from: a day early, because IMAP's SINCE knows days of the server's own time zone."""
        return None if self.cut is None else (self.cut - timedelta(days=1)).date()

    def wants(self, arrived_at: datetime) -> bool:
        """Whether a letter of that INTERNALDATE (whole seconds) is to be read."""
        return self.cut is None or arrived_at >= self.cut.replace(microsecond=0)


def plan_look(folder: Folder, state: FolderState, added_at: datetime) -> Plan:
    """How to read ``folder`` as it was opened. ``added_at``: when its mailbox was connected."""
    uidvalidity = state.uidvalidity or 0
    other = state.uidvalidity is not None and folder.uidvalidity is not None and state.uidvalidity != folder.uidvalidity
    if not folder.baselined:
        after = 0 if other or _went_back(folder, state) else folder.last_uid
        return Plan(uidvalidity, after, _first_cut(folder), settling=True, renumbered=other or folder.last_uid > 0)
    if other or _went_back(folder, state):
        cut = (folder.checked_at or added_at) - _MARGIN
        if folder.since == "new":
            cut = max(cut, added_at)
        return Plan(uidvalidity, 0, cut, settling=True, renumbered=True)
    return Plan(uidvalidity, folder.last_uid, None, settling=False, renumbered=False)


def is_old(cut: datetime, header_at: datetime | None, first_hop_at: datetime | None) -> bool:
    """Whether a letter whose INTERNALDATE is new was really taken from its writer long before ``cut``: servers that are
    moved or restored stamp all letters anew, and years of mail must not be announced as today's."""
    taken_at = first_hop_at or header_at
    return taken_at is not None and taken_at < cut - _OLD


def _first_cut(folder: Folder) -> datetime | None:
    if folder.since == "all" or folder.checked_at is None:
        return None
    if folder.since.isdecimal():
        return folder.checked_at - timedelta(days=int(folder.since))
    return folder.checked_at


def _went_back(folder: Folder, state: FolderState) -> bool:
    return state.uidnext is not None and state.uidnext <= folder.last_uid
