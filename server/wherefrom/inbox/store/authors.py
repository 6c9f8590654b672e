"""Rows of ``author``: who may have written a letter, each with a share, the shares of a letter summing to 1 at most.

A visit whose letter has come is less likely to write the next one: that is read here, for all who may have written and
not for the likeliest alone. Beside the share stands what the letter taught about the site's habits, so that a
correction can take it back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import Row, and_, delete, literal, or_, select

from wherefrom.db import Prepared, Tx
from wherefrom.inbox.tables import author, message
from wherefrom.substitution.tally import Lesson

_ADD = Prepared(author.insert())
_AT_ONCE = 500


class Author(Struct, frozen=True):
    """``share``: how likely the letter is of this visit. ``lesson``: what it taught by it, None for nothing."""

    visit_id: int
    share: float
    lesson: Lesson | None = None


async def add_authors(tx: Tx, site_id: int, message_id: int, authors: Sequence[Author]) -> None:
    """The letter's, each visit once."""
    await tx.append(_ADD, [_columns(one) | {"site_id": site_id, "message_id": message_id} for one in authors])


async def take_authors(tx: Tx, site_id: int, message_id: int) -> list[Author]:
    """The letter's, which are deleted with it."""
    of_letter = and_(author.c.site_id == site_id, author.c.message_id == message_id)
    query = select(author.c.visit_id, author.c.share, author.c.sign, author.c.seconds, author.c.counts)
    found = [_value(row) for row in await tx.execute(query.where(of_letter).order_by(author.c.visit_id))]
    await tx.execute(delete(author).where(of_letter))
    return found


async def list_written(
    tx: Tx, site_id: int, visit_ids: Collection[int], sender: str, before: datetime
) -> dict[int, float]:
    """How likely it is that somebody else than ``sender`` (lower case, "" for an unknown one) has written from each of
    these visits, by the letters that arrived before. Visits without such a letter are left out."""
    found: dict[int, float] = {}
    ids = sorted(visit_ids)
    for start in range(0, len(ids), _AT_ONCE):
        query = (
            select(author.c.visit_id, author.c.share)
            .join(message, and_(message.c.site_id == author.c.site_id, message.c.id == author.c.message_id))
            .where(
                author.c.site_id == site_id, author.c.visit_id.in_(ids[start : start + _AT_ONCE]),
                message.c.arrived_at <= before, message.c.automatic == "",
                or_(literal(sender) == "", message.c.from_address != sender),
            )
        )  # fmt: skip
        for visit_id, share in (await tx.execute(query)).all():
            found[visit_id] = 1 - (1 - found.get(visit_id, 0.0)) * (1 - share)
    return found


def _columns(one: Author) -> dict[str, object]:
    lesson = one.lesson
    return {
        "visit_id": one.visit_id,
        "share": round(one.share, 6),
        "sign": None if lesson is None else lesson.sign,
        "seconds": None if lesson is None else lesson.seconds,
        "counts": lesson is not None and lesson.counts,
    }


def _value(row: Row[*tuple[Any, ...]]) -> Author:
    visit_id, share, sign, seconds, counts = row
    return Author(visit_id, share, None if sign is None else Lesson(sign, seconds, share, counts))
