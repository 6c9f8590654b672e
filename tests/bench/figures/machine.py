"""What a figure was measured on: without it no figure says anything."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from tests.support.postgres import find_programs

QUIET = 0.5
"""A load average above this disturbs the figures."""

_PACKAGES = ("uvicorn", "starlette", "sqlalchemy", "asyncpg", "msgspec")


class Machine(msgspec.Struct, frozen=True):
    """``load``: the averages of 1, 5 and 15 minutes when the run began. ``versions``: engines and libraries, by name;
    an engine that is not there is left out."""

    cores: int
    processor: str
    memory_gb: float
    system: str
    python: str
    load: tuple[float, float, float]
    versions: dict[str, str]


def this_machine() -> Machine:
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=_line("/proc/cpuinfo", "model name") or platform.machine(),
        memory_gb=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        system=_line("/etc/os-release", "PRETTY_NAME", "=").strip('"') or platform.platform(),
        python=platform.python_version(),
        load=os.getloadavg(),
        versions=_versions(),
    )


def _versions() -> dict[str, str]:
    found = {"SQLite": sqlite3.sqlite_version}
    postgres = find_programs()
    programs = {"PostgreSQL": str(postgres / "postgres") if postgres else "", "Dovecot": shutil.which("dovecot")}
    for name, program in programs.items():
        if program:
            told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
            words = [word for word in told.stdout.split() if word[:1].isdigit()]
            found |= {name: words[0]} if words else {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _line(file: str, key: str, sign: str = ":") -> str:
    """What stands behind ``key`` in a file of such lines; "" when it does not."""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(sign)[2].strip() for line in lines if line.partition(sign)[0].strip() == key), "")
