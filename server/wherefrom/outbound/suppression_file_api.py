"""The management API of suppressions as files: lists come in from another system, and go out whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal

from msgspec import Struct
from starlette.responses import StreamingResponse

from wherefrom.db import Tx
from wherefrom.errors import NotFound
from wherefrom.outbound.store import suppressions as store
from wherefrom.outbound.suppression import Suppression
from wherefrom.outbound.suppression_file import COLUMNS, Format, Problem, Row, parse_file, render_csv, render_jsonl
from wherefrom.web.api import Call, Operation

_AT_ONCE = 500
_MOST_TOLD = 100
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


class ImportSuppressions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``content`` is the file's text, at most a megabyte: CSV with a column ``email`` (and ``list``, ``reason``,
    ``detail``), addresses alone, or JSON lines of the same names. ``list`` and ``reason`` may be missing: all mail, by
    hand."""

    content: str
    format: Literal["csv", "jsonl"] = "csv"


class BadLine(Struct, frozen=True, kw_only=True):
    """A line that was not understood."""

    line: int
    text: str
    why: str


class ImportedSuppressions(Struct, frozen=True, kw_only=True):
    """``added`` are new, ``known`` were there already; ``bad`` lines were left out, of which the first hundred are in
    ``problems``."""

    added: int
    known: int
    bad: int
    problems: list[BadLine]


class ExportSuppressions(Struct, frozen=True, kw_only=True):
    """``active`` true (default) gives those that hold, false all that ever were."""

    active: bool = True


async def _import(call: Call) -> ImportedSuppressions:
    body: ImportSuppressions = call.body
    lines = list(parse_file(body.content, body.format))
    rows = [one for one in lines if isinstance(one, Row)]
    problems = [one for one in lines if isinstance(one, Problem)]
    added = 0
    for at in range(0, len(rows), _AT_ONCE):
        async with call.services.db.write() as tx:
            added += await _add(tx, call, rows[at : at + _AT_ONCE])
    return ImportedSuppressions(
        added=added,
        known=len(rows) - added,
        bad=len(problems),
        problems=[BadLine(line=one.number, text=one.text, why=one.why) for one in problems[:_MOST_TOLD]],
    )


async def _add(tx: Tx, call: Call, rows: Sequence[Row]) -> int:
    """How many were new."""
    now, ids = call.services.clock.now(), call.services.ids
    new = [
        Suppression(
            site_id=call.site_id,
            id=ids.next(),
            email=one.email,
            scope=one.scope,
            reason=one.reason,
            detail=one.detail or "imported",
            send_id=None,
            created_at=now,
            created_by=f"key {call.holder.key_id}",
        )
        for one in rows
    ]
    return sum([await store.add_suppression(tx, one) for one in new])


async def _export(call: Call) -> StreamingResponse:
    query: ExportSuppressions = call.query
    form = call.path["format"]
    if form not in _TYPES:
        raise NotFound(f"suppressions are not written as “{form[:20]}”", hint="ask for csv or jsonl")
    name = f"suppressions.{form}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    lines = _stream(call, "csv" if form == "csv" else "jsonl", query.active)
    return StreamingResponse(lines, headers=headers, media_type=_TYPES[form])


async def _stream(call: Call, form: Format, active: bool) -> AsyncIterator[str]:
    """A page at a time; each is a transaction of its own, so that a slow reader holds none open."""
    if form == "csv":
        yield ",".join(COLUMNS) + "\r\n"
    before: int | None = None
    while True:
        async with call.services.db.read() as tx:
            found = await store.list_suppressions(
                tx, call.site_id, limit=_AT_ONCE, before=before, active=True if active else None
            )
        yield render_csv(found) if form == "csv" else render_jsonl(found)
        if len(found) < _AT_ONCE:
            return
        before = found[-1].id


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "POST", "/sites/{site}/suppressions/import", "Take over a list of addresses that are not to be mailed", _import,
        body=ImportSuppressions, answer=ImportedSuppressions, tag="suppressions",
    ),
    Operation(
        "GET", "/sites/{site}/suppressions/export/{format}", "Download all suppressions as csv or jsonl", _export,
        query=ExportSuppressions, answer=bytes, tag="suppressions",
        media=tuple(one.partition(";")[0] for one in _TYPES.values()),
    ),
)  # fmt: skip
