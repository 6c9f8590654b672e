"""An analyst corrects a match: the visit is what a person says, with rule ``analyst`` and confidence 1.

What the rules had found is not lost: the words of each correction stand before the earlier reasons, newest first, and
the candidates stay. Later letters of the same thread or sender follow the corrected match. What the letter had taught
about the site's visitors is taken back, and what it teaches by the visit it really came from takes its place. Webhooks
are not told again; the event of the letter stays what it was when it came.
"""

from __future__ import annotations

from datetime import datetime

from wherefrom.db import Tx
from wherefrom.errors import NotFound, Unprocessable
from wherefrom.inbox.gather import find_holding
from wherefrom.inbox.pool import learn_from
from wherefrom.inbox.store import authors, details, messages
from wherefrom.inbox.store.details import MessageDetail
from wherefrom.inbox.store.traits import replace_traits
from wherefrom.inbox.words import moment_words, percent
from wherefrom.inbox.written import estimate_written
from wherefrom.services import Services
from wherefrom.substitution.lease import NOBODY
from wherefrom.substitution.settle import correct_letter
from wherefrom.substitution.tally import Credit
from wherefrom.visits.store import find_visit

_MOST_REASONS = 50


async def correct_match(
    services: Services, site_id: int, message_id: int, visit_id: int | None, who: str
) -> MessageDetail:
    """The message with its new match. ``visit_id`` None: it came from no visit. ``who`` in words. NotFound without
    the message or the visit, Unprocessable for one that is not sorted."""
    now = services.clock.now()
    async with services.db.write() as tx:
        detail = await details.get_message(tx, site_id, message_id)
        if detail.row.status != "sorted":
            raise Unprocessable(f"message {message_id} is {detail.row.status}: it has no match to correct")
        visit = None if visit_id is None else await find_visit(tx, site_id, visit_id)
        if visit_id is not None and visit is None:
            raise NotFound(f"there is no visit {visit_id}", hint="the visit number stands in the list of visits")
        if (visit_id, "analyst") == (detail.row.visit_id, detail.row.rule):
            return detail
        words = f"analyst: {who} set {_visit(visit_id)} on {moment_words(now)}; before: {_before(detail)}"
        values = {
            "visit_id": visit_id,
            "lease_id": None,
            "rule": "analyst",
            "confidence": 1.0,
            "reasons": [words, *detail.reasons][:_MOST_REASONS],
            "matched_at": now,
        }
        await messages.set_match(tx, site_id, message_id, values)
        await replace_traits(tx, site_id, (detail.row.arrived_at, message_id), visit)
        await _teach(tx, site_id, detail, visit_id, now)
        return await details.get_message(tx, site_id, message_id)


async def _teach(tx: Tx, site_id: int, detail: MessageDetail, visit_id: int | None, now: datetime) -> None:
    message_id = detail.row.id
    mistaken = await authors.take_authors(tx, site_id, message_id)
    credit = None if visit_id is None else await _credit(tx, site_id, detail, visit_id)
    if visit_id is not None:
        lesson = None if credit is None else credit.lesson
        await authors.add_authors(tx, site_id, message_id, [authors.Author(visit_id, 1.0, lesson)])
    taught = [one.lesson for one in mistaken if one.lesson is not None]
    await correct_letter(tx, site_id, taught, [] if credit is None else [credit], now)


async def _credit(tx: Tx, site_id: int, detail: MessageDetail, visit_id: int) -> Credit | None:
    """What the letter teaches by this visit: nothing when it never held the address, and nothing by an automatic
    letter or a later one of a talk."""
    row = detail.row
    if row.automatic or not row.first_of_thread or row.rule == "sender":
        return None
    found = await find_holding(tx, site_id, visit_id, row.to_address)
    if found is None or found[0].visitor_id == NOBODY:
        return None
    holding, in_pool = found
    written = estimate_written(row.written_at, None, row.arrived_at)
    lesson = learn_from(holding, written.likeliest, 1.0, counts=in_pool)
    return None if lesson is None else Credit(holding.lease_id, visit_id, holding.address, lesson)


def _before(detail: MessageDetail) -> str:
    row = detail.row
    if row.rule in ("", "none"):
        return "no visit"
    return f"{_visit(row.visit_id)} by rule {row.rule} ({percent(row.confidence)})"


def _visit(visit_id: int | None) -> str:
    return "no visit" if visit_id is None else f"visit {visit_id}"
