"""Runs one foreground server process for the tests, as an ordinary user, and never outlives the test run.

A server that refuses to be root (PostgreSQL) or behaves otherwise as root (Dovecot) is started as the first ordinary
user found; when the tests themselves run as an ordinary user, it is that one. `setpriv --pdeathsig` ties the process to
the thread that started it, so that a killed test run leaves nothing behind. Knows nothing about what is served.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MEMORY = Path("/dev/shm")


class DaemonFailed(RuntimeError):
    """The process ended or stayed silent; the message carries the end of its log."""


def ordinary_user(*preferred: str) -> pwd.struct_passwd:
    """Who the servers run as: ourselves, or, when we are root, the first of `preferred` that exists, else `nobody`."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in (*preferred, "nobody"):
        if name in known:
            return known[name]
    raise DaemonFailed("running as root, and there is no ordinary user to run test servers as (not even `nobody`)")


def make_home(name: str, owner: pwd.struct_passwd, *, on_disk: bool = False) -> Path:
    """A new folder that belongs to `owner`, in memory where there is room and nothing else is wanted. Its path is
    short, for the sake of sockets.

    Folders that a killed run left behind are removed on the way: their name carries the number of a dead process.
    """
    parent = (None if on_disk else _memory()) or Path(tempfile.gettempdir())
    prefix = f"wherefrom-{name}-"
    for left in parent.glob(f"{prefix}*"):
        number = left.name.removeprefix(prefix).partition("-")[0]
        if number.isdecimal() and not Path("/proc", number).exists():
            shutil.rmtree(left, ignore_errors=True)
    home = Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=parent))
    give(home, owner)
    return home


def _memory() -> Path | None:
    """The folder kept in memory, if it has a gigabyte free: copying a database there takes a quarter of the time."""
    try:
        free = shutil.disk_usage(MEMORY).free
    except OSError:
        return None
    return MEMORY if free >= 1 << 30 and os.access(MEMORY, os.W_OK) else None


def give(path: Path, owner: pwd.struct_passwd) -> None:
    """Makes `path` the property of `owner`; nothing to do when it is ours already."""
    if os.geteuid() == 0:
        os.chown(path, owner.pw_uid, owner.pw_gid)


def run_as(owner: pwd.struct_passwd, command: Sequence[str], home: Path) -> None:
    """Runs a command to its end as `owner`. Raises DaemonFailed with its output."""
    identity = _Identity.of(owner)
    done = subprocess.run(
        command,
        cwd=home,
        env=_environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        user=identity.user,
        group=identity.group,
        extra_groups=identity.groups,
    )
    if done.returncode:
        raise DaemonFailed(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")


class Daemon:
    """One foreground process with a log file. `start` returns when `ready` says so; `stop` when the process is gone."""

    def __init__(
        self,
        command: Sequence[str],
        home: Path,
        owner: pwd.struct_passwd,
        ready: Callable[[], bool],
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.log_file = home / "server.log"
        self._command = command
        self._home = home
        self._owner = owner
        self._ready = ready
        self._stop_signal = stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, patience: float = 60.0) -> None:
        """Starts the process and waits until it serves. Raises DaemonFailed after `patience` seconds."""
        if self.running:
            return
        tied = ["setpriv", "--pdeathsig", self._stop_signal.name.removeprefix("SIG")] if shutil.which("setpriv") else []
        identity = _Identity.of(self._owner)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*tied, *self._command],
                cwd=self._home,
                env=_environment(self._home),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=identity.user,
                group=identity.group,
                extra_groups=identity.groups,
            )
        deadline = time.monotonic() + patience
        while not self._ready():
            if self._process.poll() is not None:
                raise DaemonFailed(f"{self._command[0]} ended with {self._process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                self.stop()
                raise DaemonFailed(f"{self._command[0]} does not serve after {patience} s:\n{self.log_tail()}")
            time.sleep(0.01)

    def stop(self, patience: float = 30.0) -> None:
        """Asks the process to end and waits; what is left of its group after `patience` seconds is killed.

        The whole group is asked: Dovecot's master alone takes one to six seconds over its children.
        """
        if self._process is None:
            return
        self._signal_group(self._stop_signal)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self._signal_group(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def remove(self) -> None:
        """Stops the process and deletes its folder."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def _signal_group(self, number: signal.Signals) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def log_tail(self, lines: int = 30) -> str:
        if not self.log_file.exists():
            return "(no log)"
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])


def _environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "LANG": "C.UTF-8", "TZ": "UTC"}


@dataclass(frozen=True)
class _Identity:
    """What `subprocess` must change to run as somebody; all None leaves us as we are."""

    user: int | None = None
    group: int | None = None
    groups: list[int] | None = None

    @classmethod
    def of(cls, owner: pwd.struct_passwd) -> "_Identity":
        return cls() if os.geteuid() != 0 else cls(owner.pw_uid, owner.pw_gid, [])
