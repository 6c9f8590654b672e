"""The management API of sites."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from wherefrom.sites import add
from wherefrom.sites.site import Mode, Site, WithoutConsent
from wherefrom.sites.store import get_site, list_sites
from wherefrom.web.api import Call, Operation


class AddSite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``hosts`` are where the site's pages are; subdomains are included, ports do not count."""

    name: str
    hosts: list[str]
    compat: Literal["", "roistat"] = ""


# Told in the API's description; checked by ``add``, whose errors say more than a schema's.
ModeText = Annotated[str, Meta(extra_json_schema={"enum": list(get_args(Mode))})]
WithoutConsentText = Annotated[str, Meta(extra_json_schema={"enum": list(get_args(WithoutConsent))})]


class SetSite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out or null stays as it is; lists replace the old ones.

    ``mode``: "visits", or "source" to know no persons: a substitute then stands for everybody who came by one source.
    ``without_consent``: what visitors who have not agreed are shown, the "real" address or a substitute of the
    "source". ``off_paths``: pages with the real address, such as ``/imprint*``; ``*`` stands for any characters.
    ``zone``: the time zone in which the site's days begin, such as "Europe/Berlin"."""

    name: str | None = None
    hosts: list[str] | None = None
    enabled: bool | None = None
    compat: Literal["", "roistat"] | None = None
    mode: ModeText | None = None
    without_consent: WithoutConsentText | None = None
    off_paths: list[str] | None = None
    zone: str | None = None


class SiteView(Struct, frozen=True, kw_only=True):
    """``key`` is public: it goes into the page as ``data-site``."""

    id: str
    key: str
    name: str
    enabled: bool
    hosts: list[str]
    compat: str
    mode: Mode
    without_consent: WithoutConsent
    off_paths: list[str]
    zone: str
    created_at: datetime


class SitePage(Struct, frozen=True, kw_only=True):
    data: list[SiteView]
    next_cursor: str | None = None


async def _add(call: Call) -> SiteView:
    body: AddSite = call.body
    return _view(await add.add_site(call.services, body.name, body.hosts, compat=body.compat))


async def _list(call: Call) -> SitePage:
    """All sites for an operator's key, its own site for a site's key."""
    async with call.services.db.read() as tx:
        if call.holder.site_id is None:
            return SitePage(data=[_view(one) for one in await list_sites(tx)])
        return SitePage(data=[_view(await get_site(tx, call.holder.site_id))])


async def _get(call: Call) -> SiteView:
    async with call.services.db.read() as tx:
        return _view(await get_site(tx, call.site_id))


async def _set(call: Call) -> SiteView:
    body: SetSite = call.body
    changed = await add.set_site(
        call.services,
        call.site_id,
        name=body.name,
        hosts=body.hosts,
        enabled=body.enabled,
        compat=body.compat,
        mode=body.mode,
        without_consent=body.without_consent,
        off_paths=body.off_paths,
        zone=body.zone,
    )
    return _view(changed)


def _view(one: Site) -> SiteView:
    return SiteView(
        id=str(one.id),
        key=one.key,
        name=one.name,
        enabled=one.enabled,
        hosts=list(one.hosts),
        compat=one.compat,
        mode=one.mode,
        without_consent=one.without_consent,
        off_paths=list(one.off_paths),
        zone=one.zone,
        created_at=one.created_at,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/sites", "Add a site", _add,
        body=AddSite, answer=SiteView, status=201, scope="operator", tag="sites",
    ),
    Operation("GET", "/sites", "List the sites this key may see", _list, answer=SitePage, tag="sites"),
    Operation("GET", "/sites/{site}", "Show a site", _get, answer=SiteView, tag="sites"),
    Operation("PATCH", "/sites/{site}", "Change a site", _set, body=SetSite, answer=SiteView, tag="sites"),
)  # fmt: skip
