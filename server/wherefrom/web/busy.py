"""The answer to who is turned away because there is too much to do."""

from __future__ import annotations

from starlette.types import Receive, Scope, Send

from wherefrom.load import RETRY_SECONDS

BODY = (
    b'{"type":"urn:wherefrom:problem:unavailable","title":"Not available right now","status":503,'
    b'"detail":"more is asked than the service can do","hint":"try again in a moment"}'
)
HEADERS = [
    (b"content-type", b"application/problem+json"),
    (b"retry-after", b"%d" % RETRY_SECONDS),
    (b"cache-control", b"no-store"),
    (b"access-control-allow-origin", b"*"),  # it says nothing of anybody, and the script may read why
]
_LENGTH = (b"content-length", b"%d" % len(BODY))


async def answer_busy(_scope: Scope, _receive: Receive, send: Send) -> None:
    """503 with Retry-After, as an ASGI application; made long before, since it has to cost next to nothing."""
    await send({"type": "http.response.start", "status": 503, "headers": [*HEADERS, _LENGTH]})
    await send({"type": "http.response.body", "body": BODY})
