"""The OpenAPI description of the management API, made from the operations themselves, so that it is true."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from wherefrom import __version__
from wherefrom.web.api import PREFIX, Operation

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "a stable name: urn:wherefrom:problem:…"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what was wrong"},
        "hint": {"type": "string", "description": "what to do"},
    },
}
_PARAMETER = re.compile(r"{(\w+)}")


def describe(
    operations: Iterable[Operation], public_url: str, others: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An OpenAPI 3.1 document. ``others``: paths that are no operations, as the document is to have them."""
    listed = list(operations)
    shapes = [shape for one in listed for shape in (one.body, one.query, one.answer) if shape is not None]
    schemas, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    of = dict(zip(map(id, shapes), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for one in listed:
        paths.setdefault(PREFIX + one.path, {})[one.method.lower()] = _entry(one, of, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Wherefrom", "version": __version__},
        "servers": [{"url": public_url}],
        "security": [{"key": []}, {"header": []}],
        "paths": {**paths, **(others or {})},
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "Api-key"},
            },
            "schemas": {**components, "Problem": _PROBLEM},
        },
    }


def _entry(one: Operation, of: dict[int, Any], components: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "summary": one.summary,
        "tags": [one.tag or one.path.strip("/").split("/")[-1].strip("{}")],
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in _PARAMETER.findall(one.path)
        ],
        "responses": {
            "default": {
                "description": "a problem, in words",
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
        },
    }
    if one.query is not None:
        shape = components[one.query.__name__]
        entry["parameters"] += [
            {"name": name, "in": "query", "required": name in shape.get("required", []), "schema": schema}
            for name, schema in shape["properties"].items()
        ]
    entry["parameters"] += [
        {"name": name, "in": "header", "required": False, "description": says, "schema": {"type": "string"}}
        for name, says in one.headers
    ]
    if one.body is not None:
        content = {"application/json": {"schema": of[id(one.body)]}}
        required = bool(components[one.body.__name__].get("required"))
        entry["requestBody"] = {"required": required, "content": content}
    if one.answer is None:
        entry["responses"]["204"] = {"description": "done"}
    else:
        shape = {"type": "string", "format": "binary"} if one.answer is bytes else of[id(one.answer)]
        content = {media: {"schema": shape} for media in one.media}
        entry["responses"][str(one.status)] = {"description": "the answer", "content": content}
    return entry
