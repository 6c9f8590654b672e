"""K04: an operator sees what waits, how long, who works and what is answered; nobody else sees anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import httpx
import msgspec
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update
from starlette.types import Receive, Scope, Send

from tests.inbox.letters import Post, letter
from wherefrom.app import build_app
from wherefrom.clock import FixedClock
from wherefrom.db import Database, Tx
from wherefrom.inbox.store.mailboxes import record_status
from wherefrom.inbox.store.messages import add_message
from wherefrom.inbox.tables import mailbox as mailbox_table
from wherefrom.metrics import store
from wherefrom.metrics.requests import CountedApp
from wherefrom.services import Services
from wherefrom.settings import CollectorGroup, Metrics
from wherefrom.supervise import Supervisor, Worker
from wherefrom.web.serve import bind, serve_http
from wherefrom.webhooks.change import AddEndpoint, add_endpoint
from wherefrom.webhooks.fanout import fan_out
from wherefrom.webhooks.store.endpoints import mark_disabled
from wherefrom.webhooks.tables import endpoint as endpoint_table

TOKEN = "a long token"
Told = dict[tuple[str, str], float]


def with_token(services: Services) -> Services:
    return replace(services, settings=msgspec.structs.replace(services.settings, metrics=Metrics(token=TOKEN)))


@asynccontextmanager
async def door(services: Services, supervisor: Supervisor | None = None) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(build_app(services, supervisor), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8025") as client:
        client.headers["authorization"] = f"Bearer {TOKEN}"
        yield client


@pytest_asyncio.fixture
async def client(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    async with door(with_token(services)) as one:
        yield one


@pytest_asyncio.fixture
async def post(services: Services) -> Post:
    return await Post.open(services)


async def told(client: httpx.AsyncClient) -> Told:
    """Sample name and first label's value ("" without) → number."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, "/".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def store_letter(post: Post, uid: int, **values: object) -> None:
    now = post.services.clock.now()
    usual = {
        "site_id": 1, "id": post.services.ids.next(), "mailbox_id": post.mailbox_id, "folder_id": post.folder_id,
        "folder_kind": "inbox", "uidvalidity": 1, "uid": uid, "sha256": "0" * 64, "size": 1, "truncated": False,
        "arrived_at": now, "stored_at": now,
    }  # fmt: skip
    async with post.services.db.write() as tx:
        await add_message(tx, {**usual, **values})


async def test_without_a_token_in_the_settings_there_are_no_metrics(services: Services) -> None:
    async with door(services) as client:
        assert (await client.get("/metrics")).status_code == 404


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer wrong", f"Bearer {TOKEN} ", "Basic YTpi", "Bearer ü"]
)
async def test_whoever_has_not_the_token_is_told_what_is_asked_for_and_no_number(
    client: httpx.AsyncClient, header: str
) -> None:
    answer = await client.get("/metrics", headers={b"authorization": header.encode()})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "[metrics]" in answer.text
    assert "wherefrom_queue" not in answer.text


async def test_a_fresh_service_has_empty_queues(client: httpx.AsyncClient) -> None:
    found = await told(client)
    for queue in ("letters", "old_letters", "events", "deliveries", "hits", "outgoing"):
        assert (found["wherefrom_queue", queue], found["wherefrom_queue_age_seconds", queue]) == (0, 0)
    assert found["wherefrom_database_up", ""] == 1
    assert found["process_resident_memory_bytes", ""] > 1_000_000


async def test_what_waits_is_counted_with_the_age_of_the_oldest(
    client: httpx.AsyncClient, post: Post, clock: FixedClock
) -> None:
    await store_letter(post, 1)
    clock.advance(timedelta(seconds=90))
    await store_letter(post, 2)
    await store_letter(post, 3, historic=True)
    await store_letter(post, 4, status="sorted")
    found = await told(client)
    assert (found["wherefrom_queue", "letters"], found["wherefrom_queue_age_seconds", "letters"]) == (2, 90)
    assert (found["wherefrom_queue", "old_letters"], found["wherefrom_queue_age_seconds", "old_letters"]) == (1, 0)
    assert found["wherefrom_mailboxes", "ok"] == 1


async def test_counting_ends_where_it_would_take_long(
    client: httpx.AsyncClient, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST", 3)
    for uid in range(1, 6):
        await store_letter(post, uid)
    assert (await told(client))["wherefrom_queue", "letters"] == 3


async def test_posts_are_counted_when_they_are_due_and_their_endpoint_takes_any(
    client: httpx.AsyncClient, post: Post, services: Services, clock: FixedClock
) -> None:
    added = await add_endpoint(services, 1, AddEndpoint(url="http://127.0.0.1:9999/", which="all"))
    await post.receive(letter("sales@company.example"))
    found = await told(client)
    assert (found["wherefrom_queue", "events"], found["wherefrom_queue", "deliveries"]) == (1, 0)
    assert found["wherefrom_endpoints", "enabled"] == 1
    while await fan_out(services):
        pass
    clock.advance(timedelta(minutes=2))
    found = await told(client)
    assert (found["wherefrom_queue", "events"], found["wherefrom_queue", "deliveries"]) == (0, 1)
    assert found["wherefrom_queue_age_seconds", "deliveries"] == 120
    async with services.db.write() as tx:
        await mark_disabled(tx, 1, added.endpoint.id, "failed", "five days", clock.now())
    found = await told(client)
    assert (found["wherefrom_queue", "deliveries"], found["wherefrom_endpoints", "failed"]) == (0, 1)


async def test_each_mailbox_and_endpoint_tells_how_it_is_and_since_when_it_is_silent(
    client: httpx.AsyncClient, post: Post, clock: FixedClock
) -> None:
    await post.rows.site()
    made = await add_endpoint(post.services, 1, AddEndpoint(url="http://127.0.0.1:8443/crm"))
    async with post.services.db.write() as tx:
        await record_status(tx, 1, post.mailbox_id, "ok", "", clock.now())
    clock.advance(timedelta(seconds=40))
    found = await told(client)
    mailbox, endpoint = f"{post.mailbox_id}/mailbox/site 1", f"{made.endpoint.id}/endpoint/site 1"
    assert (found["wherefrom_well", f"{mailbox}/ok"], found["wherefrom_silent_seconds", mailbox]) == (1, 40)
    assert found["wherefrom_well", f"{endpoint}/enabled"] == 1
    assert ("wherefrom_silent_seconds", endpoint) not in found
    async with post.services.db.write() as tx:
        await record_status(tx, 1, post.mailbox_id, "login_failed", "", clock.now())
        await tx.execute(update(endpoint_table).values(failing_since=clock.now() - timedelta(seconds=9)))
    found = await told(client)
    assert found["wherefrom_well", f"{mailbox}/login_failed"] == 0
    assert found["wherefrom_silent_seconds", endpoint] == 9


async def test_those_that_are_not_well_come_first_where_there_are_too_many_to_name(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MOST_NAMED", 1)
    first, second = await Post.open(services), await Post.open(services, 2)
    await first.rows.site()
    await second.rows.site()
    async with services.db.write() as tx:
        await tx.execute(update(mailbox_table).where(mailbox_table.c.site_id == 1).values(status="ok"))
        await record_status(tx, 2, second.mailbox_id, "unreachable", "", services.clock.now())
        named = (await store.read_standing(tx, services.clock.now())).named
    assert [(one.site, one.status) for one in named] == [("site 2", "unreachable")]


async def test_group_commits_tell_how_many_pieces_shared_them_and_how_long_these_waited(
    services: Services, client: httpx.AsyncClient
) -> None:
    async def nothing(tx: Tx) -> None: ...

    async def broken(tx: Tx) -> None:
        raise LookupError

    before = await told(client)
    await asyncio.gather(*(services.db.batch(nothing) for _ in range(9)))
    with pytest.raises(LookupError):
        await services.db.batch(broken)
    after = await told(client)

    def grown(name: str) -> float:
        return after[name, ""] - before[name, ""]

    assert grown("wherefrom_commit_pieces_total") == 10
    assert 2 <= grown("wherefrom_commits_total") <= 3
    assert 0 < grown("wherefrom_commit_seconds_total") < 600
    assert (grown("wherefrom_commit_refused_total"), after["wherefrom_commit_waiting", ""]) == (0, 0)


async def test_what_was_done_is_counted_by_queue_and_result(client: httpx.AsyncClient, post: Post) -> None:
    await post.receive(letter())
    found = await told(client)
    assert found["wherefrom_done_total", "letters/sorted"] == 1
    assert found["wherefrom_done_total", "outgoing/deferred"] == 0


async def test_workers_tell_whether_they_run(services: Services, clock: FixedClock) -> None:
    async def step() -> bool:
        return False

    supervisor = Supervisor([Worker("sort", step, 1, "messages")], services.bell, clock)
    state = supervisor.states["sort"]
    state.status, state.restarts, state.beat_at = "failed", 2, clock.now() - timedelta(seconds=7)
    async with door(with_token(services), supervisor) as client:
        found = await told(client)
        assert found["wherefrom_worker_up", "sort"] == 0
        assert found["wherefrom_worker_restarts_total", "sort"] == 2
        assert found["wherefrom_worker_quiet_seconds", "sort"] == 7
        state.status = "running"
        assert (await told(client))["wherefrom_worker_up", "sort"] == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the database that is asked is neither
async def test_a_database_that_is_gone_is_told_and_the_rest_still_is(services: Services) -> None:
    gone = Database("postgresql://nobody@127.0.0.1:1/none")
    try:
        async with door(with_token(replace(services, db=gone))) as client:
            found = await told(client)
    finally:
        await gone.close()
    assert found["wherefrom_database_up", ""] == 0
    assert ("wherefrom_queue", "letters") not in found
    assert found["process_cpu_seconds_total", ""] > 0


@asynccontextmanager
async def real_door(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """Over a connection of our own, which takes most requests past what counts them (see ``web.protocol``)."""
    listening, stop = bind("127.0.0.1", 0), asyncio.Event()
    serving = asyncio.create_task(serve_http(build_app(services), listening, stop))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    async with httpx.AsyncClient(
        base_url=url, headers={"authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=60
    ) as client:
        yield client
    stop.set()
    await serving


@pytest.mark.parametrize("way", [door, real_door])
async def test_answers_are_counted_by_area_method_and_status(
    services: Services, way: Callable[[Services], AbstractAsyncContextManager[httpx.AsyncClient]]
) -> None:
    async with way(with_token(services)) as client:
        await _ask_around(client)


async def _ask_around(client: httpx.AsyncClient) -> None:
    assert (await client.get("/wf.js")).status_code == 200
    assert (await client.get("/wf-full.js")).status_code == 200
    assert (await client.get("/c/none")).status_code == 404
    assert (await client.request("LINK", "/coffee")).status_code == 404
    assert (await client.get("/api/v1/sites")).status_code == 401
    found = await told(client)
    assert found["wherefrom_http_requests_total", "script/GET/2xx"] == 2
    assert found["wherefrom_http_requests_total", "click/GET/4xx"] == 1
    assert found["wherefrom_http_requests_total", "other/other/4xx"] == 1
    assert found["wherefrom_http_requests_total", "api/GET/4xx"] == 1
    assert found["wherefrom_http_request_seconds_count", "script"] == 2


async def test_an_answer_that_never_began_is_counted_too() -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise ConnectionResetError

    registry = CollectorRegistry()
    app = CountedApp(broken, CollectorGroup(), registry)
    with pytest.raises(ConnectionResetError):
        await app({"type": "http", "path": "/v1/visits", "method": "POST"}, never, never)
    labels = {"area": "visits", "method": "POST", "status": "none"}
    assert registry.get_sample_value("wherefrom_http_requests_total", labels) == 1


async def never(*_: object) -> None:  # type: ignore[return]
    raise AssertionError("nobody asks for this")


@given(st.text(max_size=30).map(lambda text: "/" + text))
def test_whatever_is_asked_for_there_are_few_areas(path: str) -> None:
    app = CountedApp(never, CollectorGroup(), CollectorRegistry())
    assert app.area(path) in {"visits", "signals", "script", "open", "click", "unsubscribe", "api", "health", "static",
                              "console", "other"}  # fmt: skip


async def test_what_waits_is_found_by_an_index(services: Services, engine: str) -> None:
    """Sums over all sites, once a scrape: never a walk over what is done already."""
    seen: list[str] = []
    async with services.db.read() as tx:
        if engine == "postgresql":
            await tx.exec_driver_sql("SET LOCAL enable_seqscan = off")
        await _explained(tx, services, seen)
    plans = " ".join(seen)
    for name in ("ix_message_stored", "ix_event_unfanned", "ix_delivery_due"):
        assert name in plans, plans


async def _explained(tx: Tx, services: Services, seen: list[str]) -> None:
    """Plans of all statements that ``read_standing`` sends."""
    usual = tx.execute

    async def execute(statement: object, parameters: object = None) -> object:
        compiled = statement.compile(dialect=tx.dialect, compile_kwargs={"literal_binds": True})  # type: ignore[attr-defined]
        word = "EXPLAIN" if tx.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        seen.extend(str(row) for row in await tx.exec_driver_sql(f"{word} {compiled}"))
        return await usual(statement, parameters)  # type: ignore[arg-type]

    tx.execute = execute  # type: ignore[method-assign, assignment]
    await store.read_standing(tx, services.clock.now())
