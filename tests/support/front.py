"""The front of `docker/` (Caddy) with the Caddyfile as it is there, on loopback and without TLS."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Sequence
from pathlib import Path

from tests.support.daemon import Daemon, give, make_home, ordinary_user
from tests.support.ports import LOOPBACK, free_port

CADDYFILE = Path(__file__).parents[2] / "docker" / "Caddyfile"


def find_obstacle() -> str | None:
    return None if shutil.which("caddy") else "is not installed"


class Front:
    """Leads from ``url`` to web processes, given by their ports."""

    def __init__(self, upstreams: Sequence[int]) -> None:
        self.port = free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        owner = ordinary_user("caddy")
        home = make_home("front", owner)
        given = {
            "{$WHEREFROM_HOST}": f"http://:{self.port}",
            "{$UPSTREAMS}": " ".join(f"{LOOPBACK}:{port}" for port in upstreams),
        }
        text = CADDYFILE.read_text()
        for name, value in given.items():
            text = text.replace(name, value)
        text, count = re.subn(r"(?m)^\s*health_port \d+$", "", text)  # one for all, and here all have one address
        assert count == 1
        file = home / "Caddyfile"
        file.write_text("{\n\tadmin off\n}\n" + text)  # its port is the same everywhere
        give(file, owner)
        command = ["caddy", "run", "--config", str(file), "--adapter", "caddyfile"]
        self._daemon = Daemon(command, home, owner, self._listens)

    def start(self) -> None:
        self._daemon.start()

    def remove(self) -> None:
        self._daemon.remove()

    def log(self) -> str:
        return self._daemon.log_tail()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0
