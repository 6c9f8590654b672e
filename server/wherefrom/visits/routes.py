"""The collector's doors: the script, a page shown, a sign. HTTP in, one call, HTTP out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from wherefrom.errors import TooLarge, WherefromError
from wherefrom.services import Services
from wherefrom.visits.collect import Collector, Reply
from wherefrom.visits.gate import Caller, DropReason
from wherefrom.visits.script import CORE, KINDS, Script, kind_path, load_script, split_version, versioned_path
from wherefrom.visits.signals import take_signal
from wherefrom.web.requests import client_ip, read_body
from wherefrom.web.responses import problem_response

_SHORT = "public, max-age=3600, stale-while-revalidate=86400"
_FOR_EVER = "public, max-age=31536000, immutable"
_PREFLIGHT = {
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "content-type",
    "access-control-max-age": "86400",
    "vary": "Origin",
}


def routes(services: Services, collector: Collector | None = None) -> list[Route]:
    """The collector's routes at the paths of the settings. ``collector`` is built here unless it is handed in."""
    doors = _Doors(services, collector or Collector(services))
    paths = services.settings.collector
    return [
        *doors.scripts(paths.script_path),
        Route(paths.visits_path, doors.visits, methods=["POST", "OPTIONS"], name="visits"),
        Route(paths.signals_path, doors.signals, methods=["POST", "OPTIONS"], name="signals"),
    ]


class _Doors:
    def __init__(self, services: Services, collector: Collector) -> None:
        self._settings = services.settings
        self._collector = collector

    def scripts(self, path: str) -> list[Route]:
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

    async def visits(self, request: Request) -> Response:
        return await self._answer(request, self._collector.collect)

    async def signals(self, request: Request) -> Response:
        return await self._answer(request, lambda raw, caller: take_signal(self._collector, raw, caller))

    async def _answer(self, request: Request, call: Callable[[bytes, Caller], Awaitable[Reply]]) -> Response:
        if request.method == "OPTIONS":
            return _preflight(request)
        try:
            raw = await read_body(request, self._settings.collector.max_body)
        except TooLarge as error:
            await self._collector.count(None, DropReason.OVERSIZED)
            return problem_response(error)
        except ClientDisconnect:  # the page was left; nobody reads an answer
            return Response(status_code=400)
        caller = _caller(request, client_ip(request, self._settings))
        return _render(await call(raw, caller), caller.origin)


def _caller(request: Request, ip: str) -> Caller:
    headers = request.headers
    return Caller(ip, headers.get("user-agent", ""), headers.get("origin"), headers.get("sec-fetch-site", ""))


def _render(reply: Reply, origin: str | None) -> Response:
    headers = {"vary": "Origin", "cache-control": "no-store"}
    if reply.own and origin:
        headers["access-control-allow-origin"] = origin
    if isinstance(reply.value, WherefromError):
        return problem_response(reply.value, headers)
    if reply.value is None:
        return Response(status_code=204, headers=headers)
    return Response(msgspec.json.encode(reply.value), 200, headers, "application/json")


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
