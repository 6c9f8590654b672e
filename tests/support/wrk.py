"""Many connections that each ask again once they have their answer: wrk, and what it costs the server it drives.

wrk spends a few microseconds a request, so that on two cores the other one is left to the server's threads and to its
database. A client in Python takes half of it, and what is measured is then the two together.
"""

from __future__ import annotations

import contextlib
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 64
_LENGTH = b"content-length: "
_LONGEST_WAIT = 30.0
_SCRIPT = """
local requests, at = {}, 0
function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  while true do
    local length = file:read("*n")
    if not length then break end
    file:read(1)
    requests[#requests + 1] = file:read(length)
  end
  file:close()
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, latency)
  local errors = summary.errors
  print("figures", summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect, errors.read, errors.write, errors.status, errors.timeout)
end
"""


@dataclass(frozen=True, slots=True)
class Driven:
    """``seconds`` it went on; ``middle`` and ``slowest``: seconds to the answer at the median and for 99 %; ``cpu`` and
    ``client``: processor seconds of the server's process and of wrk."""

    answers: int
    seconds: float
    middle: float
    slowest: float
    cpu: float
    client: float


class Failed(Exception):
    """Not every request was answered with a status below 400. The words are wrk's."""


def find_obstacle() -> str | None:
    """What stands in the way; None when wrk is here."""
    return None if shutil.which("wrk") else "is not installed"


def drive(
    port: int | Sequence[int], server: int, requests: Sequence[bytes], seconds: int, connections: int = CONNECTIONS
) -> Driven:
    """Asks for ``seconds``, over so many connections to each port, the ``requests`` one after the other and over again.
    ``server`` is a process. Failed when an answer was an error or did not come; what else an answer says nobody reads,
    so look at one before (``ask``). Of several ports ``middle`` and ``slowest`` are of the slowest one."""
    ports = [port] if isinstance(port, int) else port
    with tempfile.TemporaryDirectory() as folder:
        script, said = Path(folder) / "drive.lua", Path(folder) / "requests"
        script.write_text(_SCRIPT)
        before, cpu = _of_children(), cpu_seconds(server)
        running = []
        for turn, one in enumerate(ports):
            own = said.with_suffix(f".{turn}")
            own.write_bytes(b"".join(b"%d\n%b" % (len(each), each) for each in requests[turn :: len(ports)]))
            options = ("--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s")
            command = ["wrk", *options, "--script", str(script), f"http://127.0.0.1:{one}/", str(own)]
            running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        told = [one.communicate(timeout=seconds + _LONGEST_WAIT)[0] for one in running]
        cpu, client = cpu_seconds(server) - cpu, _of_children() - before
    figures = [_read(one) for one in told]
    answers, lasted = sum(one[0] for one in figures), max(one[1] for one in figures)
    return Driven(answers, lasted, max(one[2] for one in figures), max(one[3] for one in figures), cpu, client)


def _read(told: str) -> tuple[int, float, float, float]:
    """Answers, seconds they took, at the median, for 99 %."""
    line = next((line for line in told.splitlines() if line.startswith("figures")), "")
    if not line:
        raise Failed(told)
    answers, *micros, connect, read, write, status, timeout = (float(word) for word in line.split()[1:])
    if connect or read or write or status or timeout:
        raise Failed(told)
    lasted, middle, slowest = (one / 1e6 for one in micros)
    return int(answers), lasted, middle, slowest


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ask(port: int, request: bytes) -> tuple[int, bytes]:
    """Status and body of one answer that says its length."""
    with contextlib.closing(socket.create_connection(("127.0.0.1", port), _LONGEST_WAIT)) as line:
        line.sendall(request)
        got = b""
        while (end := got.find(b"\r\n\r\n")) < 0:
            got += _more(line)
        at = got.find(_LENGTH, 0, end)
        length = int(got[at + len(_LENGTH) : got.index(b"\r", at)]) if at >= 0 else 0
        while len(got) < end + 4 + length:
            got += _more(line)
    return int(got.split(b" ", 2)[1]), got[end + 4 :]


def _more(line: socket.socket) -> bytes:
    got = line.recv(65536)
    if not got:
        raise Failed("the server closed the connection")
    return got


def cpu_seconds(process: int) -> float:
    """What the threads of a process have used so far; nought where that cannot be asked."""
    clock = (~process << 3) | 2  # Linux: the clock of a process, as clock_getcpuclockid answers it
    try:
        return time.clock_gettime(clock)
    except OSError:
        return 0.0
