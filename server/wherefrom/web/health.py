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


def _problem(state: State) -> str:
    """What is wrong with a worker; "" for nothing."""
    if state.status in ("starting", "running"):
        return ""
    if state.status == "failed":
        return f"the worker {state.name} failed ({state.restarts} times so far) and is started again; the log says why"
    return f"the worker {state.name} is {state.status}"


def _schema_problems(revision: str | None) -> list[str]:
    newest = newest_revision()
    if revision == newest:
        return []
    hint = "an older version of Wherefrom runs" if revision and revision > newest else "run wherefrom migrate"
    return [f"the database's schema is {revision or 'none'}, and this version needs {newest}: {hint}"]


def routes(services: Services, supervisor: Supervisor | None) -> list[Route]:
    """``/healthz`` answers while the process does; ``/readyz`` looks at the database and the workers, and answers
    503 while one of them fails, with what is wrong as ``problems``, in words. That more is asked than can be done is a
    notice and no problem: to take the process out of service would leave its share to the others."""

    async def alive(_request: Request) -> Response:
        return json_response({"status": "alive"})

    async def ready(_request: Request) -> Response:
        try:
            async with asyncio.timeout(_DATABASE_SECONDS):
                revision = await find_revision(services.db)
        except Exception as fault:
            log.warning("not ready: the database does not answer", exc_info=fault)
            words = f"does not answer ({type(fault).__name__})"
            problems = [f"the database {words}; the log says more"]
            return json_response({"status": "not ready", "problems": problems, "database": words}, 503)
        states = list(supervisor.states.values()) if supervisor else []
        problems = [*_schema_problems(revision), *(words for state in states if (words := _problem(state)))]
        answer = {
            "status": "not ready" if problems else "ready",
            "problems": problems,
            "notices": services.load.notices(),
            "database": revision,
            "workers": [_told(state) for state in states],
        }
        return json_response(answer, 503 if problems else 200)

    return [Route("/healthz", alive), Route("/readyz", ready)]
