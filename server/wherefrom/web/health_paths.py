"""``/healthz`` and ``/readyz`` as the OpenAPI document has them; ``health`` answers them. They ask for no key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_WORDS = {"type": "array", "items": {"type": "string"}}

_ALIVE = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"enum": ["alive", "stopping"]}},
}
_WORKER = {
    "type": "object",
    "required": ["name", "status", "beat_at", "restarts"],
    "properties": {
        "name": {"type": "string"},
        "status": {"enum": ["starting", "running", "failed", "stopped"]},
        "beat_at": {"type": ["string", "null"], "format": "date-time", "description": "when it last looked for work"},
        "restarts": {"type": "integer"},
    },
}
_READY = {
    "type": "object",
    "required": ["status", "problems", "notices", "database", "workers"],
    "properties": {
        "status": {"enum": ["ready", "not ready"]},
        "problems": {**_WORDS, "description": "what keeps this process from its work"},
        "notices": {**_WORDS, "description": "what is wrong elsewhere, or soon will be"},
        "database": {"type": ["string", "null"], "description": "its schema's revision, or what is wrong with it"},
        "workers": {"type": "array", "items": _WORKER},
    },
}


def _path(summary: str, shape: Mapping[str, Any], well: str, ill: str) -> dict[str, Any]:
    content = {"application/json": {"schema": shape}}
    return {
        "get": {
            "summary": summary,
            "tags": ["health"],
            "parameters": [],
            "security": [],
            "responses": {
                "200": {"description": well, "content": content},
                "503": {"description": ill, "content": content},
            },
        }
    }


HEALTH_PATHS: Mapping[str, Any] = {
    "/healthz": _path("Does the process live?", _ALIVE, "it does", "it is going to stop: ask another one"),
    "/readyz": _path("Can it do its work?", _READY, "it can", "it cannot: see problems"),
}
