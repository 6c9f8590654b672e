"""Answers: JSON, problem details, and the headers that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from wherefrom.errors import WherefromError


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """``value`` (msgspec-encodable) as ``application/json``."""
    return Response(msgspec.json.encode(value), status, headers, media_type="application/json")


def problem_response(error: WherefromError, headers: Mapping[str, str] | None = None) -> Response:
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
    return Response(msgspec.json.encode(problem), error.status, headers, media_type="application/problem+json")
