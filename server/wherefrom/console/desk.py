"""The door every request passes: who reads, may it change something, which site is it about, what if it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from msgspec import Struct
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from wherefrom.console import session
from wherefrom.console.page import Pages, is_fragment
from wherefrom.console.session import Reader
from wherefrom.errors import BadInput, NotFound, Unavailable
from wherefrom.inbox.store.mailboxes import Mailbox, list_disconnected
from wherefrom.services import Services
from wherefrom.sites.site import Site
from wherefrom.sites.store import list_sites
from wherefrom.web.responses import RETRY_SECONDS, told
from wherefrom.webhooks.endpoint import Endpoint
from wherefrom.webhooks.store.endpoints import list_disabled

log = structlog.get_logger(__name__)


class Desk(Struct, frozen=True):
    """Made once. ``pages`` renders, ``services`` answers."""

    services: Services
    pages: Pages


class Call(Struct, frozen=True):
    """One request of somebody who is logged in. ``fields`` are the form's; ``site`` is the one in the path;
    ``alerts`` are its webhooks that were switched off, ``closed`` its mailboxes that have to be connected again: every
    page says so until somebody has acted."""

    desk: Desk
    reader: Reader
    request: Request
    fields: Mapping[str, str]
    sites: tuple[Site, ...]
    chosen: Site | None
    alerts: tuple[Endpoint, ...] = ()
    closed: tuple[Mailbox, ...] = ()

    @property
    def services(self) -> Services:
        return self.desk.services

    @property
    def site(self) -> Site:
        """The site the path names."""
        if self.chosen is None:
            raise NotFound("this address names no site", hint="choose a site at the top of the page")
        return self.chosen

    def id(self, name: str) -> int:
        """A number in the path; NotFound for what can be none."""
        text = self.request.path_params[name]
        if not text.isascii() or not text.isdecimal() or len(text) > 19 or int(text) >= 1 << 63:
            raise NotFound(f"there is nothing at {self.request.url.path[:200]}")
        return int(text)

    def show(self, template: str, place: str, **context: Any) -> Response:
        """A page inside the frame; ``place`` is the entry of the navigation it belongs to."""
        return self.desk.pages.show(template, **self.frame(place), **context)

    def frame(self, place: str) -> dict[str, Any]:
        """What the frame around a page needs."""
        return {
            "user": self.reader.user,
            "csrf_token": self.reader.csrf_token,
            "zone": self.reader.zone,
            "now": self.services.clock.now(),
            "site": self.chosen,
            "sites": self.sites,
            "place": place,
            "alerts": self.alerts,
            "closed": self.closed,
        }


Answer = Callable[[Call], Awaitable[Response]]
GuestAnswer = Callable[[Desk, Request], Awaitable[Response]]


def for_readers(desk: Desk, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """``answer`` for those who are logged in; others are sent to the log-in form. A request that changes something
    must come from one of our own pages."""

    async def serve(request: Request) -> Response:
        reader = await session.find_reader(desk.services, request)
        if reader is None:
            return session.to_login(request)
        fields: Mapping[str, str] = {}
        if request.method == "POST":
            session.check_origin(desk.services, request)
            fields = await session.read_form(request)
            token = request.headers.get("x-csrf-token") or fields.get("csrf", "")
            session.check_csrf(desk.services, session.session_token(desk.services, request), token)
        async with desk.services.db.read() as tx:
            sites = tuple(await list_sites(tx))
            chosen = _choose(sites, request)
            whole = chosen if not is_fragment(request) else None
            alerts = tuple(await list_disabled(tx, whole.id)) if whole else ()
            closed = tuple(await list_disconnected(tx, whole.id)) if whole else ()
        return await answer(Call(desk, reader, request, fields, sites, chosen, alerts, closed))

    return _in_words(desk, serve)


def for_guests(desk: Desk, answer: GuestAnswer) -> Callable[[Request], Awaitable[Response]]:
    """``answer`` for anybody."""

    async def serve(request: Request) -> Response:
        return await answer(desk, request)

    return _in_words(desk, serve)


def _choose(sites: tuple[Site, ...], request: Request) -> Site | None:
    reference = request.path_params.get("site")
    if reference is None:
        return None
    for one in sites:
        if reference in (str(one.id), one.key, one.name):
            return one
    raise NotFound(f"there is no site “{reference[:80]}”", hint="choose a site on the start page")


def _in_words(desk: Desk, serve: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """People get errors as a page, with what to do next."""

    async def answer(request: Request) -> Response:
        try:
            return await serve(request)
        except ClientDisconnect:
            raise  # nobody reads a page
        except Exception as fault:
            error = told(fault)
            page = desk.pages.show("error.html", error.status, error=error)
            if isinstance(error, Unavailable):
                log.warning("page failed", path=request.url.path, fault=error.detail)
                page.headers["retry-after"] = RETRY_SECONDS
            elif error.status >= 500:
                log.exception("page failed", path=request.url.path)
            return page

    return answer


def wanted(fields: Mapping[str, str], name: str) -> str:
    """A field a form must have; BadInput when it is missing or empty."""
    value = fields.get(name, "").strip()
    if not value:
        raise BadInput(f"the field “{name}” is empty", hint="fill it in and try again", field=name)
    return value
