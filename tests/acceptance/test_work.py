"""A process tells how it is at a port of its own, when the settings name one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.acceptance.service import Service
from tests.support.commands import run_command
from tests.support.ports import free_port

TOKEN = "a token for metrics"


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # SQLite's one process has a web side
async def test_a_process_that_only_works_tells_whether_its_workers_run(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("WHEREFROM_METRICS_TOKEN", TOKEN)
    monkeypatch.setenv("WHEREFROM_METRICS_PORT", str(port))
    service = Service(tmp_path, database_url, port)
    try:
        service.spawn_as("work")
        await service.wait()
        async with httpx.AsyncClient(trust_env=False, base_url=service.url) as client:
            assert (await client.get("/healthz")).status_code == 200
            assert {one["name"] for one in (await client.get("/readyz")).json()["workers"]} >= {"sort", "mailboxes"}
            told = await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
            assert 'wherefrom_worker_up{worker="sort"} 1.0' in told.text
            assert 'wherefrom_done_total{queue="outgoing",result="sent"} 0.0' in told.text
            assert (await client.get("/metrics")).status_code == 401
            assert (await client.get("/login")).status_code == 404, "it has no web side"
        assert service.stop() == 0
    finally:
        service.kill()


async def test_a_process_with_a_web_side_tells_how_it_is_and_nothing_else_at_a_second_port(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = free_port()
    monkeypatch.setenv("WHEREFROM_METRICS_TOKEN", TOKEN)
    monkeypatch.setenv("WHEREFROM_SERVER_HEALTH_PORT", str(door))
    service = Service(tmp_path, database_url)
    try:
        await service.start()
        async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{door}") as client:
            assert (await client.get(f"{service.url}/login")).status_code == 200
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/readyz")).json()["status"] == "ready"
            told = await client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
            assert 'method="GET"' in told.text, "of the visitors' port"
            assert (await client.get("/metrics")).status_code == 401
            for path in ("/login", "/wf.js", "/v1/visits", "/api/openapi.json"):
                assert (await client.get(path)).status_code == 404, path
        assert service.stop() == 0
    finally:
        service.kill()


async def test_a_second_port_that_is_taken_is_named_with_its_setting(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(tmp_path, database_url)
    monkeypatch.setenv("WHEREFROM_SERVER_HEALTH_PORT", str(service.port))
    await asyncio.to_thread(run_command, tmp_path, "migrate")
    done = await asyncio.to_thread(run_command, tmp_path, "web")
    assert done.returncode == 1
    assert f"port {service.port}" in done.stderr
    assert "server.health_port" in done.stderr
