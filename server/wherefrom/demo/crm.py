"""The demo CRM: takes the webhook as a real one would, checks its signature, and answers with a deal number."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

_HERE = Path(__file__).parent
_KEPT = 50


@dataclass(slots=True)
class Crm:
    """The CRM's memory: the last bodies that came, newest first, and which letters became which deal."""

    secret: str = ""
    received: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    deals: dict[str, str] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.page),
                Route("/received.json", self.list),
                Route("/hook", self.take, methods=["POST"]),
                Mount("/static", StaticFiles(directory=_HERE / "static")),
            ]
        )

    async def page(self, _request: Request) -> Response:
        return FileResponse(_HERE / "templates" / "crm.html")

    async def list(self, _request: Request) -> Response:
        return JSONResponse(list(self.received), headers={"cache-control": "no-store"})

    async def take(self, request: Request) -> Response:
        body = await request.body()
        try:
            Webhook(self.secret).verify(body, dict(request.headers))
        except WebhookVerificationError as fault:
            return JSONResponse({"error": f"the signature does not fit: {fault}"}, 401)
        # The same delivery may come twice (a lost answer is tried again): one deal per webhook-id.
        delivery = request.headers["webhook-id"]
        number = self.deals.setdefault(delivery, f"D-{1001 + len(self.deals)}")
        self.received.appendleft(
            {"at": datetime.now(UTC).isoformat(), "deal": number, "id": delivery, "body": json.loads(body)}
        )
        return JSONResponse({"deal": {"number": number}})
