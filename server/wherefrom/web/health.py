"""Is it alive, is it ready: for process managers and load balancers."""

from __future__ import annotations

import asyncio

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wherefrom.db.migrate import find_revision, newest_revision
from wherefrom.services import Services
from wherefrom.supervise import State, Supervisor
from wherefrom.web.responses import json_response

log = structlog.get_logger(__name__)

_DATABASE_SECONDS = 3


def _told(state: State) -> dict[str, object]:
    """Without the fault's words, which may name hosts and users; they are in the log."""
    return {"name": state.name, "status": state.status, "beat_at": state.beat_at, "restarts": state.restarts}


def routes(services: Services, supervisor: Supervisor | None) -> list[Route]:
    """``/healthz`` answers while the process does; ``/readyz`` looks at the database and the workers, and answers
    503 with the reason while one of them fails."""

    async def alive(_request: Request) -> Response:
        return json_response({"status": "alive"})

    async def ready(_request: Request) -> Response:
        try:
            async with asyncio.timeout(_DATABASE_SECONDS):
                revision = await find_revision(services.db)
        except Exception as fault:
            log.warning("not ready: the database does not answer", exc_info=fault)
            return json_response({"status": "not ready", "database": f"does not answer ({type(fault).__name__})"}, 503)
        workers = [_told(state) for state in supervisor.states.values()] if supervisor else []
        healthy = (supervisor is None or supervisor.healthy) and revision == newest_revision()
        answer = {"status": "ready" if healthy else "not ready", "database": revision, "workers": workers}
        return json_response(answer, 200 if healthy else 503)

    return [Route("/healthz", alive), Route("/readyz", ready)]
