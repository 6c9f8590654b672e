"""The channel of a visit: the one word by which sources are compared (feature C03).

Campaign tags are judged by medium, then by source; the words are those the advertising world has agreed on. A tag
that fits nothing is ``OTHER`` rather than guessed.
"""

from __future__ import annotations

import re
from enum import StrEnum

from wherefrom.visits.referrers import Sender, find_sender


class Channel(StrEnum):
    PAID_SEARCH = "paid_search"
    PAID_SOCIAL = "paid_social"
    PAID_OTHER = "paid_other"
    DISPLAY = "display"
    ORGANIC_SEARCH = "organic_search"
    SOCIAL = "social"
    AI = "ai"
    EMAIL = "email"
    AFFILIATE = "affiliate"
    MESSAGES = "messages"  # SMS, push
    REFERRAL = "referral"
    DIRECT = "direct"
    OTHER = "other"


_PAID = re.compile(r"(?:.*cp[cmav].*|ppc|.*paid.*|retargeting|remarketing|adwords|ads?)")

_MEDIUMS = {
    Channel.DISPLAY: "display banner banners expandable interstitial cpm programmatic media video",
    Channel.EMAIL: "email e-mail e_mail mail newsletter mailing",
    Channel.SOCIAL: "social social-network social-media social_network social_media sm smm",
    Channel.AFFILIATE: "affiliate affiliates partner partners cpa",
    Channel.MESSAGES: "sms mms push mobile notification messenger whatsapp viber telegram",
    Channel.ORGANIC_SEARCH: "organic seo",
    Channel.REFERRAL: "referral referrer link",
    Channel.AI: "ai llm ai-assistant chatbot",
}
_BY_MEDIUM = {word: channel for channel, words in _MEDIUMS.items() for word in words.split()}

_BY_SENDER = {
    Sender.SEARCH: Channel.ORGANIC_SEARCH,
    Sender.SOCIAL: Channel.SOCIAL,
    Sender.AI: Channel.AI,
    Sender.MAIL: Channel.EMAIL,
    Sender.SITE: Channel.REFERRAL,
}
_PAID_BY_SENDER = {Sender.SEARCH: Channel.PAID_SEARCH, Sender.SOCIAL: Channel.PAID_SOCIAL}
_TAGGED = {Sender.SEARCH: Channel.PAID_SEARCH}
"""Nobody can put a tag on what a search engine finds by itself: a tag without a medium there is an advertisement."""


def by_sender(sender: Sender) -> Channel:
    """Of a visit known by its referrer alone."""
    return _BY_SENDER[sender]


def by_campaign(source: str, medium: str, clicked: Channel | None) -> Channel:
    """Of a tagged visit. ``clicked`` is what the advertiser's own click id says, if there was one: it decides only
    where the tags are silent."""
    sender = find_sender(source)
    word = medium.strip().lower()
    known = _BY_MEDIUM.get(word)
    if known is not None:
        return known
    if _PAID.fullmatch(word):
        return _PAID_BY_SENDER.get(sender, Channel.PAID_OTHER) if sender else clicked or Channel.PAID_OTHER
    if clicked is not None:
        return clicked
    if sender is not None:
        return _TAGGED.get(sender, _BY_SENDER[sender])
    return _BY_MEDIUM.get(source.strip().lower(), Channel.OTHER)
