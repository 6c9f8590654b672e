"""Names of processes in claims, and whether the one behind a name is known to be dead.

    3f9a01c2d4e5/4711/k7f3q9x2        machine (and its process table) / process / run

A claim ends by its time limit. But a process that was killed and started again on the same machine need not wait for
its predecessor's claim: a process number that no longer exists on *this* machine tells that the holder is gone.
Containers have process tables of their own, so the table's identity is part of the name; where the system does not
tell it, nobody is declared dead.
"""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path

from wherefrom.tokens import random_code


def own_name() -> str:
    """A new name for this process's run."""
    return f"{_machine()}/{os.getpid()}/{random_code()}"


def is_dead(name: str) -> bool:
    """Whether the process of that name is known to have ended. False also where that cannot be known."""
    machine, _, rest = name.partition("/")
    number = rest.partition("/")[0]
    if not number.isdecimal() or machine != _machine() or not _table():
        return False
    if int(number) == os.getpid():
        return False  # it may be another watch of this very process: its claim ends by time
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _machine() -> str:
    return hashlib.sha256(f"{socket.gethostname()}\n{_table()}".encode()).hexdigest()[:12]


def _table() -> str:
    """What tells one process table from another, and one boot from the next; "" where the system does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""
