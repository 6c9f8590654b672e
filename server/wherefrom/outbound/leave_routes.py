"""The way out of a letter: ``/u/TOKEN``. GET shows a page and changes nothing; POST acts (RFC 8058).

No cookie, no login, no form token: who has the letter may end its mail, and a mail program posts without ever having
seen the page. The answer is the same whether it was ended now or before.
"""

from __future__ import annotations

import html
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from wherefrom.errors import WherefromError
from wherefrom.outbound.leave import Act, Standing, find_standing, leave
from wherefrom.services import Services
from wherefrom.tracking.marks import LEAVE_PATH, read_leave
from wherefrom.web.requests import read_body

_MOST_BODY = 4096
_HEADERS = {
    "cache-control": "no-store",
    "x-robots-tag": "noindex, nofollow",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
}
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>{title}</title><style>body{{font:16px/1.5 sans-serif;max-width:32em;margin:4em auto;padding:0 1em}}"
    "h1{{font-size:1.3em}}button{{font:inherit;padding:.5em 1em;margin:0 .5em .5em 0}}</style>"
    "<h1>{title}</h1><p>{words}</p>{form}</html>"
)
_BUTTON = '<button name="act" value="{}">{}</button>'


def routes(services: Services) -> list[Route]:
    """The page and what its buttons do."""

    async def door(request: Request) -> Response:
        mark = read_leave(services.tokens, request.path_params["token"], services.clock.now())
        if mark is None:
            return _gone()
        if request.method != "POST":
            standing = await find_standing(services, mark)
            return _gone() if standing is None else _ask(standing)
        try:
            raw = await read_body(request, _MOST_BODY)
        except WherefromError:
            raw = b""
        standing = await leave(services, mark, _read_act(raw))
        return _gone() if standing is None else _tell(standing)

    return [Route(LEAVE_PATH + "{token}", door, methods=["GET", "HEAD", "POST"], name="leave")]


def _read_act(raw: bytes) -> Act:
    """Our buttons say ``act``. Whatever else is posted is a mail program's one click, in the form it likes."""
    asked = parse_qs(raw.decode("utf-8", "replace")).get("act", [""])[0]
    return "all" if asked == "all" else "undo" if asked == "undo" else "list"


def _ask(standing: Standing) -> Response:
    if standing.ended:
        return _tell(standing)
    form = _BUTTON.format("list", "Yes, no more of it") + (
        _BUTTON.format("all", "No mail at all") if standing.list else ""
    )
    mail = f"letters of the list “{standing.list}”" if standing.list else "our letters"
    return _show("Shall this mail end?", f"{_masked(standing.email)} will get no more {mail}.", form)


def _tell(standing: Standing) -> Response:
    who = _masked(standing.email)
    if standing.ended:
        what = f"of the list “{standing.list}” " if standing.list else ""
        return _show(
            "It has ended", f"{who} gets no more letters {what}from us.", _BUTTON.format("undo", "It was a mistake")
        )
    return _show("All as before", f"{who} gets our letters again.", _BUTTON.format("list", "No, end it"))


def _show(title: str, words: str, buttons: str, status: int = 200) -> Response:
    form = f'<form method="post">{buttons}</form>' if buttons else ""
    return HTMLResponse(_PAGE.format(title=title, words=html.escape(words), form=form), status, _HEADERS)


def _gone() -> Response:
    words = "It is not one of ours, or a part of it was lost on the way. Please use the one in the letter."
    return _show("This link leads nowhere", words, "", 404)


def _masked(email: str) -> str:
    """Letters are forwarded: whoever opens the page need not learn the whole address."""
    local, _, host = email.rpartition("@")
    return f"{local[0]}…@{host}"
