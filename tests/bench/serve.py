"""How long `wherefrom serve` takes to its first answer, and how much memory it has, idle and under load.

    python -m tests.bench.serve [--seconds 10] [--connections 64] [--rounds 5] [--json FILE]

The first start is a new database's, migrations and all; the others' database is there. CPU is what the process used up
to its first answer: beside the wall clock it says how long a quiet machine would have taken. The load is new visitors
and returning ones at full speed, half of the time each. Memory is the resident set of the process and of its children
(letters are parsed by one), taken ten times a second; the goals are those of the performance issue.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.bench.collect import new_visitors, returning_visitors
from tests.bench.figures import Row, add_json_option, hand_in
from tests.support.ports import free_port
from tests.support.wrk import cpu_seconds, drive
from wherefrom.app import open_services
from wherefrom.settings import load_settings
from wherefrom.sites.add import add_site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.target import Options

START_GOAL, IDLE_GOAL, LOAD_GOAL = 1.0, 120, 250  # seconds, MB, MB
_MOST_SECONDS = 60
_SETTLED_SECONDS = 2


class Served:
    """A service of its own process; ``seconds`` and ``cpu`` up to its first answer."""

    def __init__(self, settings: Path, port: int) -> None:
        self._began = time.perf_counter()
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = str(settings.parent / "compiled")  # an installed copy is compiled, too
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wherefrom", "serve", "--settings", str(settings)],
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.number = self._process.pid
        self._wait(port)
        self.seconds, self.cpu = time.perf_counter() - self._began, cpu_seconds(self.number)

    def _wait(self, port: int) -> None:
        while time.perf_counter() - self._began < _MOST_SECONDS:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            try:
                asked.request("GET", "/healthz")
                if asked.getresponse().status == 200:
                    return
            except OSError:
                assert self._process.poll() is None, "the service has ended"
                time.sleep(0.005)
            finally:
                asked.close()
        raise AssertionError("the service does not answer")

    def memory(self) -> float:
        """MB, with its children's."""
        children = Path(f"/proc/{self.number}/task/{self.number}/children").read_text().split()
        return sum(_resident(number) for number in (self.number, *map(int, children)))

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


def _resident(process: int) -> float:
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def _add_site(settings: Path) -> str:
    async with open_services(load_settings(settings)) as services:
        site = await add_site(services, "bench", ["shop.example"])
        await add_target(services, site.id, "sales@company.com", Options(strategy="plus"))
    return site.key


def _highest(served: Served, key: str, port: int, seconds: float, connections: int) -> float:
    """The most memory under load."""
    taken, over = [served.memory()], threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            taken.append(served.memory())

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        for name, requests in (("new", new_visitors(key)), ("returning", returning_visitors(key, port))):
            driven = drive(port, served.number, requests, math.ceil(seconds / 2), connections)
            print(f"  {name} visitors: {driven.answers / driven.seconds:.0f} a second")
    finally:
        over.set()
        watching.join()
    return max(taken)


def main(seconds: float, connections: int, rounds: int, json: Path | None = None) -> None:
    hand_in(measure(seconds, connections, rounds), json)


def measure(seconds: float, connections: int, rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        port, settings = free_port(), Path(folder) / "settings.toml"
        settings.write_text(
            f'[server]\nport = {port}\n[data]\nfolder = "{folder}"\nkey_file = "{folder}/key"\n'
            f'[database]\nurl = "sqlite:///{folder}/bench.db"\n'
        )
        first = Served(settings, port)
        first.stop()
        print(f"first start, with migrations: {first.seconds:.2f} s, CPU {first.cpu:.2f} s")
        starts = [Served(settings, port)]
        for _ in range(rounds - 1):
            starts[-1].stop()
            starts.append(Served(settings, port))
        took, cpu = (
            statistics.median(values) for values in zip(*((one.seconds, one.cpu) for one in starts), strict=True)
        )
        print(f"start to first answer: {took:.2f} s, CPU {cpu:.2f} s (goal {START_GOAL})")
        served = starts[-1]
        time.sleep(_SETTLED_SECONDS)
        idle = served.memory()
        print(f"memory, idle: {idle:.0f} MB (goal {IDLE_GOAL})")
        key = asyncio.run(_add_site(settings))
        highest = _highest(served, key, port, seconds, connections)
        print(f"memory, at the most, under load: {highest:.0f} MB (goal {LOAD_GOAL})")
        served.stop()
    return [
        Row("serve: start to first answer", took, "s", most=START_GOAL),
        Row("the same: processor time", cpu, "s", most=START_GOAL),
        Row("the same with a new database", first.seconds, "s"),
        Row("serve: memory, idle", idle, "MB", most=IDLE_GOAL),
        Row("serve: memory at the most, under load", highest, "MB", most=LOAD_GOAL),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    add_json_option(parser)
    main(**vars(parser.parse_args()))
