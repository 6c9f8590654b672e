"""The test servers never outlive a test run, and say why they did not start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.components import POSTGRES, require
from tests.support.daemon import Daemon, DaemonFailed, make_home, ordinary_user

SERVE_AND_SLEEP = """
import time
from tests.support.postgres import Postgres
server = Postgres()
server.start()
print(server.home, server.port, flush=True)
time.sleep(60)
"""


def _ends(goes_on: Callable[[], object], within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not goes_on():
            return True
        time.sleep(0.02)
    return False


def _processes_of(home: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if str(home).encode() in (entry / "cmdline").read_bytes():
                    found.append(entry.name)
            except OSError:
                continue
    return found


def test_a_killed_test_run_leaves_no_server_and_the_next_one_removes_its_folder() -> None:
    require(POSTGRES)
    run = subprocess.Popen([sys.executable, "-c", SERVE_AND_SLEEP], stdout=subprocess.PIPE, text=True)
    try:
        assert run.stdout is not None
        home = Path(run.stdout.readline().split()[0])
        assert _processes_of(home)
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
    assert _ends(lambda: _processes_of(home), within=60)
    make_home("postgres", ordinary_user()).rmdir()  # or another test run has done so before
    assert not home.exists()


def test_a_server_that_ends_at_once_is_reported_with_its_own_words() -> None:
    owner = ordinary_user()
    home = make_home("broken", owner)
    broken = Daemon(["/bin/sh", "-c", "echo the disk is upside down >&2; exit 3"], home, owner, lambda: False)
    with pytest.raises(DaemonFailed, match=r"(?s)ended with 3.*the disk is upside down"):
        broken.start()
    broken.remove()


def test_a_server_that_never_serves_is_given_up_and_ended() -> None:
    owner = ordinary_user()
    home = make_home("mute", owner)
    mute = Daemon(["/bin/sh", "-c", "sleep 60"], home, owner, lambda: False)
    with pytest.raises(DaemonFailed, match="does not serve"):
        mute.start(patience=0.3)
    assert not mute.running
    mute.remove()


def test_a_server_that_ignores_the_signal_is_killed() -> None:
    owner = ordinary_user()
    home = make_home("stubborn", owner)
    mark = home / "ready"
    stubborn = Daemon(
        ["/bin/sh", "-c", f"trap '' TERM; touch {mark}; while :; do sleep 0.1; done"], home, owner, mark.exists
    )
    stubborn.start()
    stubborn.stop(patience=0.3)
    assert not stubborn.running
    stubborn.remove()
    assert not home.exists()


def test_servers_never_run_as_root() -> None:
    assert ordinary_user().pw_uid != 0
