"""The way out of a letter: ``/u/TOKEN``. GET shows a page and changes nothing; POST acts (RFC 8058).

No cookie, no login, no form token: who has the letter may end its mail, and a mail program posts without ever having
seen the page. The answer is the same whether it was ended now or before.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from wherefrom.errors import WherefromError
from wherefrom.outbound.leave import Act, find_standing, leave
from wherefrom.outbound.leave_page import ask_page, done_page, lost_page
from wherefrom.outbound.leave_words import find_words
from wherefrom.services import Services
from wherefrom.tracking.marks import LEAVE_PATH, read_leave
from wherefrom.web.requests import read_body

_MOST_BODY = 4096
_HEADERS = {
    "cache-control": "no-store",
    "vary": "accept-language",
    "x-robots-tag": "noindex, nofollow",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
}
_ONE_CLICK = ("List-Unsubscribe", "One-Click")
_ACTS: dict[tuple[str, str], Act] = {
    _ONE_CLICK: "list", ("act", "list"): "list", ("act", "all"): "all", ("act", "undo"): "undo",
}  # fmt: skip
_IN_PARTS = re.compile(
    rb'--[^\r\n]{1,80}\r?\ncontent-disposition:[ \t]*form-data;[ \t]*name="?([\w-]{1,40})"?[ \t]*\r?\n'
    rb"(?:content-[^\r\n]*\r?\n)*\r?\n([\w-]{1,40})\r?\n--[^\r\n]*--\s*",
    re.IGNORECASE,
)


def routes(services: Services) -> list[Route]:
    """The page and what its buttons do."""

    async def door(request: Request) -> Response:
        words = find_words(request.headers.get("accept-language", ""))
        mark = read_leave(services.tokens, request.path_params["token"], services.clock.now())
        if mark is None:
            return _show(lost_page(words), 404)
        act = await _read_act(request) if request.method == "POST" else None
        standing = await find_standing(services, mark) if act is None else await leave(services, mark, act)
        if standing is None:
            return _show(lost_page(words), 404)
        return _show(ask_page(standing, words) if act is None else done_page(standing, words))

    return [Route(LEAVE_PATH + "{token}", door, methods=["GET", "HEAD", "POST"], name="leave")]


async def _read_act(request: Request) -> Act | None:
    """What is asked for: one field, as RFC 8058 has it or as our buttons have it, in either form of the standard (3.2).
    None for any other body."""
    try:
        raw = await read_body(request, _MOST_BODY)
    except WherefromError:
        return None
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        parts = _IN_PARTS.fullmatch(raw)
        return _ACTS.get((parts[1].decode(), parts[2].decode())) if parts else None
    fields = parse_qsl(raw.decode("ascii", "replace").strip(), keep_blank_values=True)
    return _ACTS.get(fields[0]) if len(fields) == 1 else None


def _show(page: str, status: int = 200) -> Response:
    return HTMLResponse(page, status, _HEADERS)
