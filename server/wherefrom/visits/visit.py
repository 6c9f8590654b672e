"""A visit as a value: what inbox, console and API read, and what a hit tells of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from msgspec import Struct

from wherefrom.visits.channel import Channel
from wherefrom.visits.hit import LONGEST_URL, Hit, clean_params, clean_text
from wherefrom.visits.session import Campaign, Standing
from wherefrom.visits.source import DIRECT, Source

_LONGEST_CLIENT_ID = 128

Kind = Literal["visit", "source"]


class Visit(Struct, frozen=True, gc=False):
    """``id`` is the public visit number, ``first_visit`` that of the visitor's first one. ``landing_page`` is the
    first page, ``referrer`` the foreign page before it ("" when there was none), ``domain`` the landing page's host.
    UTM fields are the source's, so a visitor who returns directly carries those of the visitor's last campaign.

    ``kind`` "source": not one browser's stay, but everybody who came by this source (see ``source_visit``). Then there
    is no visitor (0), ``first_visit`` is ``id``, ``started_at`` the first page shown, and what tells of a person is
    empty.

    ``contact_id`` is the contact whose letter's link led here, ``send_id`` that letter, the last one; else None."""

    site_id: int
    id: int
    visitor_id: int
    first_visit: int
    started_at: datetime
    last_seen_at: datetime
    pageviews: int
    landing_page: str
    referrer: str
    domain: str
    marker: str
    channel: str
    source_levels: list[str] = []
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    click_id_name: str | None = None
    click_id: str | None = None
    country_code: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None
    ip: str | None = None
    device: str = "other"
    os: str = ""
    browser: str = ""
    user_agent: str = ""
    language: str | None = None
    timezone: str | None = None
    google_client_id: str | None = None
    ym_uid: str | None = None
    params: dict[str, str] = {}
    kind: Kind = "visit"
    source_key: str | None = None
    contact_id: int | None = None
    send_id: int | None = None

    @property
    def standing(self) -> Standing:
        """What decides whether the next page belongs to this visit."""
        utm = (self.utm_source, self.utm_medium, self.utm_campaign, self.utm_term, self.utm_content)
        return Standing(self.last_seen_at, Campaign(self.marker, utm, self.click_id), self.referrer, self.contact_id)


class NewVisit(Visit, frozen=True, gc=False):
    """One that is not stored yet, with the rest of its first page: title, and the page before it, of the site or not.
    None where it begins without a page."""

    landing_title: str | None = None
    landing_referrer: str | None = None


class Told(Struct, frozen=True, gc=False):
    """What a hit tells of the visit beside its source, cleaned to what may be stored."""

    page: str
    title: str
    referrer: str
    language: str | None
    timezone: str | None
    google_client_id: str | None
    ym_uid: str | None
    params: dict[str, str]


def tell(hit: Hit) -> Told:
    return Told(
        page=clean_text(hit.page, LONGEST_URL),
        title=clean_text(hit.title, 300),
        referrer=clean_text(hit.referrer, LONGEST_URL),
        language=clean_text(hit.language, 35) or None,
        timezone=clean_text(hit.timezone, 64) or None,
        google_client_id=clean_text(hit.google_client_id, _LONGEST_CLIENT_ID) or None,
        ym_uid=clean_text(hit.ym_uid, _LONGEST_CLIENT_ID) or None,
        params=clean_params(hit.params),
    )


def source_of(visit: Visit) -> Source | None:
    """The last source of the visit's browser that was not direct, since a visit that comes directly carries on that of
    the one before; None when there never was another."""
    if visit.marker == DIRECT.marker and visit.channel == DIRECT.channel.value:
        return None
    return Source(
        marker=visit.marker,
        levels=tuple(visit.source_levels),
        channel=Channel(visit.channel),
        kind="stored",
        utm_source=visit.utm_source,
        utm_medium=visit.utm_medium,
        utm_campaign=visit.utm_campaign,
        utm_term=visit.utm_term,
        utm_content=visit.utm_content,
        click_id_name=visit.click_id_name,
        click_id=visit.click_id,
    )
