"""Rows of ``endpoint``. Secrets pass through sealed; only ``open_secrets`` of the use cases reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select, update
from sqlalchemy import delete as sql_delete

from wherefrom.db import Tx
from wherefrom.errors import NotFound
from wherefrom.webhooks.endpoint import Endpoint
from wherefrom.webhooks.store.deliveries import PENDING
from wherefrom.webhooks.tables import delivery, endpoint


@dataclass(frozen=True, slots=True)
class SealedSecrets:
    """What signs, sealed. ``previous`` is None unless the secret was changed and the old one still signs."""

    current: str
    previous: str | None


def _this(site_id: int, endpoint_id: int) -> ColumnElement[bool]:
    return (endpoint.c.site_id == site_id) & (endpoint.c.id == endpoint_id)


def _value(row: Row[Any]) -> Endpoint:
    fields = row._mapping
    return Endpoint(**{name: fields[name] for name in Endpoint.__slots__})


async def add_endpoint(tx: Tx, one: Endpoint, sealed_secret: str) -> None:
    row = {name: getattr(one, name) for name in Endpoint.__slots__}
    await tx.execute(endpoint.insert().values(**row, secret=sealed_secret))


async def get_endpoint(tx: Tx, site_id: int, endpoint_id: int) -> Endpoint:
    """The endpoint; NotFound when the site has none with this id."""
    row = (await tx.execute(select(endpoint).where(_this(site_id, endpoint_id)))).one_or_none()
    if row is None:
        raise NotFound(f"this site has no endpoint {endpoint_id}", hint="list them: GET …/endpoints")
    return _value(row)


async def list_endpoints(tx: Tx, site_id: int) -> list[Endpoint]:
    """All endpoints of a site, the oldest first."""
    rows = await tx.execute(select(endpoint).where(endpoint.c.site_id == site_id).order_by(endpoint.c.id))
    return [_value(row) for row in rows]


async def list_endpoints_of(tx: Tx, site_ids: Collection[int]) -> dict[int, list[Endpoint]]:
    """All endpoints of several sites, by site."""
    rows = await tx.execute(select(endpoint).where(endpoint.c.site_id.in_(site_ids)).order_by(endpoint.c.id))
    by_site: dict[int, list[Endpoint]] = {site_id: [] for site_id in site_ids}
    for row in rows:
        by_site[row.site_id].append(_value(row))
    return by_site


async def list_waiting(tx: Tx, site_id: int) -> dict[int, int]:
    """How many deliveries wait, by endpoint; endpoints without any are absent."""
    rows = await tx.execute(
        select(delivery.c.endpoint_id, func.count())
        .where(delivery.c.site_id == site_id, PENDING)
        .group_by(delivery.c.endpoint_id)
    )
    return {row[0]: row[1] for row in rows}


async def update_endpoint(tx: Tx, site_id: int, endpoint_id: int, values: Mapping[str, Any]) -> None:
    """Writes the columns named in ``values``."""
    if values:
        await tx.execute(update(endpoint).where(_this(site_id, endpoint_id)).values(**values))


async def delete_endpoint(tx: Tx, site_id: int, endpoint_id: int, now: datetime) -> None:
    """Removes the endpoint and calls off what waits for it; what was delivered stays in the history."""
    await tx.execute(
        update(delivery)
        .where(delivery.c.site_id == site_id, delivery.c.endpoint_id == endpoint_id, delivery.c.status == "pending")
        .values(status="cancelled", ended_at=now, claimed_until=None)
    )
    await tx.execute(sql_delete(endpoint).where(_this(site_id, endpoint_id)))


async def get_secrets(tx: Tx, site_id: int, endpoint_id: int, now: datetime) -> SealedSecrets:
    """The sealed secrets that sign at ``now``; NotFound when there is no such endpoint."""
    columns = (endpoint.c.secret, endpoint.c.previous_secret, endpoint.c.previous_until)
    row = (await tx.execute(select(*columns).where(_this(site_id, endpoint_id)))).one_or_none()
    if row is None:
        raise NotFound(f"this site has no endpoint {endpoint_id}")
    still = row.previous_until is not None and row.previous_until > now
    return SealedSecrets(row.secret, row.previous_secret if still else None)


async def mark_accepting(tx: Tx, site_id: int, endpoint_id: int) -> None:
    """The endpoint has accepted something: whatever failed before is over."""
    await tx.execute(
        update(endpoint)
        .where(_this(site_id, endpoint_id), endpoint.c.failing_since.is_not(None))
        .values(failing_since=None)
    )


async def mark_failing(tx: Tx, site_id: int, endpoint_id: int, now: datetime) -> datetime | None:
    """Since when the endpoint has been failing, ``now`` included; None when it is gone from the table."""
    await tx.execute(
        update(endpoint)
        .where(_this(site_id, endpoint_id), endpoint.c.failing_since.is_(None))
        .values(failing_since=now)
    )
    since = (await tx.execute(select(endpoint.c.failing_since).where(_this(site_id, endpoint_id)))).scalar_one_or_none()
    return since if isinstance(since, datetime) else None


async def mark_disabled(tx: Tx, site_id: int, endpoint_id: int, status: str, reason: str) -> bool:
    """Moves enabled → ``status`` (gone, failed); False when it was not enabled, so that one notice is written."""
    done = await tx.execute(
        update(endpoint)
        .where(_this(site_id, endpoint_id), endpoint.c.status == "enabled")
        .values(status=status, status_reason=reason)
    )
    return done.rowcount > 0
