"""Is it alive, is it ready: for process managers and load balancers."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wherefrom.db.migrate import find_revision
from wherefrom.services import Services
from wherefrom.supervise import Supervisor
from wherefrom.web.responses import json_response


def routes(services: Services, supervisor: Supervisor | None) -> list[Route]:
    """``/healthz`` answers while the process does; ``/readyz`` looks at the database and the workers, and answers
    503 with the reason while one of them fails."""

    async def alive(_request: Request) -> Response:
        return json_response({"status": "alive"})

    async def ready(_request: Request) -> Response:
        try:
            revision = await find_revision(services.db)
        except Exception as fault:
            return json_response({"status": "not ready", "database": f"{type(fault).__name__}: {fault}"}, 503)
        workers = list(supervisor.states.values()) if supervisor else []
        healthy = supervisor.healthy if supervisor else True
        answer = {"status": "ready" if healthy else "not ready", "database": revision, "workers": workers}
        return json_response(answer, 200 if healthy else 503)

    return [Route("/healthz", alive), Route("/readyz", ready)]
