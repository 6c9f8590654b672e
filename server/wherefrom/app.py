"""Composition root: builds the services, the list of URLs and the list of background work. Imports every room."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, cast

import structlog
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from wherefrom import management
from wherefrom.alarms.tell import Teller
from wherefrom.archive.step_back import ClockWatch
from wherefrom.bounces.taker import BounceTaker
from wherefrom.clock import Clock, SystemClock
from wherefrom.console.routes import routes as console_routes
from wherefrom.db import Database
from wherefrom.db.migrate import check_revision
from wherefrom.errors import Unavailable, WherefromError
from wherefrom.housekeeping import Housekeeping
from wherefrom.inbox.indexing import Indexing
from wherefrom.inbox.probe import ProbeTaker
from wherefrom.inbox.routes import routes as inbox_routes
from wherefrom.inbox.sort import Sorting
from wherefrom.inbox.sync import MailboxWatch
from wherefrom.inbox.taker import Attribution, Taker
from wherefrom.mail.blobs import Blobs
from wherefrom.metrics.notices import list_notices
from wherefrom.outbound.judge import judge_hits
from wherefrom.outbound.leave_routes import routes as leave_routes
from wherefrom.outbound.postman import Postman
from wherefrom.outbound.routes import routes as letter_routes
from wherefrom.probes.rounds import Rounds
from wherefrom.reports.intents import IntentHours
from wherefrom.reports.rollup import Rollup
from wherefrom.services import Services
from wherefrom.settings import Settings
from wherefrom.substitution.hours import PoolHours
from wherefrom.substitution.release import release_expired
from wherefrom.supervise import Bell, Ending, Resident, Supervisor, Worker
from wherefrom.tokens import Ids, Tokens, load_key
from wherefrom.visits.routes import routes as visit_routes
from wherefrom.web import health
from wherefrom.web.bounds import Bounds
from wherefrom.web.crowd import Crowd
from wherefrom.web.front import Front
from wherefrom.web.headers import SafeHeaders
from wherefrom.web.responses import problem_response, told
from wherefrom.web.serve import bind, prepare_process, serve_http
from wherefrom.webhooks.background import background as webhook_background
from wherefrom.webhooks.client import LateClient

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

log = structlog.get_logger(__name__)

TAKERS: tuple[Taker, ...] = (ProbeTaker(), BounceTaker(), Attribution())
"""Who may claim an inbound letter, in this order; attribution takes what nobody else does."""

_POLL_SECONDS = 1.0  # how long work of another process waits at most; one's own rings the bell
_RELEASE_SECONDS = 30.0
_PROBE_SECONDS = 30.0
_POOLS_SECONDS = 60.0
_INDEX_SECONDS = 30.0
_REPORTS_SECONDS = 30.0
_CLOCK_SECONDS = 2.0
_ALARM_SECONDS = 30.0
_HOUSEKEEPING_SECONDS = 60.0  # how often it looks whether anything is due


@contextlib.asynccontextmanager
async def open_services(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Services]:
    """The services of one process; closed, with all written work done, at the end of the block."""
    key = load_key(Path(settings.data.key_file))
    blobs = Blobs(Path(settings.data.folder) / "blobs")
    await asyncio.to_thread(blobs.settle)
    database = Database(settings.database.url, patience=settings.database.timeout_seconds)
    async with contextlib.aclosing(LateClient(settings)) as http:
        try:
            yield Services(
                db=database,
                clock=clock or SystemClock(),
                settings=settings,
                tokens=Tokens(key),
                ids=Ids(),
                http=http,
                blobs=blobs,
                bell=Bell(),
            )
        finally:
            await database.close()


def background(services: Services) -> list[Worker | Resident]:
    """All background work of a process."""
    return [
        Resident("mailboxes", MailboxWatch(services).run),
        Worker("sort", Sorting(services, TAKERS).step, idle=_POLL_SECONDS, topic="messages"),
        *webhook_background(services),
        Worker("substitutes", functools.partial(release_expired, services), idle=_RELEASE_SECONDS, topic="substitutes"),
        Worker("pools", PoolHours(services).step, idle=_POOLS_SECONDS, topic="pools"),
        Worker("probes", Rounds(services).step, idle=_PROBE_SECONDS, topic="probes"),
        Worker("hits", functools.partial(judge_hits, services), idle=_POLL_SECONDS, topic="hits"),
        Resident("letters", Postman(services).run),
        Worker("index", Indexing(services).step, idle=_INDEX_SECONDS, topic="index"),
        Worker("reports", Rollup(services).step, idle=_REPORTS_SECONDS, topic="reports"),
        Worker("intents", IntentHours(services).step, idle=_REPORTS_SECONDS, topic="intents"),
        Worker("clock", ClockWatch(services).step, idle=_CLOCK_SECONDS, topic="clock"),
        Worker("alarms", Teller(services).step, idle=_ALARM_SECONDS, topic="alarms"),
        Worker("housekeeping", Housekeeping(services).step, idle=_HOUSEKEEPING_SECONDS, topic="housekeeping"),
    ]


def build_app(
    services: Services, supervisor: Supervisor | None = None, registry: CollectorRegistry | None = None
) -> ASGIApp:
    """The web side: collector, management API, console, health, metrics. ``registry`` counts the answers where there
    are metrics; a new one if none is given."""
    settings = services.settings
    routes: list[BaseRoute] = [
        *letter_routes(services),
        *visit_routes(services),
        *leave_routes(services),
        *inbox_routes(services),
        *health.routes(services, supervisor, list_notices),
        *management.routes(services),
        *console_routes(services),
    ]
    registry = registry or _new_registry(services)
    if registry is None:
        return _front(services, routes)
    from wherefrom.metrics.requests import CountedApp  # late: who has no token need not load prometheus-client
    from wherefrom.metrics.routes import routes as metrics_routes

    front = _front(services, [*metrics_routes(services, supervisor, registry), *routes])
    return CountedApp(front, settings.collector, registry, front.doors)


def _front(services: Services, routes: Sequence[BaseRoute]) -> Front:
    return Front(
        routes,
        tell=_tell,
        middleware=[
            Middleware(SafeHeaders),
            Middleware(Crowd, settings=services.settings, load=services.load),
        ],
        exception_handlers={ClientDisconnect: _tell_nobody, WherefromError: _tell, Exception: _tell},
    )


def build_door(services: Services, supervisor: Supervisor, registry: CollectorRegistry | None = None) -> ASGIApp:
    """What a process without a web side answers, and one that has a port for it: how it is."""
    routes: list[BaseRoute] = [*health.routes(services, supervisor, list_notices)]
    registry = registry or _new_registry(services)
    if registry is not None:
        from wherefrom.metrics.routes import routes as metrics_routes  # late: see above

        routes += metrics_routes(services, supervisor, registry)
    return _front(services, routes)


def _new_registry(services: Services) -> CollectorRegistry | None:
    if not services.settings.metrics.token:
        return None
    from wherefrom.metrics.routes import new_registry  # late: see above

    return new_registry()


async def _tell(request: Request, error: Exception) -> Response:
    return problem_response(error) if isinstance(error, WherefromError) else await _tell_unknown(request, error)


async def _tell_nobody(_request: Request, _gone: Exception) -> Response:
    """Who asked hung up in the middle of it: no fault of ours, and no line in the log for each."""
    return Response(status_code=400)


async def _tell_unknown(request: Request, error: Exception) -> Response:
    answer = told(error)
    if isinstance(answer, Unavailable):
        log.warning("request failed", path=request.url.path, fault=answer.detail)
    else:
        log.error("request failed", path=request.url.path, exc_info=error)
    return problem_response(answer)


async def serve_until_signal(settings: Settings, *, web: bool, work: bool) -> None:
    """Runs until SIGINT or SIGTERM, then ends what is under way and closes; a second signal ends it at once."""
    stop = asyncio.Event()
    ending = Ending(stop, settings.server.grace_seconds, settings.server.leaving_seconds if web else 0)
    ending.listen()
    async with open_services(settings) as services:
        await check_revision(services.db)
        server = settings.server
        port = server.port if web else settings.metrics.port
        listening = bind(server.bind, port, "server.port" if web else "metrics.port") if port else None
        has_door = web and server.health_port
        door = bind(server.bind, server.health_port, "server.health_port") if has_door else None
        await serve(services, stop, listening=listening, door=door, work=work, web=web, leaving=ending.leaving)
    ending.closed = True


async def serve(
    services: Services,
    stop: asyncio.Event,
    *,
    listening: socket.socket | None,
    door: socket.socket | None = None,
    work: bool = True,
    web: bool = True,
    leaving: asyncio.Event | None = None,
) -> None:
    """Runs the web side, or what tells how the process is, on ``listening`` (None: neither), and the background work,
    until ``stop`` is set. On ``door`` (None: nowhere) it is told how a process with a web side is, too. From
    ``leaving`` on the health page tells that the end is near."""
    grace = services.settings.server.grace_seconds
    workers = background(services) if work else []
    supervisor = Supervisor(workers, services.bell, services.clock, grace, _passes, leaving or asyncio.Event())
    prepare_process()
    build, registry = build_app if web else build_door, _new_registry(services)
    app = build(services, supervisor, registry)  # before the tasks: a setting that is wrong shall be told as such
    served = [(app, listening), (build_door(services, supervisor, registry) if door else app, door)]
    async with asyncio.TaskGroup() as tasks:
        for one, port in served:
            if port is not None:
                bounds = Bounds(services.settings.limits, services.load)
                tasks.create_task(serve_http(one, port, stop, bounds, grace))
                log.info("listening", address="http://{}:{}".format(*port.getsockname()[:2]))
        tasks.create_task(supervisor.run(stop))
    log.info("stopped")


def _passes(fault: Exception) -> bool:
    return isinstance(told(fault), Unavailable)


class _Forgiving:
    """Where log lines go. One that cannot be written (a full disk, a reader that has gone) is lost, and nothing else:
    who logs is in the middle of work."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


def log_to(settings: Settings) -> None:
    """Sends the log to standard error, as text for people or JSON for machines."""
    level = getattr(logging, settings.log.level.upper())
    as_json = settings.log.format == "json"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if as_json else []),
            structlog.processors.JSONRenderer()
            if as_json
            else structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                # The usual one prints the values of local variables: passwords and tokens among them.
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Forgiving(sys.stderr))),
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr)
