"""The bodies that endpoints get: rendered once, when the event is fanned out, and the same bytes on every attempt.

Two formats: ``standard`` is Standard Webhooks' ``{type, timestamp, data}`` around the whole snapshot; ``roistat`` is
one flat object of 29 names, always all of them. In both, ids are JSON strings (they exceed 2^53), an absent value is
null, and attachments are links that expire: a delivery sent again much later carries links that have run out. Knows no
endpoint's wishes (``endpoint.py``) and no signature.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from wherefrom.events.snapshots import MessageReceived, TestPing, Visit
from wherefrom.webhooks.endpoint import Attachments

Link = Callable[[int], str]
"""The number of an attachment in, its URL out."""

_OWN_PARAMETERS = 5
_UTM = ("source", "medium", "campaign", "term", "content")


class Lead(msgspec.Struct, frozen=True):
    """Whose letter it is, and which of theirs (see ``lead.py``): ``data.lead`` of format ``standard``."""

    id: str
    sequence: int


def render_standard(
    event_type: str, at: datetime, snapshot: msgspec.Struct, link: Link, lead: Lead | None = None
) -> bytes:
    """``{"type", "timestamp", "data"}``; in ``data.message.attachments`` each has its ``url``.

    ``at``: when the event happened. Deliveries promise no order; ``data.lead`` lets a receiver restore it.
    """
    data: dict[str, Any] = msgspec.to_builtins(snapshot, builtin_types=(datetime,))
    if isinstance(snapshot, MessageReceived):
        for attachment in data["message"]["attachments"]:
            attachment["url"] = link(attachment["n"])
    if lead is not None:
        data["lead"] = {"id": lead.id, "sequence": lead.sequence}
    return msgspec.json.encode({"type": event_type, "timestamp": at, "data": data})


def render_roistat(snapshot: MessageReceived, link: Link, attachments: Attachments = "objects") -> bytes:
    """The flat body of 29 names (ROISTAT's webhook). ``attachments``: objects ``{name, size, content_type, url}``, or
    plain URL strings. For a letter without a visit everything about the visit is null."""
    message = snapshot.message
    body: dict[str, Any] = {
        "id": message.id,
        "email_id": message.email_id,
        "visit_id": snapshot.visit.id if snapshot.visit else None,
        "subject": message.subject,
        "text": message.text,
        "email_from": message.from_address,
        "email_to": message.to_address,
        "attachments": [
            link(one.n)
            if attachments == "urls"
            else {"name": one.name, "size": one.size, "content_type": one.content_type, "url": link(one.n)}
            for one in message.attachments
        ],
        **_about_visit(snapshot.visit),
    }
    return msgspec.json.encode(body)


def _about_visit(visit: Visit | None) -> dict[str, Any]:
    """The names from ``referrer`` to ``source_level_2``; what is empty is absent, and so null."""
    names = (
        ["referrer", "marker", "city", "country", "ip", "first_visit", "domain", "landing_page"]
        + [f"utm_{name}" for name in _UTM]
        + [f"roistat_param_{number}" for number in range(1, _OWN_PARAMETERS + 1)]
        + ["google_client_id", "source_level_1", "source_level_2"]
    )
    known: dict[str, Any] = {}
    if visit is not None:
        known = {name: getattr(visit, name) for name in (*names[:8], "google_client_id")}
        known |= {f"utm_{name}": getattr(visit.utm, name) for name in _UTM}
        known |= {f"roistat_param_{number}": value for number, value in visit.params.items()}
        known |= {f"source_level_{number}": level for number, level in enumerate(visit.source_levels, 1)}
    return {name: known.get(name) or None for name in names}


def render_ping(format_: str, at: datetime, ping: TestPing) -> bytes:
    """What a test sends: in format ``roistat`` a flat body with made-up values that say what they are."""
    if format_ == "standard":
        return render_standard("test.ping", at, ping, link=str)
    body: dict[str, Any] = {
        "id": "0",
        "email_id": "0",
        "visit_id": "0",
        "subject": "Test from Wherefrom",
        "text": ping.note,
        "email_from": "test@example.com",
        "email_to": "test@example.com",
        "attachments": [],
        **_about_visit(None),
    }
    return msgspec.json.encode(body)
