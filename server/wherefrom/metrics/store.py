"""All SQL of the metrics room: sums over all sites, each read from an index of what waits.

What is counted here is short while all is well; where it is long, counting ends at ``MOST`` and says so by that number.
Mailboxes, endpoints and sending accounts are told one by one, as long as there are not more than ``MOST_NAMED`` of a
kind; those that are not well come first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, Table, case, func, literal, literal_column, select

from wherefrom.db import Tx
from wherefrom.events.tables import event
from wherefrom.inbox.tables import mailbox, message
from wherefrom.outbound.tables import outgoing, sender
from wherefrom.sites.tables import site
from wherefrom.tracking.tables import hit
from wherefrom.webhooks.tables import delivery, endpoint

MOST = 100_000
MOST_NAMED = 500

_SOUND = ("new", "connecting", "ok")
"""A mailbox that is read, or about to be."""


class Queue(Struct, frozen=True):
    """``count`` pieces of work wait, ``MOST`` at the most; ``since`` is the moment the oldest could have been done."""

    count: int
    since: datetime | None


class Named(Struct, frozen=True):
    """A mailbox, an endpoint or a sending account (whose id is its site's): how it stands, and since when nothing was
    heard of it (None: it is well, or never was)."""

    kind: str
    site: str
    id: int
    status: str
    silent_since: datetime | None


class Standing(Struct, frozen=True):
    """``queues`` by name; how many mailboxes and endpoints have which status; how each of them is."""

    queues: dict[str, Queue]
    mailboxes: dict[str, int]
    endpoints: dict[str, int]
    named: list[Named]


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
        "outgoing": await _queue(tx, select(outgoing.c.next_at).where(outgoing.c.next_at <= now)),
    }
    named = [
        *await _named(tx, "mailbox", mailbox, _mailbox_status(), mailbox.c.checked_at, "ok"),
        *await _named(tx, "endpoint", endpoint, endpoint.c.status, endpoint.c.failing_since, "enabled"),
        *await _named(tx, "sender", sender, sender.c.status, sender.c.failing_since, "working"),
    ]
    mailboxes, endpoints = await _by_status(tx, _mailbox_status()), await _by_status(tx, endpoint.c.status)
    return Standing(queues, mailboxes, endpoints, named)


async def _named(
    tx: Tx, kind: str, table: Table, status: ColumnElement[str], since: ColumnElement[datetime], well: str
) -> list[Named]:
    id_ = table.c.id if "id" in table.c else table.c.site_id
    query = (
        select(site.c.name, id_, status.label("status"), since)
        .join(site, site.c.id == table.c.site_id)
        .order_by(case((status == well, 1), else_=0), table.c.site_id, id_)
        .limit(MOST_NAMED)
    )
    return [Named(kind, *row) for row in await tx.execute(query)]


class Broken(Struct, frozen=True):
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
