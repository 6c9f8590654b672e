"""A process that only works tells how it is at a port of its own, when the settings name one."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.acceptance.service import Service
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
