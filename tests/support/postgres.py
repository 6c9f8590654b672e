"""A real PostgreSQL on loopback: one server a test session, one database a test, copied from a template.

Runs as an ordinary user out of a temporary folder, with everything off that makes a commit survive a power cut. Knows
nothing about Wherefrom's schema: who fills the template is told its URL.
"""

import asyncio
import itertools
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]

from tests.support.daemon import Daemon, DaemonFailed, make_home, ordinary_user, run_as
from tests.support.ports import LOOPBACK, free_port

SUPERUSER = "wherefrom"

# Durability costs time and a test's data need none. No autovacuum: a database lives for one test, and a worker inside
# it would keep DROP DATABASE waiting. JIT only slows short queries down.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "jit": "off",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "mmap",  # in the data folder, which is swept when a killed run leaves it
    "max_connections": "200",
    "timezone": "UTC",
    "log_min_messages": "fatal",
    "listen_addresses": LOOPBACK,
}


class Postgres:
    """The server. `start` runs it; `create_database` and `drop_database` are what a test needs."""

    host = LOOPBACK

    def __init__(self, *, on_disk: bool = False) -> None:
        """`on_disk`: its data will be too much for memory."""
        programs = find_programs()
        if programs is None:
            raise DaemonFailed("PostgreSQL is not installed")
        self._programs = programs
        owner = ordinary_user("postgres")
        self.home = make_home("postgres", owner, on_disk=on_disk)
        self.port = free_port()
        data = self.home / "data"
        run_as(
            owner,
            [
                *(str(self._programs / "initdb"), "-D", str(data), "-U", SUPERUSER, "-A", "trust"),
                *("-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"),
            ],
            self.home,
        )
        settings = _SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self.home)}
        self._daemon = Daemon(
            [
                str(self._programs / "postgres"),
                "-D",
                str(data),
                *(f"--{name}={value}" for name, value in settings.items()),
            ],
            self.home,
            owner,
            self._serves,
            stop_signal=signal.SIGINT,  # PostgreSQL's "fast shutdown",
        )
        self._numbers = itertools.count(1)
        self._kept: _Kept | None = None

    def start(self) -> None:
        """Starts, or starts again, on the same port with the same databases."""
        self._daemon.start()

    def stop(self) -> None:
        """Ends the server: running statements are cancelled, connections are closed. The databases stay."""
        self._kept = None
        self._daemon.stop()

    def remove(self) -> None:
        """Ends the server for good and deletes its databases."""
        self._kept = None
        self._daemon.remove()

    def url(self, database: str) -> str:
        """The address of a database, in the form `settings.toml` takes."""
        return f"postgresql://{SUPERUSER}@{self.host}:{self.port}/{database}"

    async def create_database(self, template: str = "template1") -> str:
        """Makes a new database as a copy of `template`, to which nobody may be connected. Returns its name."""
        name = f"t_{next(self._numbers)}"
        # Copying files takes half the time of the default, which writes every page to the log (which 15 brought in).
        await self._command(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return name

    async def drop_database(self, name: str) -> None:
        """Deletes a database and cuts whoever is still connected to it."""
        await self._command(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def _command(self, statement: str) -> None:
        """By a connection that is kept: making one takes nearly as long as making a database."""
        loop = asyncio.get_running_loop()
        kept = self._kept
        if kept is None or kept.loop is not loop or kept.connection.is_closed():
            kept = self._kept = _Kept(loop, await asyncpg.connect(self.url("postgres"), timeout=60), asyncio.Lock())
        async with kept.turn:
            await kept.connection.execute(statement)

    def _serves(self) -> bool:
        command = [str(self._programs / "pg_isready"), "-q", "-h", self.host, "-p", str(self.port), "-d", "postgres"]
        return subprocess.run(command, check=False).returncode == 0


@dataclass(frozen=True)
class _Kept:
    """A connection belongs to the loop it was made on, and does one thing at a time."""

    loop: asyncio.AbstractEventLoop
    connection: Any
    turn: asyncio.Lock


def find_programs() -> Path | None:
    """The folder of PostgreSQL's programs: Debian's newest, or the one in PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if debian:
        return debian[-1].parent
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


def find_obstacle() -> str | None:
    """Why no PostgreSQL can be run here; None when it can."""
    programs = find_programs()
    if programs is None:
        return "is not installed"
    missing = [name for name in ("postgres", "initdb", "pg_isready") if not (programs / name).exists()]
    return f"lacks {', '.join(missing)} in {programs}" if missing else None
