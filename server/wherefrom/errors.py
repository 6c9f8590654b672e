"""The tree of errors a person or a program outside may meet.

Every error says what was wrong (``str(error)``), what to do (``hint``) and where (``extra``), and knows the HTTP
status and the stable ``code`` under which it leaves the service as RFC 9457 problem details.

    WherefromError
    ├── BadInput 400 ─ Unauthorized 401 ─ Forbidden 403 ─ NotFound 404 ─ Conflict 409
    ├── TooLarge 413 ─ Unprocessable 422 ─ TooMany 429 ─ Unavailable 503
    └── SettingsError (stops the start, never an HTTP answer)
"""

from __future__ import annotations

from typing import Any, ClassVar


class WherefromError(Exception):
    """Base of all. ``extra`` holds JSON-able facts about the place, such as ``{"field": "host"}``."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Something went wrong inside"

    def __init__(self, detail: str, *, hint: str = "", **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.extra = extra


class BadInput(WherefromError):
    status = 400
    code = "bad-input"
    title = "The input is not understood"


class Unauthorized(WherefromError):
    status = 401
    code = "unauthorized"
    title = "Who are you?"


class Forbidden(WherefromError):
    status = 403
    code = "forbidden"
    title = "Not allowed"


class NotFound(WherefromError):
    status = 404
    code = "not-found"
    title = "Not found"


class Conflict(WherefromError):
    status = 409
    code = "conflict"
    title = "It is there already"


class TooLarge(WherefromError):
    status = 413
    code = "too-large"
    title = "Too large"


class Unprocessable(WherefromError):
    status = 422
    code = "unprocessable"
    title = "The values do not fit"


class TooMany(WherefromError):
    status = 429
    code = "too-many"
    title = "Too many tries"


class Unavailable(WherefromError):
    status = 503
    code = "unavailable"
    title = "Not available right now"


class SettingsError(WherefromError):
    """A setting is wrong. The detail names the key, the file and the accepted form."""

    code = "settings"
    title = "The settings are wrong"
