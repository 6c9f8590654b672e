"""Rows of ``endpoint``. Secrets pass through sealed; only ``open_secrets`` of the use cases reads them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Row, func, literal, or_, select, update
from sqlalchemy import delete as sql_delete

from wherefrom.db import Tx
from wherefrom.errors import NotFound
from wherefrom.webhooks.endpoint import Endpoint
from wherefrom.webhooks.store.deliveries import PENDING
from wherefrom.webhooks.tables import delivery, endpoint, lead


class SealedSecrets(Struct, frozen=True):
    """What signs, sealed. ``previous`` is None unless the secret was changed and the old one still signs."""

    current: str
    previous: str | None


def _this(site_id: int, endpoint_id: int) -> ColumnElement[bool]:
    return (endpoint.c.site_id == site_id) & (endpoint.c.id == endpoint_id)


def is_awake(now: datetime) -> ColumnElement[bool]:
    """Whether anything may be started for the endpoint at ``now``."""
    return or_(endpoint.c.quiet_until.is_(None), endpoint.c.quiet_until <= now)


def _value(row: Row[Any]) -> Endpoint:
    fields = {name: row._mapping[name] for name in Endpoint.__struct_fields__}
    return Endpoint(**fields | {"events": tuple(fields["events"])})


async def add_endpoint(tx: Tx, one: Endpoint, sealed_secret: str) -> None:
    row = {name: getattr(one, name) for name in Endpoint.__struct_fields__}
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


async def list_given_up(tx: Tx, site_id: int) -> dict[int, int]:
    """How many deliveries are kept exhausted, by endpoint; endpoints without any are absent."""
    rows = await tx.execute(
        select(delivery.c.endpoint_id, func.count())
        .where(delivery.c.site_id == site_id, delivery.c.status == "exhausted")
        .group_by(delivery.c.endpoint_id)
    )
    return {row[0]: row[1] for row in rows}


async def list_disabled(tx: Tx, site_id: int) -> list[Endpoint]:
    """The endpoints that were switched off by what their receivers did: those somebody must look at."""
    rows = await tx.execute(
        select(endpoint)
        .where(endpoint.c.site_id == site_id, endpoint.c.status.in_(("gone", "failed")))
        .order_by(endpoint.c.id)
    )
    return [_value(row) for row in rows]


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
    await tx.execute(sql_delete(lead).where(lead.c.site_id == site_id, lead.c.endpoint_id == endpoint_id))
    await tx.execute(sql_delete(endpoint).where(_this(site_id, endpoint_id)))


async def get_secrets(tx: Tx, site_id: int, endpoint_id: int, now: datetime) -> SealedSecrets:
    """The sealed secrets that sign at ``now``; NotFound when there is no such endpoint."""
    columns = (endpoint.c.secret, endpoint.c.previous_secret, endpoint.c.previous_until)
    row = (await tx.execute(select(*columns).where(_this(site_id, endpoint_id)))).one_or_none()
    if row is None:
        raise NotFound(f"this site has no endpoint {endpoint_id}")
    still = row.previous_until is not None and row.previous_until > now
    return SealedSecrets(row.secret, row.previous_secret if still else None)


class Failing(Struct, frozen=True):
    """An endpoint after a failure: since when there was no success, failures in a row, and its quiet time."""

    since: datetime
    failures: int
    quiet_until: datetime | None


async def take_turns(tx: Tx, wanted: Mapping[tuple[int, int], datetime], now: datetime) -> set[tuple[int, int]]:
    """Enters the start of one delivery at endpoints (site, id) that are posted to one at a time: each is quiet until
    the moment given. Those that are quiet already, because another process was first, are left out of the answer."""
    taken = set()
    for (site_id, endpoint_id), until in sorted(wanted.items()):  # in one order, so that two processes never deadlock
        done = await tx.execute(
            update(endpoint).where(_this(site_id, endpoint_id), is_awake(now)).values(quiet_until=until)
        )
        if done.rowcount:
            taken.add((site_id, endpoint_id))
    return taken


async def set_quiet(tx: Tx, site_id: int, endpoint_id: int, until: datetime | None) -> None:
    """Nothing is started for the endpoint before ``until``; None: at once."""
    await tx.execute(update(endpoint).where(_this(site_id, endpoint_id)).values(quiet_until=until))


async def wake_endpoints(tx: Tx, site_id: int, endpoint_id: int | None = None) -> None:
    """A person wants something sent now: ends the quiet time of one endpoint, or of all of the site's."""
    where = endpoint.c.site_id == site_id if endpoint_id is None else _this(site_id, endpoint_id)
    await tx.execute(update(endpoint).where(where, endpoint.c.quiet_until.is_not(None)).values(quiet_until=None))


async def mark_accepting(tx: Tx, site_id: int, endpoint_id: int) -> None:
    """The endpoint has accepted something: whatever failed before is over."""
    await tx.execute(
        update(endpoint)
        .where(_this(site_id, endpoint_id), endpoint.c.failing_since.is_not(None))
        .values(failing_since=None, failures=0)
    )


async def mark_failing(tx: Tx, site_id: int, endpoint_id: int, now: datetime) -> Failing | None:
    """How the endpoint stands after one more failure; None when it is gone from the table."""
    row = (
        await tx.execute(
            update(endpoint)
            .where(_this(site_id, endpoint_id))
            .values(
                failures=endpoint.c.failures + 1,
                failing_since=func.coalesce(endpoint.c.failing_since, literal(now, endpoint.c.failing_since.type)),
            )
            .returning(endpoint.c.failing_since, endpoint.c.failures, endpoint.c.quiet_until)
        )
    ).one_or_none()
    return None if row is None else Failing(row.failing_since, row.failures, row.quiet_until)


async def mark_disabled(tx: Tx, site_id: int, endpoint_id: int, status: str, reason: str, now: datetime) -> bool:
    """Moves enabled → ``status`` (gone, failed); False when it was not enabled, so that one notice is written."""
    done = await tx.execute(
        update(endpoint)
        .where(_this(site_id, endpoint_id), endpoint.c.status == "enabled")
        .values(status=status, status_reason=reason, status_at=now)
    )
    return done.rowcount > 0
