"""Bounds on requests of all kinds but the direct routes: so many under way, and so many a minute of one address.

Direct routes (see ``web.front``) have bounds of their own and do not come by here: however many pages and letters are
opened, the console keeps its room. Who asks how the service is (health, readiness, metrics) always hears it.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from wherefrom.errors import TooMany
from wherefrom.load import Load, Shed
from wherefrom.settings import Settings
from wherefrom.web.busy import answer_busy
from wherefrom.web.rate import Rate
from wherefrom.web.requests import client_ip
from wherefrom.web.responses import problem_response

_ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})
_LETTERS = "/u/"  # a mail provider unsubscribes thousands from one address


class Crowd:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings, load: Load) -> None:
        self._app = app
        self._settings = settings
        self._load = load
        self._rate = Rate(settings.limits.requests_per_address)
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._settings.limits.requests:
            self._load.note(Shed.REQUESTS)
            await answer_busy(scope, receive, send)
            return
        if not self._rate.admits_address(client_ip(Request(scope), self._settings)) and not scope["path"].startswith(
            _LETTERS
        ):
            self._load.note(Shed.ADDRESS)
            await problem_response(*too_often("your network address", self._rate))(scope, receive, send)
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1


def too_often(who: str, rate: Rate) -> tuple[TooMany, dict[str, str]]:
    """The error who asks too often hears, and the header that goes with it."""
    wait = rate.wait
    hint = f"wait {wait} seconds; what is allowed is in [limits] of the settings"
    return TooMany(f"{who} asks more often than is allowed", hint=hint, retry_after=wait), {"retry-after": str(wait)}
