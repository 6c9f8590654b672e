"""Rows of ``delivery`` and ``attempt``.

    pending ─┬─▶ delivered
             ├─▶ exhausted ──(sent again by a person)──▶ pending
             └─▶ cancelled   (its endpoint was removed)

``claimed_until`` is the claim of the worker that has it on the way: set only where it is empty or past, so two workers
never have one delivery, and one whose worker died is due again when the claim runs out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal_column, or_, select, tuple_, update
from sqlalchemy import delete as sql_delete

from wherefrom.db import Tx, insert
from wherefrom.db.keys import any_of
from wherefrom.errors import NotFound
from wherefrom.webhooks.tables import attempt, delivery, endpoint
from wherefrom.webhooks.turns import Due


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint. ``attempts`` counts all, ``failures`` those since it was made or sent again."""

    site_id: int
    id: int
    endpoint_id: int
    event_id: int
    event_type: str
    subject_id: int
    status: str
    attempts: int
    failures: int
    next_at: datetime
    claimed_until: datetime | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to be made. ``body``: the JSON text that every attempt posts."""

    site_id: int
    id: int
    endpoint_id: int
    event_id: int
    event_type: str
    subject_id: int
    body: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery taken for a time, with what is needed to post it. The secrets are sealed."""

    delivery: Delivery
    body: str
    url: str
    deal_path: str
    secret: str
    previous_secret: str | None
    failing: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP try. ``status_code`` None: there was no answer. ``answer``: the beginning of its body."""

    site_id: int
    id: int
    delivery_id: int
    number: int
    started_at: datetime
    milliseconds: int
    status_code: int | None
    error: str
    answer: str


# A literal, not a parameter: only so do both engines know that the partial index holds what is asked for.
PENDING = delivery.c.status == literal_column("'pending'")

_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(delivery.c[name] for name in Delivery.__slots__)


def _this(site_id: int, delivery_id: int) -> ColumnElement[bool]:
    return (delivery.c.site_id == site_id) & (delivery.c.id == delivery_id)


def _value(row: Row[*tuple[Any, ...]]) -> Delivery:
    fields = row._mapping
    return Delivery(**{name: fields[name] for name in Delivery.__slots__})


def _free(now: datetime) -> ColumnElement[bool]:
    return and_(
        PENDING,
        delivery.c.next_at <= now,
        or_(delivery.c.claimed_until.is_(None), delivery.c.claimed_until <= now),
    )


async def add_deliveries(tx: Tx, new: Sequence[NewDelivery], now: datetime) -> int:
    """Adds those that are not there yet (one per endpoint and event), due at once; how many were given."""
    if not new:
        return 0
    fixed = {"status": "pending", "attempts": 0, "failures": 0, "next_at": now, "created_at": now}
    rows = [{name: getattr(one, name) for name in NewDelivery.__slots__} | fixed for one in new]
    await tx.execute(insert(tx, delivery).on_conflict_do_nothing(), rows)
    return len(rows)


async def list_due(tx: Tx, now: datetime, per_endpoint: int, limit: int) -> list[Due]:
    """What may go now: at most ``per_endpoint`` of each enabled endpoint, what is due longest first."""
    of_endpoint = and_(delivery.c.site_id == endpoint.c.site_id, delivery.c.endpoint_id == endpoint.c.id)
    first = (
        select(delivery.c.id, delivery.c.next_at)
        .where(of_endpoint, _free(now))
        .order_by(delivery.c.next_at, delivery.c.id)
        .limit(per_endpoint)
        .correlate(endpoint)
    )
    rows = await tx.execute(_join_first(tx, first).where(endpoint.c.status == "enabled").limit(limit))
    return [Due(row.site_id, row.delivery_id, row.endpoint_id, row.failing_since is not None) for row in rows]


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
    return select(*columns, endpoint.c.failing_since).select_from(source).order_by(due_at, due_id)


async def claim_deliveries(tx: Tx, chosen: Sequence[Due], now: datetime, until: datetime) -> list[Claimed]:
    """Takes those of ``chosen`` that are still free, until ``until``. Others have the rest."""
    if not chosen:
        return []
    keys = tuple_(delivery.c.site_id, delivery.c.id)
    wanted = any_of(delivery.c.site_id, delivery.c.id, [(one.site_id, one.delivery_id) for one in chosen])
    free = select(delivery.c.site_id, delivery.c.id).where(wanted, _free(now)).with_for_update(skip_locked=True)
    taken = await tx.execute(
        update(delivery).where(keys.in_(free)).values(claimed_until=until).returning(delivery.c.site_id, delivery.c.id)
    )
    mine = [(row.site_id, row.id) for row in taken]
    return await _list_claimed(tx, mine, now) if mine else []


async def _list_claimed(tx: Tx, keys: Sequence[tuple[int, int]], now: datetime) -> list[Claimed]:
    e = endpoint.c
    rows = await tx.execute(
        select(
            *_COLUMNS,
            delivery.c.body,
            e.url,
            e.deal_path,
            e.secret,
            e.previous_secret,
            e.previous_until,
            e.failing_since,
        )
        .join(endpoint, and_(e.site_id == delivery.c.site_id, e.id == delivery.c.endpoint_id))
        .where(any_of(delivery.c.site_id, delivery.c.id, keys))
        .order_by(delivery.c.next_at, delivery.c.id)
    )
    return [
        Claimed(
            _value(row),
            row.body,
            row.url,
            row.deal_path,
            row.secret,
            row.previous_secret if row.previous_until is not None and row.previous_until > now else None,
            row.failing_since is not None,
        )
        for row in rows
    ]


async def append_attempt(
    tx: Tx, claimed: Delivery, attempt_id: int, started_at: datetime, milliseconds: int, status_code: int | None,
    error: str, answer: str,
) -> None:  # fmt: skip
    """Adds the attempt under the delivery's next number."""
    counted = await tx.execute(
        update(delivery)
        .where(_this(claimed.site_id, claimed.id))
        .values(attempts=delivery.c.attempts + 1)
        .returning(delivery.c.attempts)
    )
    number = counted.scalar_one_or_none()
    if number is None:  # erased meanwhile, with everything about it
        return
    await tx.execute(
        attempt.insert().values(
            site_id=claimed.site_id, id=attempt_id, delivery_id=claimed.id, number=number, started_at=started_at,
            milliseconds=milliseconds, status_code=status_code, error=error, answer=answer,
        )
    )  # fmt: skip


async def mark_delivered(tx: Tx, claimed: Delivery, now: datetime) -> None:
    """pending → delivered, whoever has the claim by now: the receiver has the letter."""
    await tx.execute(
        update(delivery)
        .where(_this(claimed.site_id, claimed.id), delivery.c.status == "pending")
        .values(status="delivered", ended_at=now, claimed_until=None)
    )


async def mark_failed(tx: Tx, claimed: Delivery, next_at: datetime | None, now: datetime) -> None:
    """pending → pending at ``next_at``, or exhausted when that is None; nothing when the claim has been lost."""
    ended = {"status": "exhausted", "ended_at": now} if next_at is None else {"next_at": next_at}
    await tx.execute(
        update(delivery)
        .where(
            _this(claimed.site_id, claimed.id),
            delivery.c.status == "pending",
            delivery.c.claimed_until == claimed.claimed_until,
        )
        .values(**ended, failures=claimed.failures + 1, claimed_until=None)
    )


async def mark_due_again(tx: Tx, site_id: int, delivery_id: int, now: datetime) -> bool:
    """→ pending, due now, at the start of the schedule; False when there is none, or its endpoint is gone. One that is
    on its way keeps its claim."""
    done = await tx.execute(update(delivery).where(_this(site_id, delivery_id), _RESENDABLE).values(_again(now)))
    return done.rowcount > 0


async def mark_due_again_between(
    tx: Tx, site_id: int, since: datetime, until: datetime, statuses: Collection[str], endpoint_id: int | None,
    now: datetime,
) -> int:  # fmt: skip
    """As ``mark_due_again`` for the deliveries made in [``since``, ``until``) that are in ``statuses``; how many."""
    where = [
        delivery.c.site_id == site_id,
        delivery.c.created_at >= since,
        delivery.c.created_at < until,
        delivery.c.status.in_(statuses),
        _RESENDABLE,
    ]
    if endpoint_id is not None:
        where.append(delivery.c.endpoint_id == endpoint_id)
    done = await tx.execute(update(delivery).where(*where).values(_again(now)))
    return done.rowcount


_RESENDABLE = and_(
    delivery.c.status != "cancelled",
    select(endpoint.c.id)
    .where(endpoint.c.site_id == delivery.c.site_id, endpoint.c.id == delivery.c.endpoint_id)
    .correlate(delivery)
    .exists(),
)


def _again(now: datetime) -> dict[str, Any]:
    return {"status": "pending", "failures": 0, "next_at": now, "ended_at": None}


async def get_delivery(tx: Tx, site_id: int, delivery_id: int) -> tuple[Delivery, str]:
    """A delivery and its body; NotFound when the site has none with this id."""
    row = (await tx.execute(select(*_COLUMNS, delivery.c.body).where(_this(site_id, delivery_id)))).one_or_none()
    if row is None:
        raise NotFound(f"this site has no delivery {delivery_id}", hint="list them: GET …/deliveries")
    return _value(row), row.body


async def list_deliveries(
    tx: Tx, site_id: int, *, limit: int, before_id: int | None = None, status: str | None = None,
    endpoint_id: int | None = None, subject_id: int | None = None, event_id: int | None = None,
) -> list[Delivery]:  # fmt: skip
    """The newest first; ``before_id`` continues a list."""
    where = [delivery.c.site_id == site_id]
    if before_id is not None:
        where.append(delivery.c.id < before_id)
    wanted = {"status": status, "endpoint_id": endpoint_id, "subject_id": subject_id, "event_id": event_id}
    where += [delivery.c[name] == value for name, value in wanted.items() if value is not None]
    rows = await tx.execute(select(*_COLUMNS).where(*where).order_by(delivery.c.id.desc()).limit(limit))
    return [_value(row) for row in rows]


async def list_attempts(tx: Tx, site_id: int, delivery_id: int) -> list[Attempt]:
    """All attempts of one delivery, the first first."""
    rows = await tx.execute(
        select(attempt)
        .where(attempt.c.site_id == site_id, attempt.c.delivery_id == delivery_id)
        .order_by(attempt.c.number)
    )
    return [Attempt(**row._mapping) for row in rows]


async def list_last_attempts(tx: Tx, site_id: int, delivery_ids: Collection[int]) -> dict[int, Attempt]:
    """The last attempt of each delivery that has one."""
    of_these = and_(attempt.c.site_id == site_id, attempt.c.delivery_id.in_(delivery_ids))
    last = select(attempt.c.delivery_id, func.max(attempt.c.number)).where(of_these).group_by(attempt.c.delivery_id)
    rows = await tx.execute(select(attempt).where(of_these, tuple_(attempt.c.delivery_id, attempt.c.number).in_(last)))
    return {row.delivery_id: Attempt(**row._mapping) for row in rows}


async def count_waiting(tx: Tx) -> int:
    """Deliveries not yet accepted, over all sites: a number for the metrics page."""
    return (await tx.execute(select(func.count()).where(PENDING))).scalar_one()


async def delete_ended(tx: Tx, before: datetime, limit: int) -> int:
    """Retention: removes deliveries that ended before ``before``, with their attempts; how many. ``limit``: a few
    hundred at a time."""
    rows = await tx.execute(
        select(delivery.c.site_id, delivery.c.id)
        .where(delivery.c.status != "pending", delivery.c.ended_at < before)
        .limit(limit)
    )
    keys = [(row.site_id, row.id) for row in rows]
    await _delete(tx, keys)
    return len(keys)


async def delete_subjects(tx: Tx, site_id: int, subject_ids: Collection[int]) -> int:
    """Erasure: removes the deliveries about these messages, bodies and answers with them; how many."""
    rows = await tx.execute(
        select(delivery.c.id).where(delivery.c.site_id == site_id, delivery.c.subject_id.in_(subject_ids))
    )
    keys = [(site_id, row.id) for row in rows]
    await _delete(tx, keys)
    return len(keys)


async def _delete(tx: Tx, keys: Sequence[tuple[int, int]]) -> None:
    if keys:
        await tx.execute(sql_delete(attempt).where(any_of(attempt.c.site_id, attempt.c.delivery_id, keys)))
        await tx.execute(sql_delete(delivery).where(any_of(delivery.c.site_id, delivery.c.id, keys)))
