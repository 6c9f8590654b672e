"""The answers to who is turned away: there is too much to do, or one asks too often.

Made long before, since they have to cost next to nothing. They say nothing of anybody, hence every page may read them.
"""

from __future__ import annotations

import msgspec

from wherefrom.errors import TooMany, Unavailable, WherefromError
from wherefrom.load import RETRY_SECONDS
from wherefrom.web.responses import problem_of
from wherefrom.web.wire import Head, Reply

_HEADERS = [
    (b"content-type", b"application/problem+json"),
    (b"cache-control", b"no-store"),
    (b"access-control-allow-origin", b"*"),
]
_RETRY = b"retry-after"


def _body(error: WherefromError) -> bytes:
    return msgspec.json.encode(problem_of(error))


BUSY = Head(503, _HEADERS).reply(
    _body(Unavailable("more is asked than the service can do", hint="try again in a moment")),
    _RETRY,
    b"%d" % RETRY_SECONDS,
)
_TOO_OFTEN = Head(429, _HEADERS)
_ADDRESS = _body(
    TooMany("your network address asks more often than is allowed", hint="wait as long as Retry-After says")
)


def too_often(wait: int) -> Reply:
    """To an address that asks too often; ``wait`` seconds."""
    return _TOO_OFTEN.reply(_ADDRESS, _RETRY, b"%d" % wait)
