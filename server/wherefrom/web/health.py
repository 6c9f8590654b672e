"""Is it alive, is it ready: for process managers, load balancers, and whoever looks for what is wrong.

    /healthz   200 while the process answers at all: a process that is killed for its database's sake helps nobody;
               503 when it is going to stop (server.leaving_seconds), for the front to ask the others from now on
    /readyz    200, or 503 with ``problems``: what keeps this process from its work, in words
               ``notices``: what is wrong elsewhere or soon will be, and that more is asked than can be done. It stays
               ready: to take the process out of service would leave its share to the others

Words name no hosts, users or files: those are in the log, and on the console's pages. To see whether the database can
be written to, something is written, at most once a second however many ask.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy import make_url
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wherefrom.clock import BackwardSteps
from wherefrom.db import Tx
from wherefrom.db.migrate import find_revision, newest_revision
from wherefrom.services import Services
from wherefrom.supervise import State, Supervisor
from wherefrom.web.responses import RETRY_SECONDS, json_response, told

log = structlog.get_logger(__name__)

ListNotices = Callable[[Tx], Awaitable[list[str]]]

_DATABASE_SECONDS = 3.0
_FRESH_SECONDS = 10.0  # how long a write that failed counts, whatever could be written since
_REMEMBERED_SECONDS = 1.0
_BUSY = f"the database is written to, and its answers take more than {_DATABASE_SECONDS:.0f} seconds to be heard"
_SET_BACK_SECONDS = 3600.0
_FULL_BYTES = 2 << 20
_SCARCE_BYTES = 256 << 20


async def _no_notices(_: Tx) -> list[str]:
    return []


def _of_worker(state: State) -> dict[str, object]:
    """Without the fault's words, which may name hosts and users; they are in the log."""
    return {"name": state.name, "status": state.status, "beat_at": state.beat_at, "restarts": state.restarts}


def _worker_problem(state: State) -> str:
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


@dataclass(slots=True)
class Found:
    """What a look at the surroundings came to. ``database``: its revision, or what is wrong with it. ``began`` and
    ``at``, when it was over, are of the monotonic clock."""

    database: str | None = None
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    at: float = math.inf


class Surroundings:
    """Looks at database and disks. Those who ask while a look is under way, or just after, share it."""

    def __init__(self, services: Services, list_notices: ListNotices) -> None:
        self._services = services
        self._list_notices = list_notices
        self._looking: asyncio.Task[Found] | None = None
        self._places = _places(services)
        self._noted: list[str] = []
        self._steps = BackwardSteps(services.clock)
        self._set_back = ""
        self._set_back_at = 0.0

    async def look(self) -> Found:
        looking = self._looking
        if looking is None or (looking.done() and looking.result().at < time.monotonic() - _REMEMBERED_SECONDS):
            looking = self._looking = asyncio.create_task(self._look(), name="readiness")
        return await asyncio.shield(looking)

    def note(self, problems: list[str]) -> None:
        """Logs problems that are not those of the last time."""
        if problems != self._noted:
            log.warning("not ready" if problems else "ready again", problems=problems)
            self._noted = problems

    async def _look(self) -> Found:
        found = Found(notices=self._look_at_clock())
        await asyncio.gather(self._read(found), self._write(found), self._look_at_disks(found))
        found.at = time.monotonic()
        return found

    def _look_at_clock(self) -> list[str]:
        """Told for an hour: what was recorded meanwhile lies in the future, or not in its order."""
        back, now = self._steps.look(), time.monotonic()
        if back:
            self._set_back = f"the clock was set back by {round(back.total_seconds())} seconds"
            self._set_back_at = now
        return [self._set_back] if self._set_back and now - self._set_back_at < _SET_BACK_SECONDS else []

    async def _read(self, found: Found) -> None:
        try:
            async with asyncio.timeout(_DATABASE_SECONDS):
                found.database = await find_revision(self._services.db)
                found.problems += _schema_problems(found.database)
                if found.database == newest_revision():
                    async with self._services.db.read() as tx:
                        found.notices += await self._list_notices(tx)
        except Exception as fault:
            found.database = _words(fault, f"the database did not answer within {_DATABASE_SECONDS:.0f} seconds")
            self._tell_silence(found, fault, found.database)

    async def _write(self, found: Found) -> None:
        db = self._services.db
        try:
            async with asyncio.timeout(_DATABASE_SECONDS):
                await db.try_write()
        except Exception as fault:
            silence = f"no write was taken within {_DATABASE_SECONDS:.0f} seconds: something keeps the database locked"
            self._tell_silence(found, fault, f"nothing can be written: {_words(fault, silence)}")
        else:
            if db.trouble is not None and db.trouble.at > time.monotonic() - _FRESH_SECONDS:
                found.problems.append(f"a write failed a moment ago: {db.trouble.words}")

    def _tell_silence(self, found: Found, fault: Exception, words: str) -> None:
        """A question that had to wait is no problem of a database that was written to meanwhile: more is asked than it,
        or this process, can do."""
        is_busy = isinstance(fault, TimeoutError) and self._services.db.tally.written_at > found.began
        if is_busy and _BUSY not in found.notices:
            found.notices.append(_BUSY)
        elif not is_busy:
            found.problems.append(words)

    async def _look_at_disks(self, found: Found) -> None:
        for name, place in self._places.items():
            try:
                async with asyncio.timeout(_DATABASE_SECONDS):
                    problem, warning = await asyncio.to_thread(_look_at_disk, place)
            except (OSError, TimeoutError):
                problem, warning = "does not answer", ""
            if problem:
                found.problems.append(f"the disk of the {name} {problem}")
            if warning:
                found.notices.append(f"the disk of the {name} {warning}")


def _words(fault: Exception, silence: str) -> str:
    if isinstance(fault, TimeoutError):
        return silence
    error = told(fault)
    if error.status == 503:
        return error.detail
    log.error("not ready", exc_info=fault)
    return f"a fault of its own ({type(fault).__name__}); the log says more"


def _places(services: Services) -> dict[str, Path]:
    places = {"letters": Path(services.settings.data.folder)}
    url = make_url(services.settings.database.url)
    if services.db.dialect == "sqlite" and url.database:
        places["database"] = Path(url.database).parent
    return places


def _look_at_disk(place: Path) -> tuple[str, str]:
    """What is wrong with the disk, and what soon will be; "" for nothing. A folder that is not there yet is to be made
    where its parent is."""
    while not place.exists() and place != place.parent:
        place = place.parent
    disk = os.statvfs(place)
    if disk.f_flag & os.ST_RDONLY:
        return "is read-only", ""
    free = disk.f_bavail * disk.f_frsize
    if free < _FULL_BYTES:
        return "is full", ""
    return "", f"has {free >> 20} MB left" if free < _SCARCE_BYTES else ""


def routes(services: Services, supervisor: Supervisor | None, list_notices: ListNotices = _no_notices) -> list[Route]:
    """``list_notices`` tells what else is worth knowing, from the database."""
    surroundings = Surroundings(services, list_notices)

    def is_leaving() -> bool:
        return supervisor is not None and supervisor.leaving.is_set()

    async def alive(_request: Request) -> Response:
        return json_response({"status": "stopping"}, 503) if is_leaving() else json_response({"status": "alive"})

    async def ready(_request: Request) -> Response:
        found = await surroundings.look()
        states = list(supervisor.states.values()) if supervisor else []
        problems = [*found.problems, *(words for state in states if (words := _worker_problem(state)))]
        surroundings.note(problems)
        problems += ["it was asked to stop"] if is_leaving() else []
        answer = {
            "status": "not ready" if problems else "ready",
            "problems": problems,
            "notices": [*services.load.notices(), *found.notices],
            "database": found.database,
            "workers": [_of_worker(state) for state in states],
        }
        return json_response(answer, 503 if problems else 200, {"retry-after": RETRY_SECONDS} if problems else None)

    return [Route("/healthz", alive), Route("/readyz", ready)]
