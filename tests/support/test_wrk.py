"""The load generator of the benchmarks, at a server of ours."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.support.components import WRK, require
from tests.support.wrk import Failed, ask, drive

ASKED: Counter[str] = Counter()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        ASKED[self.path] += 1
        told = b"told"
        self.send_response(int(self.path.rpartition("/")[2]))
        self.send_header("content-length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    require(WRK)
    ASKED.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    serving = Thread(target=server.serve_forever)
    serving.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode()


def test_all_requests_are_asked_in_turn_and_their_answers_counted(port: int) -> None:
    driven = drive(port, os.getpid(), [_get("/a/200"), _get("/b/203"), _get("/c/307")], 1, connections=2)
    assert set(ASKED) == {"/a/200", "/b/203", "/c/307"}
    assert max(ASKED.values()) - min(ASKED.values()) <= 2
    assert sum(ASKED.values()) - 4 <= driven.answers <= sum(ASKED.values())  # the last ones are not waited for
    assert 0.5 < driven.seconds < 30
    assert 0 < driven.middle <= driven.slowest < driven.seconds
    assert driven.cpu > 0
    assert driven.client > 0


def test_an_answer_that_is_an_error_ends_the_measurement(port: int) -> None:
    with pytest.raises(Failed, match="Non-2xx"):
        drive(port, os.getpid(), [_get("/a/200"), _get("/b/500")], 1, connections=2)


def test_a_server_that_is_not_there_ends_the_measurement(port: int) -> None:
    with pytest.raises(Failed, match="unable to connect"):
        drive(1, os.getpid(), [_get("/a/200")], 1, connections=2)


def test_one_answer_can_be_looked_at(port: int) -> None:
    assert ask(port, _get("/a/404")) == (404, b"told")
