"""Finds loopback ports for the test servers. Knows nothing about what will listen there."""

import os
import random
import socket
import time
from collections import deque

LOOPBACK = "127.0.0.1"

# Below the range Linux takes outgoing ports from (32768 and up). A server that is stopped in the middle of a test
# must find its port free again, and a client that tries meanwhile must be refused: inside that range the kernel
# may lend the port to somebody, or connect a client to itself.
LOWEST, HIGHEST = 15000, 32000

_chance = random.SystemRandom()

# Tests that run at the same time keep to ports of their own: one that another has stopped listening on is free for a
# moment, and must stay so.
_WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# Nor is one free that was handed out and is not listened on yet, or not at the moment.
_given: deque[int] = deque(maxlen=500)


def free_port() -> int:
    """A loopback TCP port nobody listens on now, and that nobody was given lately. Raises OSError when a hundred tries
    find none."""
    for _ in range(100):
        port = _chance.randrange(LOWEST + _WORKER, HIGHEST, _WORKERS)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        _given.append(port)
        return port
    raise OSError(f"no free port found on {LOOPBACK} from {LOWEST} up to {HIGHEST}")


def wait_free(*ports: int, seconds: float = 10.0) -> None:
    """Returns when nobody listens on these loopback ports any more: a process that was killed keeps its sockets for a
    moment. OSError when one is taken for longer."""
    deadline = time.monotonic() + seconds
    for port in ports:
        while not _is_free(port):
            if time.monotonic() > deadline:
                raise OSError(f"port {port} is still taken after {seconds} s")
            time.sleep(0.02)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers bind: connections that end count not
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
