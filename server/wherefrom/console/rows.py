"""A line of the history as the list shows it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from wherefrom.console import words
from wherefrom.inbox.store.rows import HistoryRow
from wherefrom.mail.reply import split_reply


@dataclass(frozen=True, slots=True)
class Line:
    """``flags`` are (words, colour) pairs; ``level`` is sure, likely, guess or none. ``is_source``: ``visit`` is the
    number of a source, by which many came, not of one visitor's stay. ``contact`` names who wrote, "" if not known."""

    id: int
    at: datetime
    from_name: str
    from_address: str
    receivers: tuple[str, ...]
    subject: str
    excerpt: str
    attachments: int
    flags: tuple[tuple[str, str], ...]
    level: str
    source: str
    sure_words: str
    visit: int | None
    is_source: bool
    deal: str | None
    contact: str


def make_line(row: HistoryRow) -> Line:
    """``row`` in words."""
    matched = row.visit_id is not None
    return Line(
        id=row.id,
        at=row.arrived_at,
        from_name=row.from_name,
        from_address=row.from_address,
        receivers=row.recipients or ((row.to_address,) if row.to_address else ()),
        subject=row.subject,
        excerpt=words.excerpt(split_reply(row.excerpt).own or row.excerpt, 160),
        attachments=row.attachments,
        flags=list_flags(row),
        level=words.level(row.confidence, matched),
        source=words.source_words(row.source_levels, row.marker) if matched else "",
        sure_words=words.match_words(row.rule, row.confidence, matched),
        visit=row.visit_id,
        is_source=row.visit_kind == "source",
        deal=row.deal_number or row.deal_status,
        contact=row.writer.person.name or row.writer.person.email if row.writer else "",
    )


def list_flags(row: HistoryRow) -> tuple[tuple[str, str], ...]:
    """What sets the letter apart from others."""
    found = []
    if row.status == "unreadable":
        found.append(("unreadable", "bad"))
    if row.status == "arriving":
        found.append(("still arriving", "warn"))
    if row.folder_kind == "junk":
        found.append(("Junk", "warn"))
    if row.automatic:
        found.append(("automatic", ""))
    if row.historic:
        found.append(("old mail", ""))
    if row.truncated:
        found.append(("cut off", "warn"))
    return tuple(found)


def fingerprint(rows: Iterable[HistoryRow]) -> str:
    """Changes when a letter comes or goes, and when the match, the deal or the writer of one changes."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(
            repr(
                (
                    *(row.id, row.status, row.historic, row.visit_id, row.confidence, row.deal_number, row.deal_status),
                    row.writer,
                )
            ).encode()
        )
    return digest.hexdigest()[:16]
