"""Old mail: the letters that were in a folder before its mailbox was connected, read in slices, oldest first.

    first look ─▶ counted (backlog_end set) ─▶ slice ─▶ look for what is new ─▶ slice ─▶ … ─▶ done (backlog_end None)

Between two slices every folder is looked into, so that a letter of today waits a few seconds, not the hours that a
mailbox of many years may take. The position moves with each handful; what is here already is passed over, so that the
rest may be begun anew at any time. These letters are marked ``historic``: matched and shown, told to nobody unasked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from wherefrom.inbox.look import Look, write_position
from wherefrom.inbox.position import plan_backlog
from wherefrom.inbox.store.mailboxes import Folder
from wherefrom.mail.imap import RawLetter

_FIRST_SLICE, _LARGEST_SLICE, _SMALLEST_SLICE = 200, 5_000, 10
_SECONDS = (1.0, 3.0)  # a slice that took less is followed by a larger one, one that took more by a smaller one


@dataclass(slots=True)
class Backlog:
    """Reads the old mail over one session. What is still to be read is listed once a session: a list of a million
    letters takes seconds."""

    _size: int = field(default_factory=lambda: _FIRST_SLICE)
    _left: dict[int, tuple[tuple[int | None, int], list[int]]] = field(default_factory=dict)

    async def read(self, look: Look, folder: Folder) -> Folder:
        """Reads a slice of the open ``folder``'s old mail; answers its new position. Raises MailboxError."""
        plan = plan_backlog(folder, look.mailbox.created_at)
        left = await self._list(look, folder)
        size, begun = self._size if look.batch > 1 else _SMALLEST_SLICE, time.monotonic()
        slice_, left = left[:size], left[size:]
        if slice_:
            folder = await look.read(folder, plan, look.fetch(slice_, plan), _moved)
            folder = replace(folder, backlog_uid=slice_[-1])
        self._adapt(time.monotonic() - begun)
        if not left:
            folder = replace(folder, backlog_end=None, backlog_read=folder.backlog_letters)
        async with look.services.db.write() as tx:
            await write_position(tx, folder)
        self._left[folder.id] = (_place(folder), left)
        return folder

    async def _list(self, look: Look, folder: Folder) -> list[int]:
        place, left = self._left.get(folder.id, (None, []))
        if place == _place(folder):
            return left
        day = plan_backlog(folder, look.mailbox.created_at).search_day
        first, last = folder.backlog_uid + 1, folder.backlog_end or 0
        found: list[int] = await look.in_thread(look.session.list_uids, first, last, day)
        return found

    def _adapt(self, seconds: float) -> None:
        if seconds < _SECONDS[0]:
            self._size = min(self._size * 2, _LARGEST_SLICE)
        elif seconds > _SECONDS[1]:
            self._size = max(self._size // 2, _SMALLEST_SLICE)


def _place(folder: Folder) -> tuple[int | None, int]:
    return folder.uidvalidity, folder.backlog_uid


def _moved(folder: Folder, letters: Sequence[RawLetter]) -> Folder:
    return replace(folder, backlog_uid=letters[-1].uid, backlog_read=folder.backlog_read + len(letters))
