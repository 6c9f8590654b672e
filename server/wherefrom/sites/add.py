"""Use cases: a site is added, a site is changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import cast, get_args

from wherefrom.errors import BadInput
from wherefrom.services import Services
from wherefrom.sites.hosts import parse_hosts
from wherefrom.sites.paths import parse_rules
from wherefrom.sites.site import Compat, Mode, Site, WithoutConsent, make_key, parse_name
from wherefrom.sites.store import append_site, get_site, replace_site
from wherefrom.sites.zone import parse_zone


async def add_site(services: Services, name: str, hosts: Iterable[str], *, compat: Compat = "") -> Site:
    """Adds a site with a new public key. BadInput for a name or host that will not do, Conflict for a taken name."""
    new = Site(
        id=services.ids.next(),
        key=make_key(),
        name=parse_name(name),
        enabled=True,
        hosts=parse_hosts(hosts),
        compat=_check_compat(compat),
        created_at=services.clock.now(),
    )
    async with services.db.write() as tx:
        await append_site(tx, new)
    return new


async def set_site(
    services: Services,
    site_id: int,
    *,
    name: str | None = None,
    hosts: Iterable[str] | None = None,
    enabled: bool | None = None,
    compat: Compat | None = None,
    mode: str | None = None,
    without_consent: str | None = None,
    off_paths: Iterable[str] | None = None,
    zone: str | None = None,
) -> Site:
    """Changes what is given and keeps the rest; a list of hosts or paths replaces the old one. The key never changes:
    it stands in pages. Pages know of a change within seconds. NotFound, BadInput, Conflict for a taken name."""
    async with services.db.write() as tx:
        old = await get_site(tx, site_id, to_change=True)
        changed = replace(
            old,
            name=old.name if name is None else parse_name(name),
            hosts=old.hosts if hosts is None else parse_hosts(hosts),
            enabled=old.enabled if enabled is None else enabled,
            compat=old.compat if compat is None else _check_compat(compat),
            mode=old.mode if mode is None else _check_mode(mode),
            without_consent=old.without_consent if without_consent is None else _check_without(without_consent),
            off_paths=old.off_paths if off_paths is None else parse_rules(off_paths),
            zone=old.zone if zone is None else parse_zone(zone).key,
        )
        if changed != old:
            await replace_site(tx, changed)
    return changed


def _check_compat(compat: Compat) -> Compat:
    if compat not in ("", "roistat"):
        raise BadInput(
            f"“{compat}” is no product this service can stand in for",
            hint="write roistat, or nothing",
            field="compat",
        )
    return compat


def _check_mode(text: str) -> Mode:
    if text not in get_args(Mode):
        raise BadInput(
            f"“{text[:40]}” is not what a substitute can stand for",
            hint="choose visits (one visitor's stay) or source (everybody who came by it; of persons nothing is kept)",
            field="mode",
        )
    return cast(Mode, text)


def _check_without(text: str) -> WithoutConsent:
    if text not in get_args(WithoutConsent):
        raise BadInput(
            f"“{text[:40]}” is not what can be shown without consent",
            hint="choose real (the real address) or source (a substitute that stands for the source, not the visitor)",
            field="without_consent",
        )
    return cast(WithoutConsent, text)
