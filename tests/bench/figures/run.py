"""Runs benchmarks, each in a process of its own, and gathers what they hand in: one that fails stops no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.figures.machine import this_machine
from tests.bench.figures.plan import LONG_LIMIT, Run
from tests.bench.figures.report import Found, Report
from tests.bench.figures.row import read_rows

ROOT = Path(__file__).parents[3]
_LAST_WORDS = 15  # lines
_GRACE_SECONDS = 20


def run_all(plan: Sequence[Run], *, long: bool = False) -> Report:
    """What the benchmarks print for people goes to standard error as it comes."""
    machine = this_machine()  # before they make it busy themselves
    return Report(machine, [run_one(one, machine.load[0], long=long) for one in plan])


def run_one(run: Run, load: float, *, long: bool = False) -> Found:
    """Its rows, or why it has none."""
    arguments = run.long if long and run.long is not None else run.arguments
    _say(f"== {' '.join((run.bench, *arguments))}\n")
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.json"
        command = [sys.executable, "-m", f"tests.bench.{run.bench}", *arguments, "--json", str(file)]
        failed, words = _watch(command, LONG_LIMIT if long else run.limit)
        rows = []
        if not failed:
            try:
                rows = read_rows(file)
            except ValueError as error:
                failed = str(error)
    seconds = round(time.monotonic() - began, 1)
    told = "\n".join([failed, *words.splitlines()[-_LAST_WORDS:]]) if failed else ""
    return Found(run.bench, arguments, datetime.now(UTC).date().isoformat(), load, seconds, rows, told)


def _watch(command: Sequence[str], limit: int) -> tuple[str, str]:
    """How it failed ("": it did not), and all it printed. It has a process group of its own: when its time is up, all
    of it is ended."""
    # The code that is measured is the one beside this file, whatever is installed.
    environment = os.environ | {"PYTHONPATH": str(ROOT / "server"), "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    late = threading.Event()

    def end() -> None:
        """First as by a person's Ctrl-C, so that it ends the servers it has started."""
        late.set()
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(limit, end)
    timer.start()
    words: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            words.append(line)
            _say(f"   {line}")
        status = process.wait()
    except BaseException:
        end()
        raise
    finally:
        timer.cancel()
    if late.is_set():
        return f"it was not done within {limit} seconds", "".join(words)
    return (f"it ended with status {status}" if status else ""), "".join(words)


def _say(words: str) -> None:
    sys.stderr.write(words)
    sys.stderr.flush()
