"""Which deliveries are due, and the claims on them.

A claim sets ``claimed_until`` only where it is empty or past, so two workers never have one delivery, and one whose
worker died is due again when the claim runs out; a worker that stops lets go of its claims. An endpoint that fails, or
has a rate, is posted to one delivery at a time: its ``quiet_until`` is set in the same write, so several processes
together keep to that too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, and_, or_, select, tuple_, update

from wherefrom.db import Tx
from wherefrom.db.keys import any_of
from wherefrom.webhooks.store.deliveries import COLUMNS, PENDING, Delivery, value_of
from wherefrom.webhooks.store.endpoints import is_awake, set_quiet, take_turns
from wherefrom.webhooks.tables import delivery, endpoint
from wherefrom.webhooks.turns import Due


class Claimed(Struct, frozen=True):
    """A delivery taken until ``until``, with what is needed to post it. The secrets are sealed."""

    delivery: Delivery
    until: datetime
    body: str
    url: str
    deal_path: str
    secret: str
    previous_secret: str | None
    failing: bool
    per_minute: int | None


def _free(now: datetime) -> ColumnElement[bool]:
    return and_(
        PENDING,
        delivery.c.next_at <= now,
        or_(delivery.c.claimed_until.is_(None), delivery.c.claimed_until <= now),
    )


async def list_due(tx: Tx, now: datetime, per_endpoint: int, limit: int) -> list[Due]:
    """What may go now: at most ``per_endpoint`` of each endpoint that is enabled and not quiet, what is due longest
    first."""
    of_endpoint = and_(delivery.c.site_id == endpoint.c.site_id, delivery.c.endpoint_id == endpoint.c.id)
    first = (
        select(delivery.c.id, delivery.c.next_at)
        .where(of_endpoint, _free(now))
        .order_by(delivery.c.next_at, delivery.c.id)
        .limit(per_endpoint)
        .correlate(endpoint)
    )
    rows = await tx.execute(_join_first(tx, first).where(endpoint.c.status == "enabled", is_awake(now)).limit(limit))
    return [
        Due(row.site_id, row.delivery_id, row.endpoint_id, row.failing_since is not None, row.per_minute)
        for row in rows
    ]


async def find_next_due(tx: Tx, now: datetime) -> datetime | None:
    """The first moment after ``now`` at which something may become due; None when nothing waits for its time."""
    first = (
        select(delivery.c.next_at)
        .where(
            delivery.c.site_id == endpoint.c.site_id,
            delivery.c.endpoint_id == endpoint.c.id,
            PENDING,
            delivery.c.next_at > now,
        )
        .order_by(delivery.c.next_at)
        .limit(1)
        .correlate(endpoint)
        .scalar_subquery()
    )
    rows = await tx.execute(
        select(first.label("next_at"), endpoint.c.quiet_until).where(endpoint.c.status == "enabled")
    )
    moments = [moment for row in rows for moment in (row.next_at, row.quiet_until) if moment is not None]
    return min((moment for moment in moments if moment > now), default=None)


def _join_first(tx: Tx, first: Select[Any]) -> Select[Any]:
    """Endpoints with their first due deliveries. PostgreSQL evaluates a limited subquery per endpoint only as LATERAL;
    SQLite has no LATERAL, and evaluates ``IN`` that way."""
    if tx.dialect.name == "postgresql":
        due = first.lateral("due")
        source, due_id, due_at = endpoint.join(due, due.c.id.is_not(None)), due.c.id, due.c.next_at
    else:
        row = delivery.alias("due")
        matches = and_(row.c.site_id == endpoint.c.site_id, row.c.id.in_(first.with_only_columns(delivery.c.id)))
        source, due_id, due_at = endpoint.join(row, matches), row.c.id, row.c.next_at
    columns = (endpoint.c.site_id, due_id.label("delivery_id"), endpoint.c.id.label("endpoint_id"))
    return (
        select(*columns, endpoint.c.failing_since, endpoint.c.per_minute).select_from(source).order_by(due_at, due_id)
    )


async def claim_deliveries(
    tx: Tx, chosen: Sequence[Due], now: datetime, until: datetime, probe_until: datetime
) -> list[Claimed]:
    """Takes those of ``chosen`` that are still free, until ``until``. Others have the rest. ``probe_until``: how long
    nothing else is started for an endpoint that fails, should this process die before it writes what came of it."""
    turns = {(one.site_id, one.endpoint_id): one.quiet_after(now, probe_until) for one in chosen if one.takes_turns}
    taken = await take_turns(tx, turns, now)
    chosen = [one for one in chosen if not one.takes_turns or (one.site_id, one.endpoint_id) in taken]
    if not chosen:
        return []
    claimed = await _claim(tx, chosen, now, until)
    for site_id, endpoint_id in taken - {(one.delivery.site_id, one.delivery.endpoint_id) for one in claimed}:
        await set_quiet(tx, site_id, endpoint_id, None)  # another process had the delivery: the turn was not used
    return claimed


async def release_claims(tx: Tx, claimed: Sequence[Claimed]) -> None:
    """Lets go of what nobody answered, so that it is due at once; what another process has taken by now stays its."""
    for until in {one.until for one in claimed}:
        keys = [(one.delivery.site_id, one.delivery.id) for one in claimed if one.until == until]
        mine = any_of(delivery.c.site_id, delivery.c.id, keys), PENDING, delivery.c.claimed_until == until
        await tx.execute(update(delivery).where(*mine).values(claimed_until=None))
    for site_id, endpoint_id in {(one.delivery.site_id, one.delivery.endpoint_id) for one in claimed if one.failing}:
        await set_quiet(tx, site_id, endpoint_id, None)  # its probe did not end, and nothing is known by it


async def _claim(tx: Tx, chosen: Sequence[Due], now: datetime, until: datetime) -> list[Claimed]:
    keys = tuple_(delivery.c.site_id, delivery.c.id)
    wanted = any_of(delivery.c.site_id, delivery.c.id, [(one.site_id, one.delivery_id) for one in chosen])
    free = select(delivery.c.site_id, delivery.c.id).where(wanted, _free(now)).with_for_update(skip_locked=True)
    done = await tx.execute(
        update(delivery).where(keys.in_(free)).values(claimed_until=until).returning(delivery.c.site_id, delivery.c.id)
    )
    mine = [(row.site_id, row.id) for row in done]
    return await _list_claimed(tx, mine, now) if mine else []


async def _list_claimed(tx: Tx, keys: Sequence[tuple[int, int]], now: datetime) -> list[Claimed]:
    e = endpoint.c
    rows = await tx.execute(
        select(
            *COLUMNS,
            delivery.c.claimed_until,
            delivery.c.body,
            e.url,
            e.deal_path,
            e.secret,
            e.previous_secret,
            e.previous_until,
            e.failing_since,
            e.per_minute,
        )
        .join(endpoint, and_(e.site_id == delivery.c.site_id, e.id == delivery.c.endpoint_id))
        .where(any_of(delivery.c.site_id, delivery.c.id, keys))
        .order_by(delivery.c.next_at, delivery.c.id)
    )
    return [
        Claimed(
            value_of(row),
            row.claimed_until,
            row.body,
            row.url,
            row.deal_path,
            row.secret,
            row.previous_secret if row.previous_until is not None and row.previous_until > now else None,
            row.failing_since is not None,
            row.per_minute,
        )
        for row in rows
    ]
