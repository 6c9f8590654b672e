"""Bounds on requests of all kinds but the direct routes: so many under way, and so many a minute of one address.

Direct routes (see ``web.front``) have bounds of their own and do not come by here: however many pages and letters are
opened, the console keeps its room. Who asks how the service is (health, readiness, metrics) always hears it.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from wherefrom.load import Load, Shed
from wherefrom.settings import Settings
from wherefrom.web.busy import BUSY, too_often
from wherefrom.web.rate import Rate
from wherefrom.web.requests import Proxies
from wherefrom.web.wire import send_reply

_ALWAYS = frozenset({"/healthz", "/readyz", "/metrics"})
_LETTERS = "/u/"  # a mail provider unsubscribes thousands from one address


class Crowd:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: Settings, load: Load) -> None:
        self._app = app
        self._most = settings.limits.requests
        self._proxies = Proxies(settings.server.trusted_proxies)
        self._load = load
        self._rate = Rate(settings.limits.requests_per_address)
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _ALWAYS:
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._most:
            self._load.note(Shed.REQUESTS)
            await send_reply(send, BUSY)
            return
        if not self._admits(scope):
            self._load.note(Shed.ADDRESS)
            await send_reply(send, too_often(self._rate.wait))
            return
        self._under_way += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way -= 1

    def _admits(self, scope: Scope) -> bool:
        peer = (scope.get("client") or ("",))[0]
        return scope["path"].startswith(_LETTERS) or self._rate.admits_address(
            self._proxies.find_visitor(peer, scope["headers"])
        )
