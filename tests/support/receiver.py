"""A real HTTP server on loopback that keeps what it is sent and answers as a test scripts it.

Runs in threads of its own, so it also serves a test that blocks the loop or starts the service as a process. Answers
are queued in the order they will be given, for one path or for all; an empty queue answers 200 with no body.
"""

import socket
import ssl
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import msgspec

from tests.support.arrivals import Arrivals
from tests.support.certificates import Certificates
from tests.support.ports import LOOPBACK, free_port


@dataclass(frozen=True)
class Received:
    """One request as it came. `path` has the query; `headers` are looked up without regard to case."""

    method: str
    path: str
    headers: httpx.Headers
    body: bytes
    at: datetime

    def json(self) -> Any:
        """The body read as JSON."""
        return msgspec.json.decode(self.body)


@dataclass(frozen=True)
class Answer:
    """One scripted answer. `delay`: seconds before it begins; `pace`: seconds between single bytes of its body.

    `hang` never answers, `drop` resets the connection instead, `size` sends that many bytes in place of `body`.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    pace: float = 0.0
    hang: bool = False
    drop: bool = False
    size: int | None = None


class Receiver:
    """The server. It listens from `start` to `stop` and can be started again on the same port."""

    def __init__(self, certificates: Certificates | None = None) -> None:
        self.port = free_port()
        self.default = Answer()
        self._certificates = certificates
        self._arrivals = Arrivals[Received]("request")
        self._lock = threading.Lock()
        self._scripts: dict[str | None, deque[Answer]] = defaultdict(deque)
        self._released = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port` (or `https://localhost:port`), with no path."""
        return f"https://localhost:{self.port}" if self._certificates else f"http://{LOOPBACK}:{self.port}"

    @property
    def requests(self) -> list[Received]:
        """All requests so far, also those `next` has handed out."""
        return self._arrivals.all

    async def next(self, timeout: float = 60.0) -> Received:
        """The next request not yet handed out. Raises AssertionError when none comes within `timeout` seconds."""
        return await self._arrivals.next(timeout)

    def answer(
        self,
        status: int = 200,
        body: bytes | str | Mapping[str, Any] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        path: str | None = None,
        delay: float = 0.0,
        pace: float = 0.0,
    ) -> None:
        """Queues an answer for one request, to `path` (without query) or to any. A mapping is sent as JSON."""
        sent = dict(headers or {})
        if isinstance(body, Mapping):
            sent.setdefault("Content-Type", "application/json")
            body = msgspec.json.encode(dict(body))
        elif isinstance(body, str):
            body = body.encode()
        self.queue(Answer(status, body, sent, delay=delay, pace=pace), path)

    def redirect(self, to: str, status: int = 302, *, path: str | None = None) -> None:
        """Queues a redirect to the URL `to`."""
        self.queue(Answer(status, headers={"Location": to}), path)

    def hang(self, *, path: str | None = None) -> None:
        """Queues silence: the request is taken and not answered until the server is stopped."""
        self.queue(Answer(hang=True), path)

    def drop(self, *, path: str | None = None) -> None:
        """Queues a reset: the request is taken and the connection cut."""
        self.queue(Answer(drop=True), path)

    def oversize(self, size: int, status: int = 200, *, path: str | None = None) -> None:
        """Queues an answer whose body has `size` bytes, sent as fast as they are taken."""
        self.queue(Answer(status, size=size), path)

    def queue(self, answer: Answer, path: str | None = None) -> None:
        """Queues any `Answer`."""
        with self._lock:
            self._scripts[path].append(answer)

    def forget_answers(self) -> None:
        """Nothing is queued any more."""
        with self._lock:
            self._scripts.clear()

    def start(self) -> None:
        """Listens; returns at once."""
        if self._server is not None:
            return
        self._released.clear()
        self._server = _Server((LOOPBACK, self.port), _handler_for(self))
        if self._certificates:
            context = self._certificates.server_context()
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Refuses connections from now on; hanging requests are cut. What came stays known."""
        if self._server is None:
            return
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def _record(self, request: Received) -> None:
        self._arrivals.append(request)

    def _next_answer(self, path: str) -> Answer:
        with self._lock:
            for script in (self._scripts[path.partition("?")[0]], self._scripts[None]):
                if script:
                    return script.popleft()
        return self.default


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is what many tests are about: nothing to print."""


def _handler_for(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        pass

    Handler.receiver = receiver
    return Handler


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver
    protocol_version = "HTTP/1.1"
    timeout = 60

    def __getattr__(self, name: str) -> Any:
        """The base class looks for `do_GET` and its like: every method is taken alike."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = httpx.Headers(list(self.headers.items()))
        # The answer is chosen before the request is shown, so that a test which awaits the one can script the next.
        answer = self.receiver._next_answer(self.path)
        self.receiver._record(Received(self.command, self.path, headers, body, datetime.now(UTC)))
        if answer.delay:
            self.receiver._released.wait(answer.delay)
        if answer.hang:
            self.receiver._released.wait()
        if answer.hang or answer.drop:
            self._reset()
            return
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        size = len(answer.body) if answer.size is None else answer.size
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command == "HEAD":
            return
        if answer.size is not None:
            for start in range(0, size, 65536):
                self.wfile.write(b"x" * min(65536, size - start))
        elif answer.pace:
            for byte in answer.body:
                self.wfile.write(bytes([byte]))
                time.sleep(answer.pace)
        else:
            self.wfile.write(answer.body)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if isinstance(self.connection, ssl.SSLSocket):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the test's output; `requests` holds all there is."""
