"""Who reads the console, and whether a request that changes something is really theirs.

Three locks on every change: the session cookie is SameSite=Lax, the browser must not say that the request comes from
another site (Sec-Fetch-Site, Origin), and a token that only our pages know must come with it. The token is signed for
the one session; the log-in form, which has none yet, uses a cookie of its own.
"""

from __future__ import annotations

import hmac
import re
from urllib.parse import parse_qsl, quote, urlsplit
from zoneinfo import ZoneInfo

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from wherefrom.accounts.login import find_session
from wherefrom.accounts.store import User
from wherefrom.console.words import parse_zone
from wherefrom.errors import BadInput, Forbidden
from wherefrom.services import Services
from wherefrom.tokens import hash_token
from wherefrom.web.requests import read_body

ZONE_COOKIE = "wherefrom_zone"
"""The browser's time zone, written there by our script: times and days are meant in it."""

_MOST_FORM = 65_536
_MOST_FIELDS = 60
_SAFE_NEXT = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


class Reader(Struct, frozen=True):
    """Somebody who is logged in. ``csrf_token`` goes into forms and htmx's header."""

    user: User
    csrf_token: str
    zone: ZoneInfo


def is_secure(services: Services) -> bool:
    """Whether browsers reach the service by https."""
    return services.settings.server.public_url.startswith("https:")


def cookie_name(services: Services) -> str:
    """The prefix makes browsers refuse the cookie from a sibling host or without https (RFC 6265bis 4.1.3.2)."""
    return "__Host-wherefrom" if is_secure(services) else "wherefrom_session"


def session_token(services: Services, request: Request) -> str:
    """The cookie's value; "" without one."""
    return request.cookies.get(cookie_name(services), "")


async def find_reader(services: Services, request: Request) -> Reader | None:
    """Who reads, by the cookie."""
    token = session_token(services, request)
    if not token:
        return None
    async with services.db.read() as tx:
        user = await find_session(tx, token, services.clock.now())
    return Reader(user, make_csrf(services, token), read_zone(request)) if user else None


def read_zone(request: Request) -> ZoneInfo:
    """The browser's time zone as its cookie tells it, else UTC."""
    return parse_zone(request.cookies.get(ZONE_COOKIE, ""))


def set_session(services: Services, response: Response, token: str) -> None:
    """Puts the session into the browser."""
    response.set_cookie(
        cookie_name(services),
        token,
        max_age=services.settings.console.session_days * 86_400,
        path="/",
        secure=is_secure(services),
        httponly=True,
        samesite="lax",
    )


def drop_session(services: Services, response: Response) -> None:
    """Takes it out again."""
    response.delete_cookie(cookie_name(services), path="/", secure=is_secure(services), httponly=True, samesite="lax")


def make_csrf(services: Services, secret: str) -> str:
    """The token that goes with ``secret`` (the session's, or the log-in form's own cookie)."""
    return services.tokens.sign("csrf", hash_token(secret))


def check_csrf(services: Services, secret: str, token: str) -> None:
    """Forbidden unless ``token`` was made for ``secret``."""
    value = services.tokens.verify("csrf", token, services.clock.now()) if secret else None
    if value is None or not hmac.compare_digest(value, hash_token(secret)):
        raise Forbidden(
            "this form is out of date, nothing was changed", hint="load the page again and repeat what you did"
        )


def check_origin(services: Services, request: Request) -> None:
    """Forbidden when the browser says that another site's page sent this."""
    site = request.headers.get("sec-fetch-site", "")
    origin = request.headers.get("origin", "")
    own = {urlsplit(services.settings.server.public_url).netloc, request.headers.get("host", "")}
    foreign = origin and urlsplit(origin).netloc not in own
    if site not in ("", "same-origin", "none") or foreign:
        raise Forbidden(
            "this request was sent by a page of another site, nothing was changed",
            hint="open Wherefrom in a tab of its own; behind a proxy, check server.public_url",
        )


async def read_form(request: Request) -> dict[str, str]:
    """The fields of a posted form, the first of each name; BadInput, TooLarge."""
    body = await read_body(request, _MOST_FORM)
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except ValueError:  # no UTF-8 as well
        raise BadInput("this form cannot be read", hint="load the page again") from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value)
    return fields


def safe_next(path: str) -> str:
    """``path`` when it stays on this site, else the start page: a log-in must not lead to a stranger's copy of it."""
    return path if len(path) <= 2_000 and _SAFE_NEXT.fullmatch(path) else "/"


def to_login(request: Request) -> Response:
    """Sends a guest to the form, and back afterwards; htmx is told to load the whole page."""
    if request.headers.get("hx-request") == "true":
        return Response(status_code=401, headers={"hx-redirect": "/login", "cache-control": "no-store"})
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = f"?next={quote(asked, safe='/')}" if request.method == "GET" and asked != "/" else ""
    return RedirectResponse("/login" + back, 303, headers={"cache-control": "no-store"})
