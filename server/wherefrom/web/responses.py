"""Answers: JSON, problem details, and the headers that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from wherefrom.db.faults import describe
from wherefrom.errors import Unavailable, WherefromError

RETRY_SECONDS = "5"
"""When to come again after a 503: as soon as what is away for a moment may be back."""


def told(fault: Exception) -> WherefromError:
    """``fault`` as it is told outside: what our surroundings do to us in words, and nothing of a fault of our own."""
    if isinstance(fault, WherefromError):
        return fault
    words = describe(fault)
    if words is None:
        return WherefromError("the service met a fault it did not expect; it is in the log", hint="try again")
    hint = "try again in a moment; if it stays so, whoever runs the service finds more at /readyz and in its log"
    return Unavailable(words, hint=hint)


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``value`` (msgspec-encodable) as ``application/json``."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def problem_of(error: WherefromError) -> dict[str, Any]:
    """RFC 9457 problem details: ``type`` (a stable URN), ``title``, ``status``, ``detail``, ``hint`` and the
    error's extra members."""
    problem = {
        "type": f"urn:wherefrom:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }
    if error.hint:
        problem["hint"] = error.hint
    problem.update({name: value for name, value in error.extra.items() if name not in problem})
    return problem


def problem_response(error: WherefromError, headers: Mapping[str, str] | None = None) -> Response:
    """``problem_of`` as an answer. How long to wait (``extra["retry_after"]``) is told as Retry-After, too."""
    wait = error.extra.get("retry_after")
    told = {"retry-after": str(wait), **(headers or {})} if wait else headers
    return Response(msgspec.json.encode(problem_of(error)), error.status, told, media_type="application/problem+json")
