"""The collector's doors: a page shown, a sign. HTTP in, one call, HTTP out. (The script's are ``script_routes``.)

Pages and signs have doors before all else (see ``web.asked``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import lru_cache, partial

import msgspec
from starlette.routing import BaseRoute

from wherefrom.errors import WherefromError
from wherefrom.load import Shed
from wherefrom.services import Services
from wherefrom.visits.collect import Collector
from wherefrom.visits.gate import Caller, DropReason
from wherefrom.visits.page import Reply
from wherefrom.visits.script_routes import script_routes
from wherefrom.visits.signals import take_signal
from wherefrom.web import wire
from wherefrom.web.asked import Asked
from wherefrom.web.busy import BUSY, too_often
from wherefrom.web.front import DirectRoute
from wherefrom.web.rate import Rate
from wherefrom.web.requests import Proxies, too_large
from wherefrom.web.responses import problem_response
from wherefrom.web.room import Room
from wherefrom.web.wire import reply_of

Take = Callable[[bytes, Caller, Callable[[Reply], None]], bool]

_SITE = b"sec-fetch-site"
_HEADERS = frozenset((b"origin", b"user-agent", _SITE))
_ASKS = b"access-control-request-method"
_ENCODER = msgspec.json.Encoder()
_METHODS = ("POST", "OPTIONS")
_OF_PROBLEM = {"vary": "Origin", "cache-control": "no-store"}
"""Nobody keeps the answer, and no page reads it but the site's own (``_ALLOW``)."""
_OF_ANSWER: wire.Headers = [(name.encode(), value.encode()) for name, value in _OF_PROBLEM.items()]
_ALLOW = b"access-control-allow-origin"
_FOUND = wire.Head(200, [*_OF_ANSWER, (b"content-type", b"application/json")])
_NO_CONTENT = wire.Head(204, _OF_ANSWER)
_ALLOWED = wire.fixed(204, [(b"allow", b"POST, OPTIONS"), (b"vary", b"Origin")])
_PREFLIGHT = wire.Head(
    204,
    [
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", b"content-type"),
        (b"access-control-max-age", b"86400"),
        (b"vary", b"Origin"),
    ],
)


def routes(services: Services, collector: Collector | None = None) -> list[BaseRoute]:
    """The collector's routes at the paths of the settings. ``collector`` is built here unless it is handed in."""
    collector = collector or Collector(services)
    pages = _Door(collector, collector.collect, collector.take)
    signs = _Door(collector, lambda raw, caller: take_signal(collector, raw, caller))
    paths = services.settings.collector
    return [
        DirectRoute(paths.visits_path, pages, _METHODS, limit=paths.max_body),
        DirectRoute(paths.signals_path, signs, _METHODS, limit=paths.max_body),
        *script_routes(paths.script_path),
    ]


class _Door:
    """Where pages or signs are told. ``take`` is asked first, where there is one (``Collector.take``)."""

    def __init__(
        self,
        collector: Collector,
        call: Callable[[bytes, Caller], Awaitable[Reply]],
        take: Take | None = None,
    ) -> None:
        services, settings = collector.services, collector.services.settings
        self._collector = collector
        self._limit = settings.collector.max_body
        self._call = call
        self._take = take
        self._proxies = Proxies(settings.server.trusted_proxies)
        self._load = services.load
        self._rate = Rate(settings.limits.visits_per_address)
        self._room = Room(settings.limits.waiting_writes)

    def __call__(self, asked: Asked) -> None:
        if asked.method == "OPTIONS":
            asked.answer(_preflight(asked))
            return
        if self._room.is_full:
            self._load.note(Shed.VISITS)
            asked.answer(BUSY)
            return
        ip = self._proxies.find_visitor(asked.peer, asked.headers)
        if not self._rate.admits_address(ip):
            self._load.note(Shed.ADDRESS)
            asked.answer(too_often(self._rate.wait))
            return
        began = self._room.enter()  # here, not in the task: a flood is read before the first of its tasks runs
        if self._take is None or asked.body is None or not self._take_at_once(self._take, asked, asked.body, ip, began):
            asked.run(self._run(asked, ip, began))

    def _take_at_once(self, take: Take, asked: Asked, raw: bytes, ip: str, began: float) -> bool:
        caller = _caller(asked, ip)
        try:
            return take(raw, caller, partial(self._tell, asked, caller.origin, began))
        except Exception as error:
            self._room.leave(began)
            asked.fail(error)
            return True

    def _tell(self, asked: Asked, origin: str | None, began: float, reply: Reply) -> None:
        self._room.leave(began)
        try:
            _answer(asked, reply, origin)
        except Exception as error:
            asked.fail(error)

    async def _run(self, asked: Asked, ip: str, began: float) -> None:
        try:
            await self._hear(asked, ip)
        finally:
            self._room.leave(began)

    async def _hear(self, asked: Asked, ip: str) -> None:
        if asked.body is None:
            await self._collector.count(None, DropReason.OVERSIZED)
            asked.answer(reply_of(problem_response(too_large(self._limit))))
            return
        caller = _caller(asked, ip)
        _answer(asked, await self._call(asked.body, caller), caller.origin)


def _caller(asked: Asked, ip: str) -> Caller:
    headers = asked.find_headers(_HEADERS)
    return Caller(ip, headers.get(b"user-agent", ""), headers.get(b"origin"), headers.get(_SITE, ""))


def _answer(asked: Asked, reply: Reply, origin: str | None) -> None:
    readable_by = origin if reply.own else None
    if isinstance(reply.value, WherefromError):
        told = {"access-control-allow-origin": readable_by} if readable_by else {}
        asked.answer(reply_of(problem_response(reply.value, _OF_PROBLEM | told)))
        return
    no_content, found = _heads_for(readable_by) if readable_by else (_NO_CONTENT, _FOUND)
    asked.answer(no_content.reply() if reply.value is None else found.reply(_ENCODER.encode(reply.value)))


@lru_cache(maxsize=1024)
def _heads_for(origin: str) -> tuple[wire.Head, wire.Head]:
    """Of answers that pages of ``origin``, a site's own, may read: without a body and with one."""
    allow = origin.encode("latin-1")
    return _NO_CONTENT.plus(_ALLOW, allow), _FOUND.plus(_ALLOW, allow)


def _preflight(asked: Asked) -> wire.Reply:
    """Grants the question, not the data: only the request that follows names a site, and is judged by it. The script
    sends ``text/plain`` and never asks; a proxy or a page's own code that says ``application/json`` makes it ask."""
    headers = asked.find_headers((b"origin", _ASKS))
    origin = headers.get(b"origin", "")
    if not origin or _ASKS not in headers:
        return _ALLOWED
    return _PREFLIGHT.reply(b"", _ALLOW, origin.encode("latin-1"))
