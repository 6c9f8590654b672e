"""One visit or a new one? (feature C04)

    no visit known ─────────────────────────────▶ FIRST
    the page only asks for late addresses ──────▶ the same
    idle for longer than the setting ───────────▶ IDLE
    it came by a letter to another contact ─────▶ CONTACT
    utm_nooverride=1 ───────────────────────────▶ the same
    the URL declares another campaign ──────────▶ CAMPAIGN
    another foreign page led here ──────────────▶ REFERRER
    else ───────────────────────────────────────▶ the same

A campaign is another one when its marker, a UTM field or the click id differs from the visit's: a reload of the
landing page goes on with the visit, a second click on an advertisement does not. A referrer is another one when
somebody else is behind it than behind the visit's (``m.facebook.com`` is ``l.facebook.com``): single-page apps repeat
the first referrer after they dropped the tags from the URL.

A visit is of one contact at most: who follows a link of somebody else's letter (a shared computer, a letter that was
forwarded) begins a visit. One that nobody's link began learns its contact by the first link.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from wherefrom.visits.hosts import split_url
from wherefrom.visits.referrers import Referrer, look_up
from wherefrom.visits.source import CAMPAIGN_KINDS, Source


class Start(StrEnum):
    """Why a new visit begins."""

    FIRST = "first"
    IDLE = "idle"
    CAMPAIGN = "campaign"
    REFERRER = "referrer"
    CONTACT = "contact"


class Campaign(Struct, frozen=True, gc=False):
    """By what two campaigns are told apart."""

    marker: str
    utm: tuple[str | None, ...]
    click_id: str | None


class Standing(Struct, frozen=True, gc=False):
    """The visit as it stands: its campaign, the foreign page that led to it, its last sign of life, its contact."""

    last_seen_at: datetime
    campaign: Campaign
    referrer: str
    contact_id: int | None = None


def campaign_of(source: Source) -> Campaign:
    utm = (source.utm_source, source.utm_medium, source.utm_campaign, source.utm_term, source.utm_content)
    return Campaign(source.marker, utm, source.click_id)


def find_start(
    standing: Standing | None, source: Source, now: datetime, idle: timedelta, *, pageview: bool = True,
    contact_id: int | None = None,
) -> Start | None:  # fmt: skip
    """Why the page that is shown at ``now`` begins a new visit; None when it belongs to ``standing``. ``contact_id``:
    the page was come to by a letter to this contact."""
    if standing is None:
        return Start.FIRST
    if not pageview:
        return None
    if now - standing.last_seen_at > idle:
        return Start.IDLE
    if contact_id is not None and standing.contact_id not in (None, contact_id):
        return Start.CONTACT
    if source.keeps:
        return None
    if source.kind in CAMPAIGN_KINDS:
        return None if campaign_of(source) == standing.campaign else Start.CAMPAIGN
    if source.kind == "referrer" and _behind(source.referrer) != _behind(standing.referrer):
        return Start.REFERRER
    return None


def _behind(referrer: str) -> Referrer | None:
    parts = split_url(referrer)
    return look_up(parts.hostname) if parts and parts.hostname else None
