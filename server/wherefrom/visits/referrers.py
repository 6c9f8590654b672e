"""Who sends visitors: search engines, social networks, AI assistants, mail programs. Data, and the look-up in it.

A name is what stands in markers (``seo_google``). Hosts are written without ``www.`` and match their subdomains too,
unless a longer entry knows better: ``mail.google.com`` is mail though ``google.com`` searches.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from wherefrom.visits.hosts import words


class Sender(StrEnum):
    """What kind of place a referrer is. The value begins the marker."""

    SEARCH = "seo"
    SOCIAL = "social"
    AI = "ai"
    MAIL = "mail"
    SITE = "ref"


class Referrer(NamedTuple):
    """A known sender, or a stranger (``SITE``) named by its host."""

    sender: Sender
    name: str


_SEARCH = {
    "aol": "search.aol.com",
    "ask": "ask.com",
    "baidu": "baidu.com",
    "bing": "bing.com cn.bing.com",
    "brave": "search.brave.com",
    "coccoc": "coccoc.com",
    "daum": "search.daum.net",
    "duckduckgo": "duckduckgo.com",
    "ecosia": "ecosia.org",
    "excite": "excite.com",
    "google": "com.google.android.googlequicksearchbox com.google.android.apps.searchlite",
    "haosou": "so.com",
    "kagi": "kagi.com",
    "lycos": "search.lycos.com",
    "mail.ru": "go.mail.ru",
    "metager": "metager.org metager.de",
    "mojeek": "mojeek.com",
    "msn": "msn.com",
    "naver": "search.naver.com",
    "petal": "petalsearch.com",
    "presearch": "presearch.com presearch.org",
    "qwant": "qwant.com",
    "rambler": "nova.rambler.ru search.rambler.ru",
    "seznam": "search.seznam.cz",
    "sogou": "sogou.com",
    "startpage": "startpage.com",
    "swisscows": "swisscows.com swisscows.ch",
    "yahoo": "search.yahoo.com search.yahoo.co.jp",
    "yandex": "ya.ru yandex.com.tr ru.yandex.searchplugin com.yandex.browser",
    "yep": "yep.com",
}

_SOCIAL = {
    "bluesky": "bsky.app go.bsky.app",
    "discord": "discord.com discordapp.com com.discord",
    "dzen": "dzen.ru zen.yandex.ru",
    "facebook": "facebook.com fb.com fb.me com.facebook.katana com.facebook.lite com.facebook.orca messenger.com",
    "github": "github.com",
    "hackernews": "news.ycombinator.com hn.algolia.com",
    "instagram": "instagram.com com.instagram.android",
    "line": "line.me jp.naver.line.android",
    "linkedin": "linkedin.com lnkd.in com.linkedin.android",
    "mastodon": "mastodon.social mstdn.social org.joinmastodon.android",
    "max": "max.ru",
    "medium": "medium.com",
    "ok": "ok.ru odnoklassniki.ru ru.ok.android",
    "pinterest": "pinterest.com pinterest.co.uk pinterest.de pinterest.fr pin.it com.pinterest",
    "quora": "quora.com",
    "reddit": "reddit.com redd.it com.reddit.frontpage",
    "skype": "web.skype.com",
    "slack": "app.slack.com com.slack",
    "snapchat": "snapchat.com com.snapchat.android",
    "stackoverflow": "stackoverflow.com",
    "telegram": "t.me telegram.me telegram.org org.telegram.messenger org.telegram.messenger.web",
    "threads": "threads.net threads.com com.instagram.barcelona",
    "tiktok": "tiktok.com com.zhiliaoapp.musically com.ss.android.ugc.trill",
    "tumblr": "tumblr.com",
    "twitter": "twitter.com x.com t.co com.twitter.android",
    "viber": "viber.com com.viber.voip",
    "vk": "vk.com vk.ru vkontakte.ru com.vkontakte.android",
    "wechat": "wechat.com weixin.qq.com",
    "weibo": "weibo.com weibo.cn",
    "whatsapp": "whatsapp.com wa.me com.whatsapp com.whatsapp.w4b",
    "xing": "xing.com",
    "youtube": "youtube.com youtu.be com.google.android.youtube",
    "zhihu": "zhihu.com",
}

_AI = {
    "alice": "alice.yandex.ru",
    "chatgpt": "chatgpt.com chat.openai.com com.openai.chatgpt",
    "claude": "claude.ai com.anthropic.claude",
    "copilot": "copilot.microsoft.com copilot.cloud.microsoft m365.cloud.microsoft com.microsoft.copilot",
    "deepseek": "chat.deepseek.com deepseek.com",
    "doubao": "doubao.com",
    "felo": "felo.ai",
    "gemini": "gemini.google.com bard.google.com com.google.android.apps.bard",
    "genspark": "genspark.ai",
    "gigachat": "giga.chat gigachat.ru",
    "grok": "grok.com x.ai",
    "kimi": "kimi.com kimi.ai kimi.moonshot.cn",
    "meta": "meta.ai",
    "mistral": "chat.mistral.ai",
    "notebooklm": "notebooklm.google.com",
    "perplexity": "perplexity.ai ai.perplexity.app.android",
    "phind": "phind.com",
    "poe": "poe.com",
    "qwen": "chat.qwen.ai",
    "you": "you.com",
}

_MAIL = {
    "aol": "mail.aol.com",
    "fastmail": "fastmail.com app.fastmail.com",
    "gmail": "mail.google.com com.google.android.gm",
    "gmx": "gmx.net gmx.com gmx.de navigator.gmx.net",
    "icloud": "icloud.com",
    "mail.ru": "e.mail.ru mail.ru touch.mail.ru ru.mail.mailapp",
    "naver": "mail.naver.com",
    "outlook": "outlook.live.com outlook.office.com outlook.office365.com outlook.com com.microsoft.office.outlook",
    "proton": "mail.proton.me mail.protonmail.com",
    "qq": "mail.qq.com",
    "rambler": "mail.rambler.ru",
    "webde": "web.de navigator.web.de 3c.web.de",
    "yahoo": "mail.yahoo.com mail.yahoo.co.jp",
    "yandex": "mail.yandex.ru mail.yandex.com mail.yandex.by mail.yandex.kz mail.yandex.uz mail.360.yandex.ru",
    "zoho": "mail.zoho.com mail.zoho.eu",
}

_COUNTRIES = re.compile(r"(?:(?:www\d?|m|images)\.)?(google|yandex|yahoo|bing)\.(?:com|[a-z]{2}|com?\.[a-z]{2})")
"""Search engines with a domain in every country. Their other services (``docs.google.com``) are plain sites."""

_TRIP = words(
    """
    accounts.google.com appleid.apple.com login.microsoftonline.com login.live.com oauth.vk.com id.vk.com
    oauth.yandex.ru passport.yandex.ru oauth.telegram.org esia.gosuslugi.ru
    paypal.com checkout.stripe.com hooks.stripe.com pay.stripe.com buy.stripe.com pay.google.com klarna.com adyen.com
    checkout.com mollie.com worldpay.com sofort.com giropay.de 3ds.redsys.es
    yookassa.ru yoomoney.ru money.yandex.ru securepay.tinkoff.ru securepayments.tbank.ru securepayments.sberbank.ru
    pay.alfabank.ru qr.nspk.ru robokassa.ru auth.robokassa.ru cloudpayments.ru
    """
)
"""Where a visitor goes to pay or to sign in, and comes back from: not where the visit came from."""

_NICKNAMES = {
    "bing": "microsoft msads",
    "chatgpt": "openai chatgpt.com",
    "duckduckgo": "ddg",
    "facebook": "fb meta facebook_ads facebook-ads",
    "google": "adwords googleads google-ads google_ads gads",
    "instagram": "ig insta",
    "linkedin": "li",
    "perplexity": "perplexity.ai",
    "telegram": "tg",
    "tiktok": "tt",
    "twitter": "tw x",
    "vk": "vkontakte vk_ads vkads mytarget",
    "whatsapp": "wa",
    "yandex": "ya yd direct.yandex direct.yandex.ru market.yandex.ru yandex-direct yandex_direct yandexdirect",
    "youtube": "yt",
}
"""What people write into ``utm_source``."""


_TABLES = ((Sender.MAIL, _MAIL), (Sender.AI, _AI), (Sender.SOCIAL, _SOCIAL), (Sender.SEARCH, _SEARCH))
_HOSTS = {
    host: Referrer(sender, name) for sender, table in _TABLES for name, hosts in table.items() for host in hosts.split()
}
_NAMES = {name: sender for sender, table in _TABLES for name in table}
_NAMES |= {nickname: _NAMES[name] for name, nicknames in _NICKNAMES.items() for nickname in nicknames.split()}


_LONGEST_HOST = 253


def look_up(host: str) -> Referrer:
    """Who is behind a referring ``host`` (or Android package name)? A stranger is ``(SITE, host)``."""
    return _look_up_known(host) if len(host) <= _LONGEST_HOST else _look_up(host)


def _look_up(host: str) -> Referrer:
    bare = host.removeprefix("www.")
    if match := _COUNTRIES.fullmatch(bare):
        return _HOSTS.get(bare) or Referrer(Sender.SEARCH, match[1])
    labels = bare.split(".")
    for start in range(len(labels) - 1):
        if known := _HOSTS.get(".".join(labels[start:])):
            return known
    if bare.startswith(("mail.", "webmail.", "email.", "roundcube.")) and len(labels) > 2:
        return Referrer(Sender.MAIL, ".".join(labels[1:]))
    return Referrer(Sender.SITE, bare)


_look_up_known = lru_cache(maxsize=4096)(_look_up)


def is_round_trip(host: str) -> bool:
    """Payment and sign-in pages, from which a visitor returns within the same visit."""
    labels = host.split(".")
    return any(".".join(labels[start:]) in _TRIP for start in range(len(labels) - 1))


def find_sender(utm_source: str) -> Sender | None:
    """The kind of place a ``utm_source`` names, by name (``google``), nickname (``fb``) or host (``m.vk.com``)."""
    name = utm_source.strip().lower()
    if name in _NAMES:
        return _NAMES[name]
    known = look_up(name) if "." in name else None
    return known.sender if known and known.sender is not Sender.SITE else None
