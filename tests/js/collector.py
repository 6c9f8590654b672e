"""A small site with its collector: a real HTTP server on loopback, in threads of its own.

It serves the pages in ``pages/`` and those set on it, the built scripts, and the collector's two doors in their wire
form. It lends by rule: what ``targets`` names gets the substitute it names. How it misbehaves is set on it (``fault``).
Every host name leads the test browser here, so one server is the shop, its subdomain and the collector on another
origin.

It knows nothing of visits as the service has them: a token is ``token-N`` and stands for visit N.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from tests.support.certificates import Certificates
from tests.support.ports import LOOPBACK, free_port

HERE = Path(__file__).parent
JS = HERE.parent.parent / "js"
SCRIPT = JS / "dist" / "wf.js"
FULL_SCRIPT = JS / "dist" / "wf-full.js"
ROISTAT_SCRIPT = JS / "dist" / "wf-roistat.js"
SCRIPTS = {"-full.js": FULL_SCRIPT, "-roistat.js": ROISTAT_SCRIPT, "wf.js": SCRIPT}
LIBRARIES = {
    "/library/react.js": JS / "node_modules/react/umd/react.production.min.js",
    "/library/react-dom.js": JS / "node_modules/react-dom/umd/react-dom.production.min.js",
    "/library/react-dom-server.js": JS / "node_modules/react-dom/umd/react-dom-server-legacy.browser.production.min.js",
    "/library/vue.js": JS / "node_modules/vue/dist/vue.global.prod.js",
}

Fault = Literal["", "hang", "500", "404", "garbage", "not-an-object", "wrong-shapes", "wrong-times", "cut"]
ODD_BODIES: dict[str, bytes] = {
    "garbage": b"<html>we are sorry</html>",
    "not-an-object": b'["no", "object"]',
    "wrong-shapes": b'{"visit":7,"enabled":true,"heartbeat":60,"substitutes":{"sales@company.com":{"address":5}}}',
    "wrong-times": b'{"visit":"7","enabled":true,"heartbeat":"x","substitutes":{}}',
}


@dataclass(frozen=True)
class Told:
    """One request to the collector. ``kind``: visits or signals."""

    kind: str
    body: dict[str, Any]
    headers: Mapping[str, str]


@dataclass
class Collector:
    """Listens from ``start`` to ``stop``; the port stays."""

    targets: dict[str, str] = field(default_factory=lambda: {"sales@company.com": "sales+k7f3q9x2@company.com"})
    expires_in: int = 900
    heartbeat: int = 60
    enabled: bool = True
    dropped: bool = False
    fault: Fault = ""
    attributes: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    inline: str = ""
    missing: set[str] = field(default_factory=set)
    off: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    source_only: bool = False
    sources: dict[str, str] = field(default_factory=lambda: {"sales@company.com": "sales+source77@company.com"})
    pages: dict[str, str] = field(default_factory=dict)
    certificates: Certificates | None = None

    def __post_init__(self) -> None:
        self.port = free_port()
        self.visit = 100
        self._told: list[Told] = []
        self.fetched: list[str] = []  # paths of all that was got
        self._news = threading.Condition()
        self._released = threading.Event()
        self.open = threading.Event()  # cleared: answers to v1/visits wait until it is set
        self.open.set()
        self._server: ThreadingHTTPServer | None = None

    def url(self, path: str = "/", host: str = "shop.example") -> str:
        return f"{'https' if self.certificates else 'http'}://{host}:{self.port}{path}"

    def start(self) -> None:
        self._released.clear()
        self._server = _Server((LOOPBACK, self.port), type("Handler", (_Handler,), {"collector": self}))
        if self.certificates:
            context = self.certificates.server_context()
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Refuses connections from now on."""
        self._released.set()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    # what was told

    @property
    def visits(self) -> list[dict[str, Any]]:
        """Bodies of all requests to ``v1/visits``."""
        return [told.body for told in self.all_told() if told.kind == "visits"]

    @property
    def signals(self) -> list[dict[str, Any]]:
        """Bodies of all requests to ``v1/signals``."""
        return [told.body for told in self.all_told() if told.kind == "signals"]

    @property
    def pageviews(self) -> list[dict[str, Any]]:
        return [body for body in self.visits if body["pageview"]]

    @property
    def asked(self) -> list[str]:
        """All addresses asked for, in order, as often as they were."""
        return [address for body in self.visits for address in body["addresses"]]

    def all_told(self) -> list[Told]:
        with self._news:
            return list(self._told)

    def wait(self, condition: Callable[[], bool], timeout: float = 40.0) -> None:
        """Returns when ``condition`` holds, looked at after every request. AssertionError after ``timeout`` seconds."""
        deadline = time.monotonic() + timeout
        with self._news:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise AssertionError(f"in vain; told so far: {self._told}")

    def serves(self, ending: str) -> bool:
        """Whether the scripts whose names end so are there; ``missing`` names those that are not."""
        return ending not in self.missing

    def record(self, told: Told) -> None:
        with self._news:
            self._told.append(told)
            self._news.notify_all()

    def hang(self) -> None:
        """Waits until the server is stopped."""
        self._released.wait()

    # what is answered

    def answer(self, body: Mapping[str, Any]) -> dict[str, Any]:
        if self.dropped:
            return {"visit": None, "enabled": False, "substitutes": {}, "heartbeat": self.heartbeat}
        if self.source_only or body.get("consent") == "none":
            return self._answer_source(body)
        lent = {address: self.targets[address] for address in body["addresses"] if address in self.targets}
        return {
            "visit": str(self.visit),
            "first_visit": "100",
            "token": f"token-{self.visit}",
            "visitor": "visitor-1",
            "new": body["visit"] is None if "visit" in body else True,
            "marker": "fb_new",
            "geo": {"city": "New York", "country": "USA", "region": "NY"},
            "enabled": self.enabled,
            "substitutes": {
                target: {"address": address, "expires_in": self.expires_in} for target, address in lent.items()
            },
            "heartbeat": self.heartbeat,
            **({"off": self.off} if self.off else {}),
            **({"hosts": self.hosts} if self.hosts else {}),
        }

    def _answer_source(self, body: Mapping[str, Any]) -> dict[str, Any]:
        lent = {address: self.sources[address] for address in body["addresses"] if address in self.sources}
        return {
            "visit": None,
            "token": None,
            "visitor": None,
            "marker": "fb_new",
            "enabled": self.enabled,
            "source_only": True,
            "substitutes": {target: {"address": address, "expires_in": 86400} for target, address in lent.items()},
            "heartbeat": self.heartbeat,
            **({"off": self.off} if self.off else {}),
        }

    def tag(self) -> str:
        """The script tag; an attribute set to "" in ``attributes`` has no value."""
        attributes = {"async": "", "src": "/wf.js", "data-site": "KEY", "data-webdriver": "allow"} | self.attributes
        written = " ".join(f'{name}="{value}"' if value else name for name, value in attributes.items())
        return f"{self.inline}<script {written}></script>"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    collector: Collector
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.collector.fetched.append(path)
        if path in LIBRARIES:
            return self._send(200, LIBRARIES[path].read_bytes(), "text/javascript")
        if path == "/hang":
            self.close_connection = True
            return self.collector.hang()
        if path == "/favicon.ico":
            return self._send(204, b"", "")
        for ending, script in SCRIPTS.items():
            if path.endswith(ending) and self.collector.serves(ending):
                headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "max-age=3600"}
                return self._send(200, script.read_bytes(), "text/javascript", headers)
        if path in self.collector.pages:
            html = self.collector.pages[path].replace("<!--wherefrom-->", self.collector.tag())
            return self._send(200, html.encode(), "text/html; charset=utf-8", self.collector.headers)
        file = HERE / "pages" / (path.strip("/").replace("/", "-") or "plain.html")
        if file.suffix == ".js" and file.is_file():
            return self._send(200, file.read_bytes(), "text/javascript")
        if not file.is_file():
            return self._send(404, b"nothing here", "text/plain")
        html = file.read_text().replace("<!--wherefrom-->", self.collector.tag())
        return self._send(200, html.encode(), "text/html; charset=utf-8", self.collector.headers)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0]
        kind = "signals" if path.endswith("signals") else "visits"
        collector, fault = self.collector, self.collector.fault
        body = json.loads(raw)
        collector.record(Told(kind, body, {"path": path} | {k.lower(): v for k, v in self.headers.items()}))
        if fault == "hang":
            collector.hang()
            self.close_connection = True
            return None
        if fault in ("500", "404"):
            return self._send(int(fault), b'{"title":"no"}', "application/problem+json", self._cors())
        if fault == "cut":
            self.close_connection = True
            return None
        if fault:
            return self._send(200, ODD_BODIES[fault], "application/json", self._cors())
        if kind == "signals":
            return self._send(204, b"", "", self._cors())
        collector.open.wait(60)
        answer = json.dumps(collector.answer(body)).encode()
        return self._send(200, answer, "application/json", self._cors())

    def _cors(self) -> dict[str, str]:
        origin = self.headers.get("Origin")
        return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else {}

    def _send(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
