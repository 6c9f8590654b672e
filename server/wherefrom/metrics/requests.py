"""Counts and times what the web side answers, by area, method and status class.

Wrapped round the whole app only where metrics are on: it costs some microseconds a request.
"""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wherefrom.settings import CollectorGroup
from wherefrom.web.front import Doors

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_AREAS = (
    ("/o/", "open"), ("/c/", "click"), ("/u/", "unsubscribe"), ("/api/", "api"), ("/healthz", "health"),
    ("/readyz", "health"), ("/metrics", "health"), ("/static/", "static"), ("/sites/", "console"),
)  # fmt: skip


class CountedApp:
    """``app``, with every HTTP request counted in ``registry``; so are those that its ``doors`` take past it."""

    def __init__(
        self, app: ASGIApp, collector: CollectorGroup, registry: CollectorRegistry, doors: Doors | None = None
    ) -> None:
        self._app = app
        self.doors = doors
        if doors is not None:
            doors.note = self._note
        self._exact = {collector.visits_path: "visits", collector.signals_path: "signals"}
        self._script = collector.script_path.rpartition(".")[0] or collector.script_path
        labels = ("area", "method", "status")
        self._count = Counter("wherefrom_http_requests", "Requests answered.", labels, registry=registry)
        self._seconds = Histogram(
            "wherefrom_http_request_seconds", "Time to the end of the answer.", ("area",), registry=registry,
            buckets=_SECONDS,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, tell)
        finally:
            self._note(scope["method"], scope["path"], status, time.perf_counter() - begun)

    def _note(self, method: str, path: str, status: int, seconds: float) -> None:
        area, method = self.area(path), method if method in _METHODS else "other"
        self._count.labels(area, method, f"{status // 100}xx" if status else "none").inc()
        self._seconds.labels(area).observe(seconds)

    def area(self, path: str) -> str:
        """What part of the service a path belongs to; few values, whatever is asked for."""
        if path in self._exact:
            return self._exact[path]
        if path.startswith(self._script):
            return "script"
        return next((area for prefix, area in _AREAS if path.startswith(prefix)), "other")
