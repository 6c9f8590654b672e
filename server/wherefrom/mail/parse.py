"""Letters parsed."""

from __future__ import annotations

from wherefrom.errors import WherefromError
from wherefrom.mail.letter import Attachment, Letter, Party, Recipient

__all__ = ["Attachment", "Letter", "Party", "Recipient", "UnreadableLetter", "parse_letter"]


class UnreadableLetter(WherefromError):
    """Bytes that cannot be read as a letter; the detail says why. The raw bytes stay what they are."""

    status = 422
    code = "unreadable-letter"
    title = "The letter cannot be read"


def parse_letter(raw: bytes) -> Letter:
    """The letter in ``raw``, or UnreadableLetter; no other exception for any bytes."""
    raise NotImplementedError
