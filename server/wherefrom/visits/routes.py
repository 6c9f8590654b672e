"""The collector's doors: the script, a page shown, a sign. HTTP in, one call, HTTP out.

The doors of pages and signs are plain ASGI callables before all else (see ``web.front``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from wherefrom.errors import TooLarge, WherefromError
from wherefrom.services import Services
from wherefrom.visits.collect import Collector, Reply
from wherefrom.visits.gate import Caller, DropReason
from wherefrom.visits.script import CORE, KINDS, Script, kind_path, load_script, split_version, versioned_path
from wherefrom.visits.signals import take_signal
from wherefrom.web.front import DirectRoute
from wherefrom.web.plain import read_headers, receive_body
from wherefrom.web.requests import client_ip
from wherefrom.web.responses import problem_response
from wherefrom.web.wire import Head, Headers, send_answer

_SHORT = "public, max-age=3600, stale-while-revalidate=86400"
_FOR_EVER = "public, max-age=31536000, immutable"
_HEADERS = frozenset((b"content-length", b"origin", b"user-agent", b"sec-fetch-site"))
_ENCODER = msgspec.json.Encoder()
_METHODS = ("POST", "OPTIONS")
_OF_PROBLEM = {"vary": "Origin", "cache-control": "no-store"}
"""Nobody keeps the answer, and no page reads it but the site's own (``_ALLOW``)."""
_OF_ANSWER: Headers = [(name.encode(), value.encode()) for name, value in _OF_PROBLEM.items()]
_ALLOW = b"access-control-allow-origin"
_FOUND = Head(200, [*_OF_ANSWER, (b"content-type", b"application/json")])
_NO_CONTENT = Head(204, _OF_ANSWER)
_PREFLIGHT = {
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type",
    "access-control-max-age": "86400",
    "vary": "Origin",
}


def routes(services: Services, collector: Collector | None = None) -> list[BaseRoute]:
    """The collector's routes at the paths of the settings. ``collector`` is built here unless it is handed in."""
    collector = collector or Collector(services)
    pages = _Door(collector, collector.collect)
    signs = _Door(collector, lambda raw, caller: take_signal(collector, raw, caller))
    paths = services.settings.collector
    return [
        DirectRoute(paths.visits_path, pages, _METHODS),
        DirectRoute(paths.signals_path, signs, _METHODS),
        *_Scripts().routes(paths.script_path),
    ]


class _Scripts:
    def routes(self, path: str) -> list[Route]:
        """Two for each script. The versioned one of the core also stands for what a core of that version asks for."""
        plain = [self._script_route(kind_path(path, kind), kind) for kind in KINDS]
        return plain + [self._script_route(versioned_path(kind_path(path, kind), "{version}"), kind) for kind in KINDS]

    def _script_route(self, path: str, kind: str) -> Route:
        async def endpoint(request: Request) -> Response:
            return self.script(request, kind)

        return Route(path, endpoint, methods=["GET"])

    def script(self, request: Request, kind: str) -> Response:
        """The plain name is asked for again after an hour; the versioned one never changes. A version that is not
        the present one gets the present script too: an old tag must not lose its page the substitutes."""
        try:
            asked = request.path_params.get("version")
            if asked and kind == CORE:
                asked, kind = split_version(asked)
            script = load_script(kind)
        except WherefromError as error:
            return problem_response(error)
        zipped = "gzip" in request.headers.get("accept-encoding", "")
        headers = {
            "etag": f'"{script.version}{"-gz" if zipped else ""}"',
            "cache-control": _FOR_EVER if asked == script.version else "no-cache" if asked else _SHORT,
            "access-control-allow-origin": "*",  # SRI needs a readable answer
            "cross-origin-resource-policy": "cross-origin",
            "x-content-type-options": "nosniff",
            "vary": "Accept-Encoding",
        }
        if _same_version(request.headers.get("if-none-match", ""), script):
            return Response(status_code=304, headers=headers)
        if zipped:
            headers["content-encoding"] = "gzip"
        return Response(script.zipped if zipped else script.body, 200, headers, "text/javascript")


class _Door:
    """Where pages or signs are told."""

    def __init__(self, collector: Collector, call: Callable[[bytes, Caller], Awaitable[Reply]]) -> None:
        self._collector = collector
        self._settings = collector.services.settings
        self._call = call
        self._has_proxies = bool(self._settings.server.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await _preflight(Request(scope))(scope, receive, send)
            return
        headers = read_headers(scope, _HEADERS)
        try:
            raw = await receive_body(receive, headers.get(b"content-length", ""), self._settings.collector.max_body)
        except TooLarge as error:
            await self._collector.count(None, DropReason.OVERSIZED)
            await problem_response(error)(scope, receive, send)
            return
        except ClientDisconnect:  # the page was left; nobody reads an answer
            await send_answer(send, 400, [])
            return
        proxied = self._has_proxies
        ip = client_ip(Request(scope), self._settings) if proxied else (scope["client"] or ("",))[0]
        origin = headers.get(b"origin")
        caller = Caller(ip, headers.get(b"user-agent", ""), origin, headers.get(b"sec-fetch-site", ""))
        reply = await self._call(raw, caller)
        readable_by = origin if reply.own else None
        if isinstance(reply.value, WherefromError):
            told = {"access-control-allow-origin": readable_by} if readable_by else {}
            await problem_response(reply.value, _OF_PROBLEM | told)(scope, receive, send)
            return
        allow = (_ALLOW, readable_by.encode("latin-1")) if readable_by else ()
        if reply.value is None:
            await _NO_CONTENT.send(send, b"", *allow)
        else:
            await _FOUND.send(send, _ENCODER.encode(reply.value), *allow)


def _preflight(request: Request) -> Response:
    """Grants the question, not the data: only the request that follows names a site, and is judged by it. The script
    sends ``text/plain`` and never asks; a proxy or a page's own code that says ``application/json`` makes it ask."""
    origin = request.headers.get("origin", "")
    if not origin or "access-control-request-method" not in request.headers:
        return Response(status_code=204, headers={"allow": "POST, OPTIONS", "vary": "Origin"})
    return Response(status_code=204, headers={**_PREFLIGHT, "access-control-allow-origin": origin})


def _same_version(condition: str, script: Script) -> bool:
    tags = {tag.strip().removeprefix("W/").strip('"').removesuffix("-gz") for tag in condition.split(",")}
    return script.version in tags
