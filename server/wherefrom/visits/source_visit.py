"""A visit that stands for a source: everybody who came by it, and nobody in particular (features C08, C09).

    page, referrer ─▶ source ─▶ key ─▶ the row with this key, made by the first hit, counted up by each
                                  └──▶ one lasting substitute for each coded target

The row has a number like any visit, so that letters, the history and webhooks work with it unchanged. What is kept is
what all have in common who came that way: channel, marker, levels, UTM tags, the host they landed on, and the host of
the referrer where the referrer is the source. No page, no click id (it names one click), no address, place, device or
language, no parameters, no visitor. Pages shown are counted, not kept.

Nothing is remembered of anybody, so a further page of a stay is judged by itself. Its referrer is the page before: the
tags of that one are read. Where it has none, the page was reached from within the site, and that is its source
(``internal``): to call it direct would be a guess.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec

from wherefrom.db import Tx
from wherefrom.sites.site import Site
from wherefrom.substitution.lease import NOBODY
from wherefrom.substitution.lend import Lent, lend_to_source
from wherefrom.tokens import Ids
from wherefrom.visits import store
from wherefrom.visits.channel import Channel
from wherefrom.visits.hosts import find_host, split_url
from wherefrom.visits.source import DIRECT, Source, find_source, foreign_referrer
from wherefrom.visits.visit import Visit

INTERNAL = Source(marker="internal", levels=("internal",), channel=Channel.OTHER, kind="referrer")
"""Reached from a page of the site that tells no source."""


class SourceEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A hit of which only the source is to be known. ``number`` is free to be given to a new row; ``told`` is the
    source the page itself remembers; ``url`` and ``referrer`` are read and not kept."""

    site: Site
    now: datetime
    number: int
    url: str
    referrer: str
    pageview: bool
    addresses: Sequence[str]
    told: Source | None
    parameters: tuple[str, ...]


class SourceRecorded(msgspec.Struct, frozen=True):
    """The source's visit, whether its row is new, and what is lent to it."""

    visit: Visit
    began: bool
    lent: Sequence[Lent]


async def record_source(tx: Tx, entry: SourceEntry, ids: Ids) -> SourceRecorded:
    """Counts the page for its source, whose row and leases are made when they are not there."""
    site_id = entry.site.id
    new = begin_source_visit(entry)
    visit = await store.find_source_visit(tx, site_id, new.source_key or "")
    began = visit is None and await store.add_source_visit(tx, new)
    if began:
        visit = new
    elif visit is None:  # made by somebody else between the two statements
        visit = await store.find_source_visit(tx, site_id, new.source_key or "")
        assert visit is not None, "a source's row is never removed"
    if not began:
        await store.count_source_view(tx, visit, entry.now, pageview=entry.pageview)
    lent = await lend_to_source(
        tx, now=entry.now, ids=ids, site_id=site_id, visit_id=visit.id, found=entry.addresses
    )  # fmt: skip
    return SourceRecorded(visit, began, lent)


def find_shared_source(entry: SourceEntry) -> Source:
    """The source of a page by itself: its own tags and referrer, the tags of the page of the site before it, what the
    page remembers; else ``INTERNAL`` or ``DIRECT``."""
    hosts = entry.site.hosts
    found = find_source(entry.url, entry.referrer, hosts, None, entry.parameters)
    if found.kind != "direct":
        return found
    inside = split_url(entry.referrer) is not None and not foreign_referrer(entry.url, entry.referrer, hosts)
    if inside:
        before = find_source(entry.referrer, "", hosts, None, entry.parameters)
        if before.kind != "direct":
            return before
    return entry.told or (INTERNAL if inside else DIRECT)


def begin_source_visit(entry: SourceEntry) -> Visit:
    """The source's visit as it is when this page is its first one."""
    source = find_shared_source(entry)
    domain = find_host(entry.url) or ""
    return Visit(
        kind="source",
        source_key=make_key(source, domain),
        site_id=entry.site.id,
        id=entry.number,
        visitor_id=NOBODY,
        first_visit=entry.number,
        started_at=entry.now,
        last_seen_at=entry.now,
        pageviews=int(entry.pageview),
        landing_page="",
        referrer=_bare_referrer(source),
        domain=domain,
        marker=source.marker,
        channel=source.channel.value,
        source_levels=list(source.levels),
        utm_source=source.utm_source,
        utm_medium=source.utm_medium,
        utm_campaign=source.utm_campaign,
        utm_term=source.utm_term,
        utm_content=source.utm_content,
        device="",
    )


def make_key(source: Source, domain: str) -> str:
    """SHA-256 in hex of all that makes two hits come by one source: channel, marker, levels, UTM tags, landing host."""
    utm = (source.utm_source, source.utm_medium, source.utm_campaign, source.utm_term, source.utm_content)
    parts = (source.channel, source.marker, source.levels, utm, domain)
    return hashlib.sha256(msgspec.json.encode(parts)).hexdigest()


def _bare_referrer(source: Source) -> str:
    """Scheme and host, and only where the referrer is what the source was known by: ``https://www.google.com/``."""
    parts = split_url(source.referrer) if source.kind == "referrer" else None
    return f"{parts.scheme}://{parts.hostname}/" if parts else ""
