"""Rows of ``delivery`` and ``attempt``.

    pending ─┬─▶ delivered
             ├─▶ exhausted ──(sent again by a person)──▶ pending
             └─▶ cancelled   (its endpoint was removed)

``claimed_until`` is the claim of the worker that has it on the way: set only where it is empty or past, so two workers
never have one delivery, and one whose worker died is due again when the claim runs out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, and_, func, literal_column, select, tuple_, update

from wherefrom.db import Tx, insert
from wherefrom.errors import NotFound
from wherefrom.webhooks.tables import attempt, delivery, endpoint


class Delivery(Struct, frozen=True):
    """One event for one endpoint. ``attempts`` counts all, ``failures`` those since it was made or sent again;
    ``lead`` and ``sequence``: see ``lead.py``, None for what is no letter."""

    site_id: int
    id: int
    endpoint_id: int
    event_id: int
    event_type: str
    subject_id: int
    lead: str
    sequence: int | None
    status: str
    attempts: int
    failures: int
    next_at: datetime
    claimed_until: datetime | None
    created_at: datetime
    ended_at: datetime | None


class NewDelivery(Struct, frozen=True):
    """A delivery to be made. ``body``: the text every attempt posts; ``lead``, ``sequence``: see ``lead.py``."""

    site_id: int
    id: int
    endpoint_id: int
    event_id: int
    event_type: str
    subject_id: int
    body: str
    lead: str = ""
    sequence: int | None = None


class Attempt(Struct, frozen=True):
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

COLUMNS: tuple[ColumnElement[Any], ...] = tuple(delivery.c[name] for name in Delivery.__struct_fields__)


def _this(site_id: int, delivery_id: int) -> ColumnElement[bool]:
    return (delivery.c.site_id == site_id) & (delivery.c.id == delivery_id)


def value_of(row: Row[*tuple[Any, ...]]) -> Delivery:
    fields = row._mapping
    return Delivery(**{name: fields[name] for name in Delivery.__struct_fields__})


async def add_deliveries(tx: Tx, new: Sequence[NewDelivery], now: datetime) -> int:
    """Adds those that are not there yet (one per endpoint and event), due at once; how many were given."""
    if not new:
        return 0
    fixed = {"status": "pending", "attempts": 0, "failures": 0, "next_at": now, "created_at": now}
    rows = [{name: getattr(one, name) for name in NewDelivery.__struct_fields__} | fixed for one in new]
    await tx.execute(insert(tx, delivery).on_conflict_do_nothing(), rows)
    return len(rows)


async def is_attempt_known(tx: Tx, site_id: int, attempt_id: int) -> bool:
    query = select(attempt.c.id).where(attempt.c.site_id == site_id, attempt.c.id == attempt_id)
    return await tx.scalar(query) is not None


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
    tx: Tx, site_id: int, since: datetime | None, until: datetime | None, statuses: Collection[str],
    endpoint_id: int | None, now: datetime,
) -> int:  # fmt: skip
    """As ``mark_due_again`` for the deliveries made in [``since``, ``until``) that are in ``statuses``; how many. None:
    no bound."""
    where = [delivery.c.site_id == site_id, delivery.c.status.in_(statuses), _RESENDABLE]
    if since is not None:
        where.append(delivery.c.created_at >= since)
    if until is not None:
        where.append(delivery.c.created_at < until)
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
    row = (await tx.execute(select(*COLUMNS, delivery.c.body).where(_this(site_id, delivery_id)))).one_or_none()
    if row is None:
        raise NotFound(f"this site has no delivery {delivery_id}", hint="list them: GET …/deliveries")
    return value_of(row), row.body


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
    rows = await tx.execute(select(*COLUMNS).where(*where).order_by(delivery.c.id.desc()).limit(limit))
    return [value_of(row) for row in rows]


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
