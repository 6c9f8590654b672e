"""A letter on its way from the socket: in memory while it is small, else straight to the disk.

Answers for the memory a letter takes, whatever its size. Refuses to know the protocol it comes by.
"""

from __future__ import annotations

from collections.abc import Callable

from wherefrom.mail.blobs import Incoming
from wherefrom.mail.failures import MailboxError

_SMALL = 4_194_304
_HEAD = 262_144

Begin = Callable[[], Incoming]


class NoRoom(MailboxError):
    code = "mailbox-no-room"
    title = "A letter cannot be kept"


class Spool:
    """Keeps the first ``most`` bytes that are written and counts the rest. ``begin`` gives what larger letters are
    written to; ``file`` is that, and None for a small one. ``content``: all of a small letter, the beginning of a
    larger one."""

    def __init__(self, begin: Begin, most: int) -> None:
        self._begin = begin
        self.most = most
        self._memory = bytearray()
        self.size = 0
        self.file: Incoming | None = None

    @property
    def content(self) -> bytes:
        return bytes(self._memory)

    @property
    def is_cut(self) -> bool:
        """Whether more was written than is kept."""
        return self.size > self.most

    def write(self, piece: bytes) -> None:
        """NoRoom when the disk takes no more."""
        kept = memoryview(piece)[: max(0, self.most - self.size)]
        self.size += len(piece)
        try:
            if self.file is None and len(self._memory) + len(kept) > _SMALL:
                self.file = self._begin()
                self.file.write(self._memory)
                del self._memory[_HEAD:]
            if self.file is None:
                self._memory += kept
            else:
                self.file.write(kept)
        except OSError as error:
            self.abandon()
            raise NoRoom(
                f"The disk takes no more of a letter: {error.strerror or error}",
                hint="Make room where the data folder is; the letter is fetched again by itself.",
            ) from None

    def abandon(self) -> None:
        """Forgets what is on the disk."""
        if self.file is not None:
            self.file.abandon()
