"""The management API, whole: every room's operations, as routes and as calls from inside the process.

The command line and the demo call the same operations by ``invoke``, so that there is one way to do each thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wherefrom.accounts.api import OPERATIONS as ACCOUNT_OPERATIONS
from wherefrom.accounts.key import find_key_holder
from wherefrom.audience.api import OPERATIONS as AUDIENCE_OPERATIONS
from wherefrom.audience.contact_api import OPERATIONS as CONTACT_OPERATIONS
from wherefrom.audience.totals_api import OPERATIONS as TOTALS_OPERATIONS
from wherefrom.bounces.api import OPERATIONS as BOUNCE_OPERATIONS
from wherefrom.errors import BadInput, NotFound
from wherefrom.events.api import OPERATIONS as EVENT_OPERATIONS
from wherefrom.grants.api import OPERATIONS as GRANT_OPERATIONS
from wherefrom.inbox.api import OPERATIONS as INBOX_OPERATIONS
from wherefrom.inbox.connect_api import OPERATIONS as CONNECT_OPERATIONS
from wherefrom.inbox.roistat import OPERATIONS as ROISTAT_OPERATIONS
from wherefrom.outbound.api import OPERATIONS as SEND_OPERATIONS
from wherefrom.outbound.sender_api import OPERATIONS as SENDER_OPERATIONS
from wherefrom.outbound.suppression_api import OPERATIONS as SUPPRESSION_OPERATIONS
from wherefrom.outbound.suppression_file_api import OPERATIONS as SUPPRESSION_FILE_OPERATIONS
from wherefrom.probes.api import OPERATIONS as PROBE_OPERATIONS
from wherefrom.reports.api import OPERATIONS as REPORT_OPERATIONS
from wherefrom.services import Services
from wherefrom.simulation.api import OPERATIONS as SIMULATION_OPERATIONS
from wherefrom.sites.api import OPERATIONS as SITE_OPERATIONS
from wherefrom.sites.store import get_site
from wherefrom.substitution.api import OPERATIONS as SUBSTITUTION_OPERATIONS
from wherefrom.visits.api import OPERATIONS as VISIT_OPERATIONS
from wherefrom.web.api import PREFIX, Call, KeyHolder, Operation, api_routes
from wherefrom.web.health_paths import HEALTH_PATHS
from wherefrom.web.openapi import describe
from wherefrom.web.responses import json_response, problem_response
from wherefrom.webhooks.api import OPERATIONS as WEBHOOK_OPERATIONS

OPERATIONS: tuple[Operation, ...] = (
    *SITE_OPERATIONS,
    *SUBSTITUTION_OPERATIONS,
    *PROBE_OPERATIONS,
    *INBOX_OPERATIONS,
    *ROISTAT_OPERATIONS,
    *CONNECT_OPERATIONS,
    *GRANT_OPERATIONS,
    *VISIT_OPERATIONS,
    *SIMULATION_OPERATIONS,
    *REPORT_OPERATIONS,
    *AUDIENCE_OPERATIONS,
    *TOTALS_OPERATIONS,
    *CONTACT_OPERATIONS,
    *SEND_OPERATIONS,
    *SENDER_OPERATIONS,
    *SUPPRESSION_OPERATIONS,
    *SUPPRESSION_FILE_OPERATIONS,
    *BOUNCE_OPERATIONS,
    *WEBHOOK_OPERATIONS,
    *EVENT_OPERATIONS,
    *ACCOUNT_OPERATIONS,
)

_OPERATOR = KeyHolder(key_id=0, site_id=None)  # whoever may read the key file may do everything


def routes(services: Services) -> list[Route]:
    """``/api/v1/…`` and its description."""

    async def find_holder(secret: str) -> KeyHolder | None:
        return await find_key_holder(services, secret)

    async def find_site(reference: str) -> int:
        return await find_site_id(services, reference)

    async def openapi(_request: Request) -> Response:
        return json_response(describe(OPERATIONS, services.settings.server.public_url, HEALTH_PATHS))

    async def unknown(request: Request) -> Response:
        return problem_response(
            NotFound(f"{request.method} {request.url.path} is no operation of this API", hint="see /api/openapi.json")
        )

    return [
        *api_routes(services, OPERATIONS, find_holder, find_site),
        Route("/api/openapi.json", openapi),
        Route(PREFIX + "/{rest:path}", unknown, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
    ]


async def find_site_id(services: Services, reference: str) -> int:
    """The id of the site with this id, key or name; NotFound."""
    async with services.db.read() as tx:
        return (await get_site(tx, reference)).id


async def invoke(
    services: Services, method: str, path: str, *, body: Mapping[str, Any] | None = None,
    query: Mapping[str, Any] | None = None, **params: str,
) -> Any:  # fmt: skip
    """The answer of operation ``method path``, with an operator's rights. ``params`` fill the path's braces; ``body``
    and ``query`` are checked as a request's are, and BadInput names the field."""
    operation = next(one for one in OPERATIONS if one.method == method and one.path == path)
    site_id = await find_site_id(services, params["site"]) if "site" in params else 0
    try:
        typed = msgspec.convert(body, operation.body) if operation.body is not None else None
        asked = msgspec.convert(query or {}, operation.query) if operation.query is not None else None
    except msgspec.ValidationError as error:
        raise BadInput(str(error).replace(" - at `$.", " in `")) from None
    request = Request({"type": "http", "method": method, "path": path, "headers": [], "query_string": b""})
    return await operation.call(Call(services, params, typed, asked, _OPERATOR, request, site_id))
