"""All SQL of the metrics room: sums over all sites, each read from an index of what waits.

What is counted here is short while all is well; where it is long, counting ends at ``MOST`` and says so by that number.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, literal, literal_column, select

from wherefrom.db import Tx
from wherefrom.events.tables import event
from wherefrom.inbox.tables import mailbox, message
from wherefrom.outbound.tables import sender
from wherefrom.tracking.tables import hit
from wherefrom.webhooks.tables import delivery, endpoint

MOST = 100_000

_SOUND = ("new", "connecting", "ok")
"""A mailbox that is read, or about to be."""


@dataclass(frozen=True, slots=True)
class Queue:
    """``count`` pieces of work wait, ``MOST`` at the most; ``since`` is the moment the oldest could have been done."""

    count: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """``queues`` by name; how many mailboxes and endpoints have which status."""

    queues: dict[str, Queue]
    mailboxes: dict[str, int]
    endpoints: dict[str, int]


async def read_standing(tx: Tx, now: datetime) -> Standing:
    """How things stand in the database, whichever process does the work."""
    unsorted = message.c.status == literal_column("'stored'")
    due = (delivery.c.status == literal_column("'pending'")) & (delivery.c.next_at <= now)
    enabled = select(endpoint.c.site_id, endpoint.c.id).where(endpoint.c.status == "enabled").subquery()
    posts = select(delivery.c.next_at).join(
        enabled, (delivery.c.site_id == enabled.c.site_id) & (delivery.c.endpoint_id == enabled.c.id)
    )
    queues = {
        "letters": await _queue(tx, select(message.c.stored_at).where(unsorted, message.c.historic.is_(False))),
        "old_letters": await _queue(tx, select(message.c.stored_at).where(unsorted, message.c.historic.is_(True))),
        "events": await _queue(tx, select(event.c.created_at).where(event.c.fanned_at.is_(None))),
        "deliveries": await _queue(tx, posts.where(due)),
        "hits": await _queue(tx, select(hit.c.seen_at)),
    }
    return Standing(queues, await _by_status(tx, _mailbox_status()), await _by_status(tx, endpoint.c.status))


@dataclass(frozen=True, slots=True)
class Broken:
    """Something outside that does not work; ``kind`` is mailbox, endpoint or sender, the last one by its site."""

    kind: str
    id: int
    status: str


async def list_broken(tx: Tx, most: int) -> list[Broken]:
    """What is switched on and does not work, ``most`` of each kind."""
    refused = mailbox.c.enabled & mailbox.c.status.not_in(_SOUND)
    failing = (endpoint.c.status == "enabled") & endpoint.c.failing_since.is_not(None)
    asked = (
        ("mailbox", select(mailbox.c.id, mailbox.c.status).where(refused)),
        ("endpoint", select(endpoint.c.id, endpoint.c.status).where(failing | (endpoint.c.status == "failed"))),
        ("sender", select(sender.c.site_id, sender.c.status).where(sender.c.status == "failing")),
    )
    found: list[Broken] = []
    for kind, query in asked:
        rows = await tx.execute(query.order_by(query.selected_columns[0]).limit(most))
        found += [Broken(kind, row[0], row[1]) for row in rows]
    return found


async def _queue(tx: Tx, waiting: Select[Any]) -> Queue:
    some = waiting.limit(MOST).subquery()
    row = (await tx.execute(select(func.count(), func.min(some.c[0])).select_from(some))).one()
    return Queue(row[0], row[1])


async def _by_status(tx: Tx, status: ColumnElement[str]) -> dict[str, int]:
    named = status.label("status")
    rows = await tx.execute(select(named, func.count()).group_by(named))
    return {row[0]: row[1] for row in rows}


def _mailbox_status() -> ColumnElement[str]:
    return case((mailbox.c.enabled, mailbox.c.status), else_=literal("off"))
