"""Addresses that are not to be mailed, as files: what another system hands over, and what is handed back. Pure.

    CSV         a header with ``email``, and ``list``, ``reason``, ``detail`` where known; or bare addresses, one a line
    JSON lines  {"email": …, "list": …, "reason": …, "detail": …}

Commas, semicolons or tabs; further columns are passed over. A line that is not understood is told with its number, and
keeps none of the others from coming in.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from wherefrom.contacts.contact import parse_email, parse_line
from wherefrom.errors import BadInput
from wherefrom.outbound.erased import PREFIX
from wherefrom.outbound.suppression import REASONS, Reason, Suppression
from wherefrom.web.csv_file import harmless, write_lines

Format = Literal["csv", "jsonl"]
COLUMNS = ("email", "list", "reason", "detail", "send_id", "created_at", "created_by", "undone_at", "undone_by")
MOST_LINES = 20_000

_REASONS: dict[str, Reason] = {
    "": "manual", "manual": "manual", "unsubscribed": "unsubscribed", "unsubscribe": "unsubscribed",
    "unsubscription": "unsubscribed", "opt-out": "unsubscribed", "optout": "unsubscribed", "complained": "complained",
    "complaint": "complained", "spam": "complained", "spamreport": "complained", "bounced": "bounced",
    "bounce": "bounced", "hard_bounce": "bounced", "hard bounce": "bounced", "hardbounce": "bounced",
}  # fmt: skip
_HEADS = frozenset(("email", "e-mail", "address", "email address", "emailaddress"))
_LONGEST_LIST = 100
_LONGEST_DETAIL = 500


class Row(Struct, frozen=True):
    """One line that was understood. ``number`` is the line's, from 1."""

    number: int
    email: str
    scope: str
    reason: Reason
    detail: str


class Problem(Struct, frozen=True):
    """One line that was not, and why."""

    number: int
    text: str
    why: str


def parse_file(content: str, form: Format) -> Iterator[Row | Problem]:
    """What each line says; empty ones are passed over. BadInput when there are too many, or no column of addresses."""
    content = content.removeprefix("\ufeff")
    if content.count("\n") > MOST_LINES:
        raise BadInput(f"more than {MOST_LINES} lines at once", hint="hand the file in in parts", field="content")
    for number, values in _lines_of_json(content) if form == "jsonl" else _lines_of_csv(content):
        yield values if isinstance(values, Problem) else _row(number, values)


def render_csv(found: Iterable[Suppression]) -> str:
    """Lines without the header. An address that was erased is left out, and nothing is what a spreadsheet computes."""
    return write_lines([harmless(value) for value in _values(one)] for one in found if _is_known(one))


def render_jsonl(found: Iterable[Suppression]) -> str:
    """A line of JSON for each; an address that was erased is left out."""
    lines = (dict(zip(COLUMNS, _values(one), strict=True)) for one in found if _is_known(one))
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def _lines_of_csv(content: str) -> Iterator[tuple[int, Mapping[str, Any] | Problem]]:
    first = content.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(content), delimiter=delimiter)
    names: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if names is None:
                names, is_header = _names(cells)
                if is_header:
                    continue
            yield reader.line_num, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        yield reader.line_num, Problem(reader.line_num, "", f"it is no CSV: {error}")


def _names(cells: list[str]) -> tuple[list[str], bool]:
    """The columns' names, and whether ``cells`` are that header."""
    heads = [cell.strip().lower() for cell in cells]
    found = next((name for name in heads if name in _HEADS), None)
    if found is not None:
        return ["email" if name == found else name for name in heads], True
    if "@" in cells[0]:
        return ["email"], False
    raise BadInput(
        "the first line names no column of addresses",
        hint="call it “email”, or hand in addresses alone",
        field="content",
    )


def _lines_of_json(content: str) -> Iterator[tuple[int, Mapping[str, Any] | Problem]]:
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            yield number, Problem(number, line[:80], "it is no JSON")
            continue
        yield number, values if isinstance(values, dict) else Problem(number, line[:80], "it is no JSON object")


def _row(number: int, values: Mapping[str, Any]) -> Row | Problem:
    text = {name: str(values.get(name) or "").strip() for name in ("email", "list", "reason", "detail")}
    address = text["email"].removeprefix("'")
    if not address.isprintable():
        return Problem(number, "", "there are control characters in the address")
    reason = _REASONS.get(text["reason"].lower())
    if reason is None:
        return Problem(number, address[:80], f"the reason “{text['reason'][:40]}” is none of {', '.join(REASONS)}")
    try:
        email = parse_email(address)
        scope = parse_line(text["list"], "list", _LONGEST_LIST)
        detail = parse_line(text["detail"][:_LONGEST_DETAIL], "detail", _LONGEST_DETAIL)
    except BadInput as error:
        return Problem(number, address[:80], error.detail)
    return Row(number, email, scope, reason, detail)


def _is_known(one: Suppression) -> bool:
    return not one.email.startswith(PREFIX)


def _values(one: Suppression) -> tuple[str, ...]:
    return (
        one.email, one.scope, one.reason, one.detail, "" if one.send_id is None else str(one.send_id),
        one.created_at.isoformat(), one.created_by, one.undone_at.isoformat() if one.undone_at else "", one.undone_by,
    )  # fmt: skip
