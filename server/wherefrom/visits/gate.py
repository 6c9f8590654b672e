"""Which hits become visits: named steps in order, each of which may drop one for a reason that is counted.

    body      oversized 413 · bad_json 400
    whose     unknown_site 404 · foreign_origin 403 · foreign_page 403
    wanted    site_off · webdriver · bot · no_consent    (told nothing but "no visit": the page keeps its real address)
    later     bad_token (signals) · unavailable 503 · too_often 429

Whose it is, without a secret: the script is public and so is its key. What can be held is that no *foreign page* uses
a visitor's browser to speak for the site, and a browser cannot hide that page: it puts ``Origin`` on every such
request. So a present ``Origin`` must be the site's. An absent one cannot come from a foreign page; it comes from a
proxy that strips it or from a program, which could write any ``Origin`` it likes: then ``Sec-Fetch-Site`` must not say
``cross-site``, and the page must be the site's as always. ``null`` (a sandboxed frame, a file) is foreign.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from msgspec import UNSET, Struct

from wherefrom.sites.site import Site
from wherefrom.visits.hit import Hit
from wherefrom.visits.hosts import is_below


class DropReason(StrEnum):
    """Closed list; the values are stored."""

    OVERSIZED = "oversized"
    BAD_JSON = "bad_json"
    UNKNOWN_SITE = "unknown_site"
    FOREIGN_ORIGIN = "foreign_origin"
    FOREIGN_PAGE = "foreign_page"
    SITE_OFF = "site_off"
    WEBDRIVER = "webdriver"
    BOT = "bot"
    NO_CONSENT = "no_consent"
    BAD_TOKEN = "bad_token"  # noqa: S105 - a signal for no visit we know
    UNAVAILABLE = "unavailable"
    TOO_OFTEN = "too_often"


SILENT = frozenset({DropReason.SITE_OFF, DropReason.WEBDRIVER, DropReason.BOT, DropReason.NO_CONSENT})
"""Not the sender's mistake: answered as a visit that is not there."""


class Caller(Struct, frozen=True, gc=False):
    """Who sends, as HTTP tells: ``origin`` None when absent, ``fetch_site`` of ``Sec-Fetch-Site`` or ""."""

    ip: str
    user_agent: str
    origin: str | None
    fetch_site: str = ""


class Arrival(Struct, frozen=True, gc=False):
    """What the steps judge. ``bot`` says why the caller is taken for a machine; ``consent`` False: the visitor has not
    agreed to be known."""

    site: Site | None
    page: str
    caller: Caller
    webdriver: bool = False
    bot: str | None = None
    consent: bool = True


Step = Callable[[Arrival], DropReason | None]


def site_is_known(arrival: Arrival) -> DropReason | None:
    return None if arrival.site else DropReason.UNKNOWN_SITE


def origin_is_own(arrival: Arrival) -> DropReason | None:
    if arrival.caller.origin is None:
        return DropReason.FOREIGN_ORIGIN if arrival.caller.fetch_site == "cross-site" else None
    return None if own_origin(arrival.site, arrival.caller.origin) else DropReason.FOREIGN_ORIGIN


def page_is_own(arrival: Arrival) -> DropReason | None:
    own = arrival.site and is_below(arrival.site.hosts, arrival.page)
    return None if own else DropReason.FOREIGN_PAGE


def site_is_on(arrival: Arrival) -> DropReason | None:
    return None if arrival.site and arrival.site.enabled else DropReason.SITE_OFF


def no_webdriver(arrival: Arrival) -> DropReason | None:
    return DropReason.WEBDRIVER if arrival.webdriver else None


def no_bot(arrival: Arrival) -> DropReason | None:
    return DropReason.BOT if arrival.bot else None


def consent_or_source(arrival: Arrival) -> DropReason | None:
    """Without consent a page gets a substitute that stands for its source, where the owner wants that, or nothing."""
    by_source = arrival.site is not None and arrival.site.without_consent == "source"
    return None if arrival.consent or by_source else DropReason.NO_CONSENT


HIT_STEPS: tuple[Step, ...] = (
    site_is_known, origin_is_own, page_is_own, site_is_on, no_webdriver, no_bot, consent_or_source,
)  # fmt: skip
SIGNAL_STEPS: tuple[Step, ...] = (site_is_known, origin_is_own, site_is_on)


def find_reason(arrival: Arrival, steps: tuple[Step, ...] = HIT_STEPS) -> DropReason | None:
    """The first step's reason to drop; None lets it in."""
    for step in steps:
        reason = step(arrival)
        if reason is not None:
            return reason
    return None


def lets_in(site: Site, hit: Hit, caller: Caller, bot: str | None) -> bool:
    """Whether none of ``HIT_STEPS`` has a reason, by one question and not seven. False where the visitor has not agreed
    to be known: that is for the step."""
    origin = caller.origin
    return (
        (caller.fetch_site != "cross-site" if origin is None else is_below(site.hosts, origin))
        and is_below(site.hosts, hit.page)
        and site.enabled
        and not (hit.webdriver or bot)
        and hit.consent is UNSET
    )


def own_origin(site: Site | None, origin: str | None) -> bool:
    """Is ``Origin`` a page of the site?"""
    return bool(site and origin and is_below(site.hosts, origin))
