"""An analyst corrects a match: the visit is what a person says, with rule ``analyst`` and confidence 1.

What the rules had found is not lost: the words of each correction stand before the earlier reasons, newest first, and
the candidates stay. Later letters of the same thread or sender follow the corrected match. Webhooks are not told
again; the event of the letter stays what it was when it came.
"""

from __future__ import annotations

from wherefrom.errors import NotFound, Unprocessable
from wherefrom.inbox.store import details, messages
from wherefrom.inbox.store.details import MessageDetail
from wherefrom.inbox.words import moment_words, percent
from wherefrom.services import Services
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
        if visit_id is not None and await find_visit(tx, site_id, visit_id) is None:
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
        return await details.get_message(tx, site_id, message_id)


def _before(detail: MessageDetail) -> str:
    row = detail.row
    if row.rule in ("", "none"):
        return "no visit"
    return f"{_visit(row.visit_id)} by rule {row.rule} ({percent(row.confidence)})"


def _visit(visit_id: int | None) -> str:
    return "no visit" if visit_id is None else f"visit {visit_id}"
