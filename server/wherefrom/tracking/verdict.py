"""Was that a person? The verdict on each hit of one letter, from all its hits (feature H05). Pure.

    its own request                                     source
      HEAD                      scanner  head           a mail program shows pictures and pages by GET alone
      Purpose, Sec-Purpose,     prefetch header         W3C Resource Hints; browsers say so when nobody looks yet
        X-Moz: prefetch
      "Mozilla/5.0", exactly    prefetch apple          ua-parser/uap-core#509: Apple Mail Privacy Protection loads the
                                                        pictures of every letter, read or not; it follows no link
      Edge/12.246 + Chrome/42   prefetch gmail          mautic#10245, ahoy_email#139: Gmail, as the letter arrives
      …Gmail-content-sampling   scanner  gmail          mssola/user_agent#71
      GoogleImageProxy,         proxy                   mautic#16069: Gmail asks for the picture when a person opens the
        YahooMailProxy                                  letter, so it is a real open; of links it is none
      names a program           scanner  program        crawlers, libraries, link previews of messengers
      no agent at all           scanner  no agent       every mail program and browser sends one
    its neighbours
      all links (two or more),  scanner  burst          of gateways' bursts 96 % touched all links within a second; with
        or three of them, at                            many links one that is cut off in the middle still shows
        most 2 s apart
      the same agent and        scanner  with a burst   the same program looking at the picture, or once more: many ask
        network as a burst or                           by HEAD first and by GET then
        a HEAD, within a minute
      a picture within 2 s      scanner  with a burst   a gateway loads everything, by several addresses
        of a burst
      a letter's only link,     scanner  at once        a person needs longer from seeing to clicking
        within 1 s of a picture
        by the same agent and
        network
    who the letter went to
      a picture, at Microsoft's unknown  microsoft      Outlook.com and Defender load pictures by agents that are
        own mail services, by a                         persons' browsers in all but name (gophish#2115, #2446); a
        browser                                         picture says nothing there either way
    else                        human

Nothing is dropped: a hit keeps what it was and gets a verdict with a reason. What comes later may change what was said
of hits at most ``REACH`` before it. A burst is by links, not by time since the sending: a delay rule would throw away
quick readers, and scanners come late as well (median 43 s).
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

Name = Literal["human", "proxy", "prefetch", "scanner", "unknown"]
Kind = Literal["open", "click"]
Hint = Literal["", "head", "prefetch"]

PERSONS = ("human", "proxy")
"""The verdicts that count: a person saw the letter, by themselves or by their provider's proxy."""

BURST = timedelta(seconds=2)
AFTER_BURST = timedelta(minutes=1)
AT_ONCE = timedelta(seconds=1)
REACH = AFTER_BURST + BURST
"""How far apart in time two hits may be of which one tells something about the other."""
SETTLED = timedelta(seconds=3)
"""After this time a hit's burst has shown itself: then it is counted, not before."""

_MANY_LINKS = 3
_PROXIES = ("googleimageproxy", "yahoomailproxy")
_PROGRAMS = re.compile(
    r"(?<!cu)bot(?![a-z])"  # Cubot makes telephones
    r"|crawl|spider|scanner|preview|slurp|fetch|monitor|headless|phantomjs|validator|embedly|check_http"
    r"|curl/|wget|python|go-http-client|java/|okhttp|httpclient|libwww|perl|ruby|axios|guzzle|httpx|postman"
    r"|facebookexternalhit|whatsapp/|vkshare|slack-img"
    r"|barracuda|proofpoint|mimecast|symantec|messagelabs|trendmicro|fireeye|forcepoint|sophos|ironport|zscaler"
    r"|safelinks|urldefense|bitdefender"
)
_MICROSOFT = frozenset(("outlook.com", "hotmail.com", "live.com", "msn.com", "passport.com", "windowslive.com"))
_MICROSOFT_FAMILIES = ("outlook.", "hotmail.", "live.")
_MAIL_PROGRAMS = (
    "ms-office",
    "msoffice",
    "microsoft outlook",
    "thunderbird",
    "applemail",
    "mail/",
    "airmail",
    "postbox",
)


class Verdict(NamedTuple):
    """``reason`` is one of the words above; "" for a person."""

    name: Name
    reason: str = ""


class Hit(NamedTuple):
    """One request. ``number`` is the link's, 0 of an open; ``ip`` as it is kept (a network, or None); ``hint`` what
    the request says of itself."""

    kind: Kind
    number: int
    at: datetime
    agent: str
    ip: str | None = None
    hint: Hint = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is known of the letter: how many links it tracks, and the host of the person's address."""

    links: int
    host: str


HUMAN = Verdict("human")


def judge(hits: Sequence[Hit], letter: Letter) -> list[Verdict]:
    """The verdict on each of ``hits``, which are in the order of their times."""
    alone = [judge_alone(hit.kind, hit.agent, hit.hint) for hit in hits]
    bursts = _find_bursts(hits, letter.links)
    makers = _Makers(hits, bursts)
    return [
        before if before.name in ("prefetch", "scanner") else _among(hits, at, before, letter, bursts, makers)
        for at, before in enumerate(alone)
    ]


@lru_cache(maxsize=4096)
def judge_alone(kind: Kind, agent: str, hint: Hint) -> Verdict:
    """What one request tells by itself."""
    if hint == "head":
        return Verdict("scanner", "head")
    if hint == "prefetch":
        return Verdict("prefetch", "header")
    if not agent:
        return Verdict("scanner", "no agent")
    low = agent.lower()
    if "gmail-content-sampling" in low:
        return Verdict("scanner", "gmail")
    if "edge/12.246" in low and "chrome/42." in low:
        return Verdict("prefetch", "gmail")
    if low == "mozilla/5.0":
        return Verdict("prefetch", "apple") if kind == "open" else Verdict("scanner", "program")
    if any(name in low for name in _PROXIES):
        return Verdict("proxy", "image proxy") if kind == "open" else Verdict("scanner", "program")
    if _PROGRAMS.search(low):
        return Verdict("scanner", "program")
    return HUMAN


def at_microsoft(host: str) -> bool:
    """Is this the host of an address at Microsoft's own mail services (outlook.com, hotmail.de, live.nl …)?"""
    return host in _MICROSOFT or host.startswith(_MICROSOFT_FAMILIES)


def _among(
    hits: Sequence[Hit], at: int, before: Verdict, letter: Letter, bursts: Sequence[bool], makers: _Makers
) -> Verdict:
    """``before`` is human or proxy, by the request alone."""
    hit = hits[at]
    if bursts[at]:
        return Verdict("scanner", "burst")
    if before.name == "human" and makers.made_burst(hit):
        return Verdict("scanner", "with a burst")
    if before.name == "human" and hit.kind == "open" and makers.near_burst(hit.at):
        return Verdict("scanner", "with a burst")
    if before.name == "human" and letter.links == 1 and _at_once(hits, at):
        return Verdict("scanner", "at once")
    if before.name == "human" and hit.kind == "open" and at_microsoft(letter.host) and not _mail_program(hit.agent):
        return Verdict("unknown", "microsoft")
    return before


def _mail_program(agent: str) -> bool:
    low = agent.lower()
    return any(name in low for name in _MAIL_PROGRAMS)


def _find_bursts(hits: Sequence[Hit], links: int) -> list[bool]:
    """Which clicks are of a burst: in some window of BURST there are all links of the letter, or many. A person's
    browser may fetch all links ahead, and says so."""
    clicks = [at for at, hit in enumerate(hits) if hit.kind == "click" and hit.hint != "prefetch"]
    enough = min(links, _MANY_LINKS)
    found = [False] * len(hits)
    if enough < 2:
        return found
    first, inside = 0, dict[int, int]()
    marked = -1  # the last of ``clicks`` that is marked
    for last, at in enumerate(clicks):
        inside[hits[at].number] = inside.get(hits[at].number, 0) + 1
        while hits[at].at - hits[clicks[first]].at > BURST:
            number = hits[clicks[first]].number
            inside[number] -= 1
            if not inside[number]:
                del inside[number]
            first += 1
        if len(inside) >= enough:
            for one in range(max(first, marked + 1), last + 1):
                found[clicks[one]] = True
            marked = last
    return found


class _Makers:
    """Who made the bursts, or asked by HEAD, and when."""

    def __init__(self, hits: Sequence[Hit], bursts: Sequence[bool]) -> None:
        made = [hit for hit, is_burst in zip(hits, bursts, strict=True) if is_burst]
        self._times = [hit.at for hit in made]
        self._of: dict[tuple[str, str | None], list[datetime]] = {}
        for hit in (hit for hit, is_burst in zip(hits, bursts, strict=True) if is_burst or hit.hint == "head"):
            self._of.setdefault((hit.agent, hit.ip), []).append(hit.at)

    def made_burst(self, hit: Hit) -> bool:
        return _has(self._of.get((hit.agent, hit.ip), []), hit.at, AFTER_BURST)

    def near_burst(self, at: datetime) -> bool:
        return _has(self._times, at, BURST)


def _has(times: Sequence[datetime], at: datetime, within: timedelta) -> bool:
    return bisect_left(times, at - within) < bisect_right(times, at + within)


def _at_once(hits: Sequence[Hit], at: int) -> bool:
    """A picture and a click of the same program within a second."""
    hit = hits[at]
    for step in (-1, 1):
        other = at + step
        while 0 <= other < len(hits) and abs(hits[other].at - hit.at) <= AT_ONCE:
            one = hits[other]
            if one.kind != hit.kind and (one.agent, one.ip) == (hit.agent, hit.ip) and not one.hint:
                return True
            other += step
    return False
