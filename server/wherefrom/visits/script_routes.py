"""The scripts' routes. Each new visitor of a page asks for one, so the plain names have doors (see ``web.asked``)."""

from __future__ import annotations

import functools

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from wherefrom.errors import WherefromError
from wherefrom.visits.script import CORE, KINDS, Script, kind_path, load_script, split_version, versioned_path
from wherefrom.web.asked import Asked
from wherefrom.web.front import DirectRoute
from wherefrom.web.responses import problem_response
from wherefrom.web.wire import Headers, Reply, fixed, reply_of

_SHORT = b"public, max-age=3600, stale-while-revalidate=86400"
_FOR_EVER = b"public, max-age=31536000, immutable"
_EACH_TIME = b"no-cache"
_ACCEPT, _CONDITION = b"accept-encoding", b"if-none-match"


def script_routes(path: str) -> list[BaseRoute]:
    """Two for each script. The versioned one of the core also stands for what a core of that version asks for."""
    plain = [
        DirectRoute(kind_path(path, kind), functools.partial(_tell_plain, kind), ("GET", "HEAD")) for kind in KINDS
    ]
    return [*plain, *(_versioned(versioned_path(kind_path(path, kind), "{version}"), kind) for kind in KINDS)]


def _tell_plain(kind: str, asked: Asked) -> None:
    """The plain name is asked for again after an hour."""
    headers = asked.find_headers((_ACCEPT, _CONDITION))
    asked.answer(_find(kind, None, headers.get(_ACCEPT, ""), headers.get(_CONDITION, "")))


def _versioned(path: str, kind: str) -> Route:
    async def endpoint(request: Request) -> Response:
        accept, condition = (request.headers.get(name.decode(), "") for name in (_ACCEPT, _CONDITION))
        reply = _find(kind, request.path_params["version"], accept, condition)
        return Response(reply.body, reply.status, {name.decode(): value.decode() for name, value in reply.headers()})

    return Route(path, endpoint, methods=["GET"])


def _find(kind: str, asked: str | None, accept: str, condition: str) -> Reply:
    """The versioned name never changes. A version that is not the present one gets the present script too: an old tag
    must not lose its page the substitutes."""
    try:
        if asked and kind == CORE:
            asked, kind = split_version(asked)
        script = load_script(kind)
    except WherefromError as error:
        return reply_of(problem_response(error))
    kept = _FOR_EVER if asked == script.version else _EACH_TIME if asked else _SHORT
    return _spell(kind, kept, "gzip" in accept, _has_version(condition, script))


@functools.lru_cache(maxsize=64)
def _spell(kind: str, kept: bytes, is_zipped: bool, is_known: bool) -> Reply:
    script = load_script(kind)
    headers: Headers = [
        (b"etag", f'"{script.version}{"-gz" if is_zipped else ""}"'.encode()),
        (b"cache-control", kept),
        (b"access-control-allow-origin", b"*"),  # SRI needs a readable answer
        (b"cross-origin-resource-policy", b"cross-origin"),
        (b"x-content-type-options", b"nosniff"),
        (b"vary", b"Accept-Encoding"),
    ]
    if is_known:
        return fixed(304, headers)
    headers.append((b"content-type", b"text/javascript; charset=utf-8"))
    if is_zipped:
        headers.append((b"content-encoding", b"gzip"))
    return fixed(200, headers, script.zipped if is_zipped else script.body)


def _has_version(condition: str, script: Script) -> bool:
    tags = {tag.strip().removeprefix("W/").strip('"').removesuffix("-gz") for tag in condition.split(",")}
    return script.version in tags
