"""The service as its operator runs it: a settings file, and a process that can be killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import select

from tests.support.ports import free_port
from wherefrom.db import Database
from wherefrom.inbox.tables import message
from wherefrom.settings import Settings, load_settings

START_SECONDS = 60  # of a machine with more to do


@dataclass(slots=True)
class Service:
    """``folder`` holds the settings file and all data; ``url`` is where the service answers."""

    folder: Path
    database_url: str
    port: int = field(default_factory=free_port)
    extra_settings: str = ""
    server_settings: str = ""
    webhook_settings: str = ""
    database_settings: str = ""
    retries: int = 6
    prefix: tuple[str, ...] = ()  # a command that starts the process, in surroundings of its own
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        (self.folder / "settings.toml").write_text(
            f'[server]\nport = {self.port}\npublic_url = "{self.url}"\n{self.server_settings}\n'
            f'[database]\nurl = "{self.database_url}"\n{self.database_settings}\n'
            f'[webhooks]\nallow = ["127.0.0.0/8"]\nretry_seconds = {[1] * self.retries}\n{self.webhook_settings}\n'
            f"[mail]\npoll_seconds = 2\n{self.extra_settings}"
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> Settings:
        return load_settings(self.folder / "settings.toml", {})

    async def start(self) -> None:
        """Starts the process and waits until it says it is ready."""
        self.spawn()
        await self.wait()

    async def wait(self) -> None:
        """Until the process says it is ready."""
        async with httpx.AsyncClient(trust_env=False) as client:
            await self._until(lambda: _is_ready(client, self.url))

    def spawn(self) -> None:
        """Starts the process and waits for nothing."""
        self.spawn_as("serve")

    def spawn_as(self, role: str) -> None:
        """As ``spawn``: "web" or "work" alone, too."""
        self._spawn("wherefrom", role, "--settings")

    async def store_only(self, count: int) -> None:
        """Runs until ``count`` letters are stored and none is matched, then kills the process there."""
        self._spawn("tests.acceptance.sync_only")
        database = Database(self.database_url)
        try:
            await self._until(lambda: _has_stored(database, count))
        finally:
            await database.close()
        self.kill()

    def _spawn(self, module: str, *arguments: str) -> None:
        command = [*self.prefix, sys.executable, "-m", module, *arguments, str(self.folder / "settings.toml")]
        with (self.folder / "service.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    async def _until(self, reached: Callable[[], Awaitable[bool]]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, self.log()
            if await reached():
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"not reached after {START_SECONDS} s\n{self.log()}")

    def stop(self) -> int:
        """Asks the process to stop, as a process manager does; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """Ends the process in the middle of whatever it does."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(60)

    def log(self) -> str:
        return (self.folder / "service.log").read_text()


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url + "/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def _has_stored(database: Database, count: int) -> bool:
    async with database.read() as tx:
        statuses = list((await tx.execute(select(message.c.status))).scalars())
    assert set(statuses) <= {"stored"}
    return len(statuses) == count
