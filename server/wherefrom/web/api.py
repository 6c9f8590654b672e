"""The management API's frame: an operation is declared once, and gives the route and its OpenAPI entry.

    Authorization: Bearer KEY ─▶ key holder ─▶ may it see this site? ─▶ body, query ─▶ call ─▶ JSON | problem
    (or Api-key: KEY)

Rooms declare ``OPERATIONS``; the composition root passes them here with the function that knows keys, because keys
live on a higher floor.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wherefrom.errors import BadInput, Forbidden, Unauthorized, WherefromError
from wherefrom.services import Services
from wherefrom.web.requests import read_body
from wherefrom.web.responses import json_response, problem_response

log = structlog.get_logger(__name__)

T = TypeVar("T")

PREFIX = "/api/v1"
_MOST_BODY = 1_048_576


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A list's answer. ``next_cursor`` goes into ``?cursor=`` for what follows; null at the end."""

    data: list[T]
    next_cursor: str | None = None


class KeyHolder(msgspec.Struct, frozen=True):
    """Whoever holds an API key: ``site_id`` is None for an operator, who may see every site."""

    key_id: int
    site_id: int | None


class Call(msgspec.Struct, frozen=True):
    """One use of an operation. ``body`` and ``query`` are of the types the operation declares."""

    services: Services
    path: Mapping[str, str]
    body: Any
    query: Any
    holder: KeyHolder
    request: Request
    site_id: int = 0

    def id(self, name: str) -> int:
        """A numeric path parameter; BadInput when it is none."""
        text = self.path[name]
        if not (text.isascii() and text.isdecimal()) or len(text) > 19 or int(text) >> 63:
            raise BadInput(f"{name} “{text[:40]}” is no id", hint="ids are whole numbers")
        return int(text)


@dataclass(frozen=True, slots=True)
class Operation:
    """``path`` is below ``/api/v1``; a path with ``{site}`` is open to that site's keys, others to operators
    unless ``scope`` says "site", or "own": for a site's own key, which names the site. ``answer`` None means 204, and
    ``bytes`` a file of one of the ``media`` types. ``headers``
    are those of a request that it reads, with what they say."""

    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
    path: str
    summary: str
    call: Callable[[Call], Awaitable[Any]]
    body: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    answer: Any = None
    status: int = 200
    scope: Literal["site", "operator", "own"] = "site"
    tag: str = ""
    media: tuple[str, ...] = ("application/json",)
    headers: tuple[tuple[str, str], ...] = ()


FindHolder = Callable[[str], Awaitable[KeyHolder | None]]
FindSite = Callable[[str], Awaitable[int]]
"""The site's id by the path's ``{site}`` (id, key or name); raises NotFound."""


def api_routes(
    services: Services, operations: Iterable[Operation], find_holder: FindHolder, find_site: FindSite
) -> list[Route]:
    """A route for each operation."""
    return [
        Route(
            PREFIX + operation.path,
            functools.partial(_serve, services, operation, find_holder, find_site),
            methods=[operation.method],
            name=operation.summary,
        )
        for operation in operations
    ]


async def _serve(
    services: Services, operation: Operation, find_holder: FindHolder, find_site: FindSite, request: Request
) -> Response:
    try:
        holder = await _identify(request, find_holder)
        _refuse_nul({**request.path_params, **request.query_params})
        site_id = await _site(request, operation, holder, find_site)
        body = await _body(request, operation.body) if operation.body else None
        query = _query(request, operation.query) if operation.query else None
        answer = await operation.call(Call(services, request.path_params, body, query, holder, request, site_id))
    except Unauthorized as error:
        return problem_response(error, {"www-authenticate": "Bearer"})
    except WherefromError as error:
        if error.status >= 500:
            log.exception("api operation failed", path=operation.path)
        return problem_response(error)
    if isinstance(answer, Response):
        return answer
    if operation.answer is None:
        return Response(status_code=204)
    return json_response(answer, operation.status)


async def _identify(request: Request, find_holder: FindHolder) -> KeyHolder:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if not scheme and (sent := request.headers.get("api-key")):  # how scripts written for Roistat send theirs
        scheme, key = "bearer", sent
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized(
            "no API key was sent",
            hint="send the header “Authorization: Bearer KEY”; “wherefrom key add” makes a key",
        )
    holder = await find_holder(key.strip())
    if holder is None:
        raise Unauthorized("this API key is not known", hint="“wherefrom key add” makes a new one")
    return holder


async def _site(request: Request, operation: Operation, holder: KeyHolder, find_site: FindSite) -> int:
    if operation.scope == "own":
        if holder.site_id is None:
            raise Forbidden(
                "this key is an operator's and names no site", hint="use a site's own key: wherefrom key add"
            )
        return holder.site_id
    if "site" not in request.path_params:
        if operation.scope == "operator" and holder.site_id is not None:
            raise Forbidden("this key is for one site only", hint="use an operator's key: wherefrom key add --operator")
        return 0
    reference = request.path_params["site"]
    site_id = await find_site(reference)
    if holder.site_id is not None and holder.site_id != site_id:
        raise Forbidden("this key is for another site", hint="use that site's key or an operator's")
    return site_id


async def _body(request: Request, shape: type[msgspec.Struct]) -> Any:
    raw = await read_body(request, _MOST_BODY)
    try:
        return msgspec.json.decode(raw or b"{}", type=shape)  # no body: what all defaults say
    except msgspec.ValidationError as error:
        raise BadInput(f"the body does not fit: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"the body is not valid JSON: {error}") from None
    except RecursionError:
        raise BadInput("the body is nested too deeply") from None


def _refuse_nul(asked: Mapping[str, str]) -> None:
    """No text that is kept holds a NUL, and PostgreSQL fails at the question."""
    for name, value in asked.items():
        if "\0" in value:
            raise BadInput(f"{name} holds a NUL character (%00)", hint="leave it out: no text here has one", field=name)


def _query(request: Request, shape: type[msgspec.Struct]) -> Any:
    try:
        return msgspec.convert(dict(request.query_params), shape, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"the query does not fit: {error}") from None
