"""Where a visit came from, judged by the page's URL and its referrer alone (features C02, C03).

The first of these that answers wins:

    own parameter   ?wf=fb_new  ?wf_source=…       fb_new          (its name is a setting)
    utm_*           ?utm_source=google&…           :utm:google_cpc_spring_banner_shoes
    click id        ?gclid=… yclid fbclid …        ads_google, social_facebook
    _openstat       plain or base64                :openstat:direct.yandex.ru_123_456_search
    from            ?from=partner                  from_partner
    referrer        search, social, AI, mail       seo_google  social_vk  ai_chatgpt  mail_gmail
                    another site                   ref_example.com
    our letter    by a link of a letter to a     mail_letter     (see ``tracking.carry``)
                  contact
    stored          the visitor's last source that was not direct
    direct                                         direct

Markers of tags join their parts by ``_`` in the order source, medium, campaign, content, term; an empty part keeps its
place, empty ones at the end are dropped, and a ``_`` inside a part is written ``:u:``. Levels are the parts. UTM
fields and the click id are kept whichever of them made the marker.

Refuses to know visits, visitors and the database: what is stored comes in as an argument.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal
from urllib.parse import parse_qsl

from msgspec import Struct
from msgspec.structs import replace

from wherefrom.visits.channel import Channel, by_campaign, by_sender
from wherefrom.visits.hosts import find_host, is_local, is_own, split_url
from wherefrom.visits.referrers import is_round_trip, look_up


def own_parameters(name: str) -> tuple[str, ...]:
    """The names of the override: the one of the settings, and with ``_source``."""
    return (name, f"{name}_source")


PARAMETERS = own_parameters("wf")
ROISTAT_PARAMETERS = ("roistat", "rs")

Kind = Literal["override", "utm", "click_id", "openstat", "from", "referrer", "stored", "direct"]

CAMPAIGN_KINDS: frozenset[Kind] = frozenset({"override", "utm", "click_id", "openstat", "from"})
"""Kinds that the page's URL itself declares."""

_LONGEST_VALUE = 255
_LONGEST_KNOWN = 512  # characters of URLs that are remembered with what they tell
_MOST_PARAMETERS = 200
_UTM = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")

CLICK_IDS: dict[str, tuple[str, Channel]] = {
    "gclid": ("google", Channel.PAID_SEARCH),
    "gbraid": ("google", Channel.PAID_SEARCH),
    "wbraid": ("google", Channel.PAID_SEARCH),
    "dclid": ("google", Channel.DISPLAY),
    "yclid": ("yandex", Channel.PAID_SEARCH),
    "msclkid": ("bing", Channel.PAID_SEARCH),
    "ttclid": ("tiktok", Channel.PAID_SOCIAL),
    "twclid": ("twitter", Channel.PAID_SOCIAL),
    "li_fat_id": ("linkedin", Channel.PAID_SOCIAL),
    "rdt_cid": ("reddit", Channel.PAID_SOCIAL),
    "sccid": ("snapchat", Channel.PAID_SOCIAL),
    "epik": ("pinterest", Channel.PAID_SOCIAL),
    "rb_clickid": ("vk", Channel.PAID_SOCIAL),
    "vk_ads_click_id": ("vk", Channel.PAID_SOCIAL),
    "fbclid": ("facebook", Channel.SOCIAL),  # put on every link that leaves Facebook, paid or not
    "igshid": ("instagram", Channel.SOCIAL),
    "ysclid": ("yandex", Channel.ORGANIC_SEARCH),  # put on what Yandex found by itself
}
"""Parameter → who put it there, and what it says. Earlier ones win."""

_CLICK_MARKER = {Channel.SOCIAL: "social", Channel.ORGANIC_SEARCH: "seo"}

_FROM = re.compile(r"[A-Za-z][\w.+-]{0,63}")
"""Sites use ``from`` for dates and paths, too: only a name is a source."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


class Source(Struct, frozen=True, kw_only=True):
    """Where a visit came from. Also how a visitor's source is kept as JSON.

    ``referrer`` is the foreign page that led here, "" when there is none; ``keeps`` says that the page asked by
    ``utm_nooverride=1`` for the visit to go on.
    """

    marker: str
    levels: tuple[str, ...]
    channel: Channel
    kind: Kind
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    utm_term: str | None = None
    utm_content: str | None = None
    click_id_name: str | None = None
    click_id: str | None = None
    referrer: str = ""
    keeps: bool = False


DIRECT = Source(marker="direct", levels=("direct",), channel=Channel.DIRECT, kind="direct")
LETTER = Source(marker="mail_letter", levels=("mail", "letter"), channel=Channel.EMAIL, kind="referrer")
"""A link of a letter of the site's own, which mail programs follow without tags and without a referrer."""


def find_source(
    page_url: str,
    referrer: str,
    site_hosts: tuple[str, ...],
    stored: Source | None,
    parameters: tuple[str, ...] = PARAMETERS,
) -> Source:
    """The source of a page shown now. ``site_hosts`` are the site's own, ``parameters`` the names of the override,
    ``stored`` the visitor's last source that was not direct."""
    short = len(page_url) + len(referrer) <= _LONGEST_KNOWN
    read = _read_known_page if short else _read_page
    found, came_from, keeps = read(page_url, referrer, site_hosts, parameters)
    if keeps and stored is not None:
        return replace(stored, kind="stored", referrer=came_from, keeps=True)
    if found is not None:
        return found
    if stored is not None:
        return replace(stored, kind="stored", referrer="", keeps=keeps)
    return replace(DIRECT, keeps=True) if keeps else DIRECT


def _read_page(
    page_url: str, referrer: str, site_hosts: tuple[str, ...], parameters: tuple[str, ...]
) -> tuple[Source | None, str, bool]:
    """What the page tells by itself, the foreign page before it, and whether it asks for the visit to go on."""
    values = read_parameters(page_url)
    came_from = foreign_referrer(page_url, referrer, site_hosts)
    keeps = values.get("utm_nooverride") == "1"
    found = _by_url(values, parameters) or _by_referrer(came_from)
    return found and replace(found, referrer=came_from, keeps=keeps), came_from, keeps


_read_known_page = lru_cache(maxsize=4096)(_read_page)
"""Most visits of a site begin on few pages."""


def read_remembered(told: Mapping[str, object] | str | None) -> Source | None:
    """The source that a browser remembers and tells again: a marker, or an object with ``marker`` and ``utm_*``. None
    when it tells nothing of use."""
    if not told:
        return None
    values = {"marker": told} if isinstance(told, str) else told
    texts = {
        name: clean for name, value in values.items() if isinstance(value, str) and (clean := _clean(value)) is not None
    }
    if "marker" not in texts:
        return _by_url(texts, ())
    levels = split_marker(texts["marker"])
    channel = by_campaign(texts.get("utm_source") or levels[0], texts.get("utm_medium", ""), None)
    source = Source(marker=texts["marker"], levels=levels, channel=channel, kind="override")
    return replace(source, **{name: texts.get(name) for name in _UTM})


def read_parameters(page_url: str) -> dict[str, str]:
    """The URL's parameters by lower-case name, first one wins; also those of a fragment such as ``#utm_source=x``.
    Values are cleaned of control characters, cut to 255 characters; empty ones are left out."""
    parts = split_url(page_url)
    if parts is None:
        return {}
    pairs: list[tuple[str, str]] = []
    for text in (parts.query, parts.fragment.rpartition("?")[2] if "=" in parts.fragment else ""):
        try:
            pairs += parse_qsl(text, max_num_fields=_MOST_PARAMETERS)
        except ValueError:  # too many: nobody tags a link like that
            continue
    values: dict[str, str] = {}
    for name, value in pairs:
        clean = _clean(value)
        if clean is not None:
            values.setdefault(name.lower(), clean)
    return values


def foreign_referrer(page_url: str, referrer: str, site_hosts: tuple[str, ...]) -> str:
    """``referrer`` when it is a page of somebody else; "" for the site's own hosts, their siblings, a developer's own
    machine, and pages one only passes through to pay or sign in."""
    host = _referring_host(referrer)
    if host is None or is_local(host) or is_round_trip(host):
        return ""
    page_host = find_host(page_url)
    return "" if is_own(host, page_host or "", site_hosts) else _UNPRINTABLE.sub("", referrer.strip())


def join_marker(prefix: str, parts: tuple[str, ...]) -> str:
    """``(":utm:", ("google", "my_ad"))`` → ``:utm:google_my:u:ad``."""
    return prefix + "_".join(part.replace("_", ":u:") for part in parts)


def split_marker(marker: str) -> tuple[str, ...]:
    """The levels of a marker that was given as one text: ``fb_new`` → ``("fb", "new")``."""
    bare = re.sub(r"^:\w+:", "", marker)
    return tuple(part.replace(":u:", "_") for part in bare.split("_")) if bare else (marker,)


def _clean(value: str) -> str | None:
    return _UNPRINTABLE.sub(" ", value).strip()[:_LONGEST_VALUE].rstrip() or None


def _by_url(values: Mapping[str, str], parameters: tuple[str, ...]) -> Source | None:
    click_name = next((name for name in CLICK_IDS if name in values), None)
    clicked = CLICK_IDS[click_name][1] if click_name else None
    found = (
        _by_override(values, parameters, clicked)
        or _by_utm(values, clicked)
        or _by_click_id(click_name)
        or _by_openstat(values.get("_openstat", ""))
        or _by_from(values.get("from", ""))
    )
    if found is None:
        return None
    return replace(
        found,
        **{name: values.get(name) for name in _UTM},
        click_id_name=click_name,
        click_id=values[click_name] if click_name else None,
    )


def _by_override(values: Mapping[str, str], parameters: tuple[str, ...], clicked: Channel | None) -> Source | None:
    marker = next((values[name] for name in parameters if name in values), None)
    if marker is None:
        return None
    levels = split_marker(marker)
    tagged = values.get("utm_source") or values.get("utm_medium")
    source = values.get("utm_source", "") if tagged else levels[0]
    channel = by_campaign(source, values.get("utm_medium", ""), clicked)
    return Source(marker=marker, levels=levels, channel=channel, kind="override")


def _by_utm(values: Mapping[str, str], clicked: Channel | None) -> Source | None:
    order = ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term")
    levels = _without_empty_end(tuple(values.get(name, "") for name in order))
    if not levels:
        return None
    channel = by_campaign(values.get("utm_source", ""), values.get("utm_medium", ""), clicked)
    return Source(marker=join_marker(":utm:", levels), levels=levels, channel=channel, kind="utm")


def _by_click_id(name: str | None) -> Source | None:
    if name is None:
        return None
    network, channel = CLICK_IDS[name]
    levels = (_CLICK_MARKER.get(channel, "ads"), network)
    return Source(marker=join_marker("", levels), levels=levels, channel=channel, kind="click_id")


def _by_openstat(value: str) -> Source | None:
    """``service;campaign;ad;place``, as it is or in base64 (either alphabet, padding optional)."""
    text = value if ";" in value else _from_base64(value)
    levels = _without_empty_end(tuple(part.strip() for part in text.split(";")[:4])) if ";" in text else ()
    if not levels:
        return None
    channel = by_campaign(levels[0], "cpc", None)
    return Source(marker=join_marker(":openstat:", levels), levels=levels, channel=channel, kind="openstat")


def _by_from(value: str) -> Source | None:
    if not _FROM.fullmatch(value):
        return None
    levels = ("from", value)
    channel = by_campaign(value, "", None)
    return Source(
        marker=join_marker("", levels),
        levels=levels,
        channel=Channel.REFERRAL if channel is Channel.OTHER else channel,
        kind="from",
    )


def _by_referrer(referrer: str) -> Source | None:
    host = _referring_host(referrer)
    if host is None:
        return None
    sender, name = look_up(host)
    levels = (sender.value, name)
    return Source(marker=join_marker("", levels), levels=levels, channel=by_sender(sender), kind="referrer")


def _referring_host(referrer: str) -> str | None:
    parts = split_url(referrer)
    if parts is None:
        return None
    if parts.scheme == "android-app":
        return parts.hostname
    return find_host(referrer)


def _from_base64(value: str) -> str:
    standard = value.replace("-", "+").replace("_", "/").replace(" ", "+").rstrip("=")
    try:
        raw = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return _UNPRINTABLE.sub(" ", raw.decode("utf-8", errors="replace"))


def _without_empty_end(parts: tuple[str, ...]) -> tuple[str, ...]:
    while parts and not parts[-1]:
        parts = parts[:-1]
    return parts
