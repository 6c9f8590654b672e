"""Where a letter's pixel and links lead: ``/o/TOKEN.gif`` and ``/c/TOKEN``. HTTP in, one write, HTTP out.

    token ─▶ ours? ─▶ the hit, durable by group commit ─▶ the picture, or 307 to the stored address
             no ─▶ the picture all the same, or a plain page

Behind each request there may be a person: a pixel is always answered with a picture, a link that is ours always with
where it leads, however old it is and whatever the database does with the hit. These are the most asked routes of all:
their doors (``web.asked``) are passed by nothing but bytes. Refuses to know what a hit means: ``judge`` does.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy.exc import SQLAlchemyError

from wherefrom.errors import Unavailable
from wherefrom.load import Shed
from wherefrom.outbound.book import HitBook
from wherefrom.services import Services
from wherefrom.tracking.carry import carry
from wherefrom.tracking.marks import CLICK_PATH, OPEN_PATH, Mark, read_click, read_open
from wherefrom.tracking.store import StoredHit, find_url
from wherefrom.tracking.verdict import HUMAN, Hint, Kind, judge_alone
from wherefrom.visits.ip import stored_form
from wherefrom.web.asked import Asked
from wherefrom.web.front import DirectRoute
from wherefrom.web.requests import Proxies
from wherefrom.web.wire import Head, Headers, Reply, fixed

TIME_LIMIT = 2.0
"""Seconds a write is waited for. Who comes meanwhile waits for the next one, hence twice as long at the most."""

_FAULTS = (TimeoutError, SQLAlchemyError, Unavailable, OSError)
_HITS_A_WRITE = 4  # are written in the time of another write
_LONGEST_AGENT = 512
_PIXEL = b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_AGENT = b"user-agent"
_EARLY = frozenset((b"purpose", b"sec-purpose", b"x-purpose", b"x-moz"))
_HEADERS = _EARLY | {_AGENT}
_AHEAD = ("prefetch", "prerender", "preview")
_NEVER_KEPT = (b"cache-control", b"no-store, no-cache, must-revalidate, private, max-age=0")
_TELLS_NOBODY = (b"referrer-policy", b"no-referrer")  # the address names a person
_OF_PIXEL: Headers = [
    (b"content-type", b"image/gif"),
    _NEVER_KEPT,
    (b"accept-ranges", b"none"),  # a part of a picture is asked for by who has another part: the whole is the answer
    (b"cross-origin-resource-policy", b"cross-origin"),  # a webmail's page shows it
]
_OF_CLICK: Headers = [_NEVER_KEPT, _TELLS_NOBODY, (b"x-robots-tag", b"noindex, nofollow")]
_OF_PAGE: Headers = [
    (b"content-type", b"text/html; charset=utf-8"),
    _NEVER_KEPT,
    _TELLS_NOBODY,
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex, nofollow"),
]
_ANSWER = fixed(200, _OF_PIXEL, _PIXEL)
_LEAD = Head(307, _OF_CLICK)
_METHODS = ("GET", "HEAD")
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>{0}</title><body style="font:16px/1.5 sans-serif;max-width:32em;margin:4em auto;padding:0 1em">'
    '<h1 style="font-size:1.3em">{0}</h1><p>{1}</p></body></html>'
)
_UNKNOWN = fixed(
    404,
    _OF_PAGE,
    _PAGE.format(
        "This link leads nowhere",
        "It is not one of ours, or a part of it was lost on the way. Please go back to the letter and try it there once"
        " more, or copy the whole address.",
    ).encode(),
)
_LATER = fixed(
    503,
    _OF_PAGE,
    _PAGE.format(
        "This link does not answer right now", "Please try it once more in a minute: nothing is lost."
    ).encode(),
)


def routes(services: Services, *, time_limit: float = TIME_LIMIT) -> list[DirectRoute]:
    """The two doors; both take GET and HEAD."""
    doors = _Doors(services, time_limit)
    return [
        DirectRoute(OPEN_PATH, _Pixel(doors), _METHODS, is_prefix=True),
        DirectRoute(CLICK_PATH, _Click(doors), _METHODS, is_prefix=True),
    ]


class _Doors:
    """What both have in common."""

    def __init__(self, services: Services, time_limit: float) -> None:
        self.services = services
        self.time_limit = time_limit
        most = _HITS_A_WRITE * services.settings.limits.waiting_writes
        self.book = HitBook(services.db, services.bell, time_limit, most)
        self._next_id = services.ids.next
        self._policy = services.settings.visits.ip
        self._proxies = Proxies(services.settings.server.trusted_proxies)

    def is_overrun(self) -> bool:
        """Whether a hit cannot be written down for there are too many; then it is counted as that."""
        if not self.book.is_full:
            return False
        self.services.load.note(Shed.HITS)
        return True

    def note_fault(self, fault: Exception) -> None:
        """Of a hit that is not written; the book logs it, with all that were to be written with it."""
        if isinstance(fault, TimeoutError):
            self.services.load.note(Shed.LATE)

    def read_hit(self, asked: Asked, kind: Kind, mark: Mark, now: datetime) -> StoredHit:
        """The request as it is kept. Of who is measured by the day alone, the network is not."""
        headers = asked.find_headers(_HEADERS)
        ip = (
            None if mark.date_only else stored_form(self._proxies.find_visitor(asked.peer, asked.headers), self._policy)
        )
        agent, hint = _clean(headers.get(_AGENT, "")[:_LONGEST_AGENT]), _read_hint(asked.method, headers)
        return StoredHit(mark.site_id, self._next_id(), mark.send_id, kind, mark.number, now, ip, agent, hint)


class _Pixel:
    def __init__(self, doors: _Doors) -> None:
        self._doors = doors

    def __call__(self, asked: Asked) -> None:
        doors, services = self._doors, self._doors.services
        now = services.clock.now()
        mark = read_open(services.tokens, asked.path[len(OPEN_PATH) :].removesuffix(".gif"), now)
        if mark is None or doors.is_overrun():
            asked.answer(_ANSWER)
            return

        def told(_url: str | None, fault: Exception | None) -> None:
            if fault is not None:
                doors.note_fault(fault)
            asked.answer(_ANSWER)

        doors.book.write(doors.read_hit(asked, "open", mark, now), told)


class _Click:
    def __init__(self, doors: _Doors) -> None:
        self._doors = doors
        self._lasts = timedelta(minutes=doors.services.settings.visits.click_minutes)

    def __call__(self, asked: Asked) -> None:
        services = self._doors.services
        now = services.clock.now()
        mark = read_click(services.tokens, asked.path[len(CLICK_PATH) :], now)
        if mark is None:
            asked.answer(_UNKNOWN)
            return
        hit = self._doors.read_hit(asked, "click", mark, now)
        if self._doors.is_overrun():
            self._lead_without(asked, hit, mark)
            return

        def told(url: str | None, fault: Exception | None) -> None:
            if fault is None:
                self._lead(asked, url, hit, mark)
            else:
                self._doors.note_fault(fault)
                asked.run(self._lead_on(asked, hit, mark))

        self._doors.book.write(hit, told)

    def _lead(self, asked: Asked, url: str | None, hit: StoredHit, mark: Mark) -> None:
        try:
            asked.answer(_redirect(self._with_person(url, hit, mark)))
        except Exception as error:  # of a callback: else nobody would hear of it
            asked.fail(error)

    def _with_person(self, url: str | None, hit: StoredHit, mark: Mark) -> str | None:
        """The site's own page is told who comes; nobody comes by a request that says it is a program's."""
        lasts = self._lasts
        if not (url and mark.contact_id and lasts) or judge_alone("click", hit.agent, hit.hint) is not HUMAN:
            return url
        return carry(self._doors.services.tokens, url, mark, hit.seen_at + lasts)

    def _lead_without(self, asked: Asked, hit: StoredHit, mark: Mark) -> None:
        """While too many hits wait: first by what is remembered."""
        url = self._doors.book.find_followed((mark.site_id, mark.send_id, mark.number))
        if url is None:
            asked.run(self._lead_on(asked, hit, mark))
        else:
            self._lead(asked, url, hit, mark)

    async def _lead_on(self, asked: Asked, hit: StoredHit, mark: Mark) -> None:
        """Without the hit: where nothing can be written something may still be read, or remembered."""
        try:
            async with asyncio.timeout(self._doors.time_limit), self._doors.services.db.read() as tx:
                url = await find_url(tx, mark.site_id, mark.send_id, mark.number)
        except _FAULTS:
            url = self._doors.book.find_followed((mark.site_id, mark.send_id, mark.number))
            if url is None:
                asked.answer(_LATER)
                return
        self._lead(asked, url, hit, mark)


def _redirect(url: str | None) -> Reply:
    return _UNKNOWN if url is None else _LEAD.reply(b"", b"location", url.encode("ascii"))


def _read_hint(method: str, headers: dict[bytes, str]) -> Hint:
    if method == "HEAD":
        return "head"
    if len(headers) == (_AGENT in headers):
        return ""
    told = " ".join(headers[name].lower() for name in _EARLY if name in headers)
    return "prefetch" if any(word in told for word in _AHEAD) else ""


@lru_cache(maxsize=4096)
def _clean(agent: str) -> str:
    return "".join(one if one.isprintable() else " " for one in agent).strip()
