"""A letter's columns from the letter: cut to their limits, in the form both databases take."""

from __future__ import annotations

import re
from datetime import datetime

from msgspec import Struct

from wherefrom.inbox.written import estimate_written
from wherefrom.mail.letter import Letter

_LONGEST_ID = 1_000
_LONGEST_NAME = 500
_LONGEST_SUBJECT = 2_000
_LONGEST_ADDRESS = 320
_MOST_REFERENCES = 100
_REFUSED = re.compile("[\x00\ud800-\udfff]")  # PostgreSQL stores no NUL; a lone surrogate is no UTF-8


class Facts(Struct, frozen=True):
    """A letter's columns in the form they are stored in: cut to their limits, without what a database refuses.

    ``from_written`` is the sender's address as it was written, ``from_address`` in lower case. ``header_at`` is the
    Date field, ``likeliest_at`` the time of writing as estimated.
    """

    message_id: str | None
    in_reply_to: str | None
    references: tuple[str, ...]
    subject: str
    text: str
    from_address: str
    from_written: str
    from_name: str
    recipients: tuple[tuple[str, str], ...]
    header_at: datetime | None
    likeliest_at: datetime
    has_html: bool
    automatic: str
    defects: tuple[str, ...]


def read_facts(letter: Letter, arrived_at: datetime) -> Facts:
    """The columns of ``letter``."""
    sender = letter.from_
    written = sender.address.text if sender is not None and sender.address is not None else ""
    return Facts(
        message_id=clean_id(letter.message_id),
        in_reply_to=clean_id(letter.in_reply_to),
        references=tuple(clean(one, _LONGEST_ID) for one in letter.references[-_MOST_REFERENCES:]),
        subject=clean(letter.subject, _LONGEST_SUBJECT),
        text=clean(letter.text),
        from_address=clean(written, _LONGEST_ADDRESS).lower(),
        from_written=clean(written, _LONGEST_ADDRESS),
        from_name=clean(sender.name, _LONGEST_NAME) if sender is not None else "",
        recipients=tuple((one.role, clean(one.address.key, _LONGEST_ADDRESS)) for one in letter.recipients),
        header_at=letter.written_at,
        likeliest_at=estimate_written(letter.written_at, letter.received_header_at, arrived_at).likeliest,
        has_html=letter.html is not None,
        automatic=letter.automatic or "",
        defects=letter.defects,
    )


def clean(text: str, longest: int | None = None) -> str:
    """``text`` without what a database refuses, cut to ``longest`` characters."""
    return _REFUSED.sub("", text)[:longest]


def clean_id(text: str | None) -> str | None:
    """A Message-ID as it is stored; None for none."""
    return clean(text, _LONGEST_ID) or None if text is not None else None
