"""Runs `wherefrom` commands, each in a process of its own, without loading the program anew for each.

A helper process loads the whole program once and waits. A command is a fork of it: with its own folder, environment,
streams, exit status and end, run by `runpy` as `python -m wherefrom` would be; only what the interpreter and the
imports take (most of a command's time) is not paid again. So that nothing hangs on what the helper happens to have
loaded, the first command of each kind in a test run ("site add", "site list") is a new interpreter all the same.

    tests ──one line of JSON──▶ helper ──fork──▶ command: out and err into files
          ◀──exit status──────         ◀──waits──
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

_known: set[tuple[str, ...]] = set()


def run_command(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None, seconds: int = 180
) -> subprocess.CompletedProcess[str]:
    """What `wherefrom ARGUMENTS`, typed in `folder`, wrote and how it ended; `environment` comes on top of the tests'
    own. Nothing can be typed in. subprocess.TimeoutExpired after `seconds`."""
    kind = tuple(word for word in arguments[:2] if not word.startswith("-"))
    whole = {**os.environ, **(environment or {})}
    if kind not in _known:
        _known.add(kind)
        return subprocess.run(
            [sys.executable, "-m", "wherefrom", *arguments],
            cwd=folder, env=whole, capture_output=True, text=True, timeout=seconds, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    return _helper().run(folder, arguments, whole, seconds)


class Helper:
    """The process with the program in it. It ends with the tests: its standard input does."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="wherefrom-commands-")
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.commands"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(
        self, folder: Path, arguments: tuple[str, ...], environment: Mapping[str, str], seconds: int
    ) -> subprocess.CompletedProcess[str]:
        """One command; others wait for its end."""
        with self._turn:
            out, err = (Path(self._folder.name, name) for name in ("out", "err"))
            job = {
                "folder": str(folder), "arguments": arguments, "environment": dict(environment), "seconds": seconds,
                "out": str(out), "err": str(err),
            }  # fmt: skip
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            told = self._process.stdout.readline()
            assert told, f"the helper that forks commands has ended with {self._process.wait()}"
            command = ["wherefrom", *arguments]
            if int(told) == -signal.SIGALRM:
                raise subprocess.TimeoutExpired(command, seconds, out.read_text(), err.read_text())
            return subprocess.CompletedProcess(command, int(told), out.read_text(), err.read_text())


@functools.cache
def _helper() -> Helper:
    return Helper()


def _serve() -> None:
    """The helper's life. A fork returns from here as the command, with everything set up for it."""
    import wherefrom

    for module in pkgutil.walk_packages(wherefrom.__path__, "wherefrom."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for late in ("typer._adapters", "alembic.command", "asyncpg"):  # what most commands load when they run
        importlib.import_module(late)
    assert threading.active_count() == 1, "a module starts a thread when it is loaded, which no fork would have"
    gc.freeze()
    for line in sys.stdin.buffer:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(job)
            return
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(job: dict[str, Any]) -> None:
    """Makes of this process what a shell makes of a new one, and runs the program in it."""
    signal.alarm(job["seconds"])  # ends the process when it goes off
    for number, name in ((0, os.devnull), (1, job["out"]), (2, job["err"])):
        file = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.chdir(job["folder"])
    os.environ.clear()
    os.environ.update(job["environment"])
    sys.path[0] = job["folder"]
    sys.argv[1:] = job["arguments"]
    runpy.run_module("wherefrom", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
