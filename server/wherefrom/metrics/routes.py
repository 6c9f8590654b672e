"""``GET /metrics`` in Prometheus' text form, for whoever has the token of the settings.

    wherefrom_queue{queue}                 pieces of work that wait: letters, old_letters, events, deliveries, hits,
                                           outgoing
    wherefrom_queue_age_seconds{queue}     how long the oldest waits
    wherefrom_mailboxes{status}            off, new, connecting, ok, login_failed, …
    wherefrom_endpoints{status}            enabled, paused, gone, failed
    wherefrom_well{kind,site,id,status}    1 for a mailbox, endpoint or sending account that works, else 0
    wherefrom_silent_seconds{kind,site,id} since when none of them was heard of: a mailbox since its last look, the
                                           others since they began to fail
    wherefrom_done_total{queue,result}     what this process did: see ``tally``
    wherefrom_commits_total                group commits of this process
    wherefrom_commit_…_total               what they held: pieces of work, the seconds these waited; those refused
    wherefrom_commit_waiting               pieces that wait for the next one
    wherefrom_worker_up{worker}            1 while it runs; _restarts_total and _quiet_seconds (since its last step)
    wherefrom_database_up                  0 when it did not answer within three seconds; the sums above are left out
    wherefrom_turned_away_total{what}      what this process refused or closed for being too much, see ``load``
    wherefrom_http_…{area,method,status}   this process's answers and their times
    process_…                              this process's memory, processor time, open files

The first three are of the database, hence the same in each of several processes.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable, Mapping
from datetime import datetime

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from wherefrom.db import Database
from wherefrom.load import Load, Shed
from wherefrom.metrics.store import Named, Standing, read_standing
from wherefrom.services import Services
from wherefrom.supervise import Supervisor
from wherefrom.tally import Tally

log = structlog.get_logger(__name__)

_DATABASE_SECONDS = 3


class _Told(Collector):
    """Families of one answer, as ``generate_latest`` asks for them."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def new_registry() -> CollectorRegistry:
    """With this process's memory and time; ``CountedApp`` adds its own."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def routes(services: Services, supervisor: Supervisor | None, registry: CollectorRegistry) -> list[Route]:
    """None where the settings have no token."""
    token = services.settings.metrics.token

    async def tell(request: Request) -> Response:
        given = request.headers.get("authorization", "").partition(" ")[2]
        if not hmac.compare_digest(given.encode(), token.encode()):
            words = "the token of [metrics] in the settings is asked for: Authorization: Bearer …\n"
            return PlainTextResponse(words, 401, {"www-authenticate": 'Bearer realm="metrics"'})
        now = services.clock.now()
        standing = await _read(services, now)
        families = [
            _turned_away(services.load), _done(services.tally), *_commits(services.db),
            *_workers(supervisor, now), *_standing(standing, now),
        ]  # fmt: skip
        text = generate_latest(registry) + generate_latest(_Told(families))
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    return [Route("/metrics", tell)] if token else []


async def _read(services: Services, now: datetime) -> Standing | None:
    try:
        async with asyncio.timeout(_DATABASE_SECONDS), services.db.read() as tx:
            return await read_standing(tx, now)
    except Exception as fault:
        log.warning("the database does not tell how things stand", exc_info=fault)
        return None


def _turned_away(load: Load) -> Metric:
    family = CounterMetricFamily("wherefrom_turned_away", "What was too much, and refused or closed.", labels=["what"])
    for what in Shed:
        family.add_metric([what], load.counts[what])
    return family


def _done(tally: Tally) -> Metric:
    family = CounterMetricFamily("wherefrom_done", "What this process did.", labels=["queue", "result"])
    for labels, count in sorted(tally.counts.items()):
        family.add_metric(labels, count)
    return family


def _commits(database: Database) -> list[Metric]:
    tally = database.tally
    return [
        CounterMetricFamily("wherefrom_commits", "Group commits.", value=tally.batches),
        CounterMetricFamily("wherefrom_commit_pieces", "Pieces of work they held.", value=tally.pieces),
        CounterMetricFamily("wherefrom_commit_seconds", "Time all pieces waited.", value=tally.seconds),
        CounterMetricFamily("wherefrom_commit_refused", "Pieces not taken: too many.", value=tally.refused),
        GaugeMetricFamily("wherefrom_commit_waiting", "Pieces that wait for the next.", value=database.waiting),
    ]


def _workers(supervisor: Supervisor | None, now: datetime) -> list[Metric]:
    up = GaugeMetricFamily("wherefrom_worker_up", "1 while the worker runs.", labels=["worker"])
    restarts = CounterMetricFamily("wherefrom_worker_restarts", "How often it was started again.", labels=["worker"])
    quiet = GaugeMetricFamily("wherefrom_worker_quiet_seconds", "Since its last step ended.", labels=["worker"])
    for state in supervisor.states.values() if supervisor else ():
        up.add_metric([state.name], float(state.status == "running"))
        restarts.add_metric([state.name], state.restarts)
        if state.beat_at is not None:
            quiet.add_metric([state.name], max(0.0, (now - state.beat_at).total_seconds()))
    return [up, restarts, quiet]


def _standing(found: Standing | None, now: datetime) -> list[Metric]:
    answers = GaugeMetricFamily(
        "wherefrom_database_up", "1 when the database answered.", value=float(found is not None)
    )
    if found is None:
        return [answers]
    count = GaugeMetricFamily("wherefrom_queue", "Pieces of work that wait.", labels=["queue"])
    age = GaugeMetricFamily("wherefrom_queue_age_seconds", "How long the oldest of them waits.", labels=["queue"])
    for name, queue in found.queues.items():
        count.add_metric([name], queue.count)
        age.add_metric([name], max(0.0, (now - queue.since).total_seconds()) if queue.since else 0.0)
    return [
        answers, count, age,
        _statuses("wherefrom_mailboxes", "Mailboxes by status.", found.mailboxes),
        _statuses("wherefrom_endpoints", "Webhook endpoints by status.", found.endpoints),
        *_each(found.named, now),
    ]  # fmt: skip


_WELL = {"mailbox": ("ok", "off"), "endpoint": ("enabled", "paused"), "sender": ("working", "new")}
"""What nobody has to be woken for."""


def _each(named: Iterable[Named], now: datetime) -> list[Metric]:
    well = GaugeMetricFamily("wherefrom_well", "1 while it works.", labels=["kind", "site", "id", "status"])
    silent = GaugeMetricFamily("wherefrom_silent_seconds", "Not heard of since.", labels=["kind", "site", "id"])
    for one in named:
        labels = [one.kind, one.site, str(one.id)]
        well.add_metric([*labels, one.status], float(one.status in _WELL[one.kind]))
        if one.silent_since is not None:
            silent.add_metric(labels, max(0.0, (now - one.silent_since).total_seconds()))
    return [well, silent]


def _statuses(name: str, words: str, counts: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=["status"])
    for status, count in sorted(counts.items()):
        family.add_metric([status], count)
    return family
