"""Rows of ``site`` and ``host``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, delete, select, update
from sqlalchemy.exc import IntegrityError

from wherefrom.db import Prepared, Tx
from wherefrom.errors import Conflict, NotFound
from wherefrom.sites.site import KEY_PREFIX, Site
from wherefrom.sites.tables import host, site

_HOSTS = Prepared(select(host.c.name).where(host.c.site_id == bindparam("of_site")).order_by(host.c.name))
_LARGEST_ID = 2**63 - 1


async def get_site(tx: Tx, ref: int | str, *, to_change: bool = False) -> Site:
    """The site by id, public key or name; NotFound. A name never looks like an id or a key (``site.parse_name``).
    ``to_change`` keeps other writers off its row until the end of the transaction."""
    if to_change:
        await tx.execute(select(site.c.id).where(_refers(ref)).with_for_update())
    found = await _list(tx, _refers(ref))
    if not found:
        raise NotFound(
            f"there is no site “{str(ref)[:100]}”",
            hint="name a site by its name, key or id; “wherefrom site list” shows them",
        )
    return found[0]


async def list_hosts(tx: Tx, site_id: int) -> list[str]:
    """The site's hosts in normal form."""
    return [name for (name,) in await tx.fetch(_HOSTS, {"of_site": site_id})]


async def find_site_by_key(tx: Tx, key: str) -> Site | None:
    """The site whose script tag carries ``key``."""
    found = await _list(tx, site.c.key == key) if key.startswith(KEY_PREFIX) else []
    return found[0] if found else None


async def list_sites(tx: Tx) -> list[Site]:
    """All sites by name."""
    return await _list(tx, None)


async def append_site(tx: Tx, new: Site) -> None:
    """Writes a new site; Conflict when its name is taken."""
    try:
        await tx.execute(site.insert().values(**_columns(new), id=new.id, key=new.key, created_at=new.created_at))
    except IntegrityError:
        raise _name_taken(new.name) from None
    await _write_hosts(tx, new.id, new.hosts)


async def replace_site(tx: Tx, changed: Site) -> None:
    """Writes what may change of a site: all but id, key and time of birth. Conflict when the name is taken."""
    try:
        await tx.execute(update(site).where(site.c.id == changed.id).values(**_columns(changed)))
    except IntegrityError:
        raise _name_taken(changed.name) from None
    await tx.execute(delete(host).where(host.c.site_id == changed.id))
    await _write_hosts(tx, changed.id, changed.hosts)


def _refers(ref: int | str) -> ColumnElement[bool]:
    text = str(ref).strip()
    if text.isascii() and text.isdecimal():
        number = int(text) if len(text) <= 19 else -1
        return site.c.id == (number if number <= _LARGEST_ID else -1)
    return site.c.key == text if text.startswith(KEY_PREFIX) else site.c.name == text


def _columns(one: Site) -> dict[str, Any]:
    return {
        "name": one.name,
        "enabled": one.enabled,
        "compat": one.compat,
        "mode": one.mode,
        "without_consent": one.without_consent,
        "off_paths": one.off_paths,
        "zone": one.zone,
    }


def _name_taken(name: str) -> Conflict:
    return Conflict(f"there is a site named “{name}” already", hint="choose another name", field="name")


async def _write_hosts(tx: Tx, site_id: int, hosts: Sequence[str]) -> None:
    await tx.execute(host.insert(), [{"site_id": site_id, "name": name} for name in hosts])


async def _list(tx: Tx, which: ColumnElement[bool] | None) -> list[Site]:
    """One statement for sites and hosts, because the collector reads a site for every page shown."""
    query = select(site, host.c.name.label("host")).outerjoin(host, host.c.site_id == site.c.id)
    if which is not None:
        query = query.where(which)
    rows = (await tx.execute(query.order_by(site.c.name, site.c.id, host.c.name))).all()
    hosts: dict[int, list[str]] = {}
    for row in rows:
        hosts.setdefault(row.id, []).extend([row.host] if row.host is not None else [])
    firsts = {row.id: row for row in reversed(rows)}
    return [_value(firsts[id_], tuple(names)) for id_, names in hosts.items()]


def _value(row: Row[Any], hosts: tuple[str, ...]) -> Site:
    return Site(
        id=row.id,
        key=row.key,
        name=row.name,
        enabled=row.enabled,
        hosts=hosts,
        compat=row.compat,
        created_at=row.created_at,
        mode=row.mode,
        without_consent=row.without_consent,
        off_paths=tuple(row.off_paths),
        zone=row.zone,
    )
