"""Runs the service; knows nothing of Typer (see ``wherefrom.cli``)."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from wherefrom.cli.lean import loading
from wherefrom.settings import Settings, load_settings

_SETTINGS = ("--settings", "-s")


class Service(NamedTuple):
    """Which sides run, by the settings of which file (None: the usual ones)."""

    web: bool
    work: bool
    settings: Path | None


_SERVICES = {
    "serve": Service(web=True, work=True, settings=None),
    "web": Service(web=True, work=False, settings=None),
    "work": Service(web=False, work=True, settings=None),
}


def find_service(words: Sequence[str]) -> Service | None:
    """What the command line asks for in so many words: a service, and its settings or none. Anything else, help and
    mistakes with it, is None, and Typer's to read."""
    match words:
        case [name] if name in _SERVICES:
            return _SERVICES[name]
        case [name, option, path] if name in _SERVICES and option in _SETTINGS and path and path[0] != "-":
            return _SERVICES[name]._replace(settings=Path(path))
    return None


def read_settings(path: Path | None) -> Settings:
    """The settings of ``path``, of ``./settings.toml`` when None and there, or the defaults."""
    usual = Path("settings.toml")
    return load_settings(path if path or not usual.exists() else usual)


def run_service(settings: Path | None, *, web: bool = False, work: bool = False) -> None:
    """Runs until a signal; with both sides it migrates the database first."""
    with loading():
        from wherefrom.app import log_to, serve_until_signal  # late: see wherefrom.cli

    read = read_settings(settings)
    log_to(read)
    if web and work:
        asyncio.run(upgrade_database(read))
    run_to_the_end(serve_until_signal(read, web=web, work=work))


def run_to_the_end(main: Coroutine[Any, Any, None]) -> None:
    """uvloop where it is installed (it is, but for Windows); the difference is measured, not needed."""
    factory = None
    if importlib.util.find_spec("uvloop"):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main)


async def upgrade_database(settings: Settings) -> str:
    """The revision the database is at now."""
    from wherefrom.db.migrate import upgrade  # late: see wherefrom.cli

    return await upgrade(settings.database.url)
