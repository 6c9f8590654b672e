"""Traffic as a CSV file, one row a visit: read with errors that name line and column, and written.

    started_at,left_at,exposed_at,intent,intent_at,wrote_at
    50403.2,50581.0,50420.9,copy,50455.1,52010.4
    50410.0,50420.5,,,,

Times are seconds from any start, empty for never. ``intent`` is mailto, copy, select or empty: nothing was noticed;
then ``intent_at`` is of no account. Columns may stand in any order and others beside them; rows need no order.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TextIO, cast

from wherefrom.errors import BadInput
from wherefrom.simulation.visit import Intent, SimulatedVisit

COLUMNS: Final = ("started_at", "left_at", "exposed_at", "intent", "intent_at", "wrote_at")
MOST_VISITS = 2_000_000

_INTENTS: Final = ("", "mailto", "copy", "select")
_LATEST = 2.5e11  # the year 9892 when seconds are counted from 1970: what a datetime holds
_LONGEST_SHOWN = 40
_FORM = "one visit a row: " + ",".join(COLUMNS)


def read_visits(path: Path) -> list[SimulatedVisit]:
    """The visits of a file, by their start. BadInput names the line, the column and what is accepted."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            visits = _read(path, file)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}", hint=f"name a CSV file, {_FORM}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not UTF-8 text (byte {error.start})", hint=f"save it as CSV, {_FORM}") from None
    return sorted(visits, key=lambda one: one.started_at)


def write_visits(file: TextIO, visits: Iterable[SimulatedVisit]) -> int:
    """Writes the header and a row a visit, times to the millisecond; how many visits."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    number = 0
    for one in visits:
        times = (one.started_at, one.left_at, one.exposed_at, one.intent_at, one.wrote_at)
        started, left, exposed, intent_at, wrote = ("" if at is None else f"{at:.3f}" for at in times)
        writer.writerow((started, left, exposed, one.intent, intent_at, wrote))
        number += 1
    return number


def _read(path: Path, file: TextIO) -> list[SimulatedVisit]:
    reader = csv.reader(file, strict=True)
    try:
        places = _places(path, next(reader, []))
        visits: list[SimulatedVisit] = []
        for row in reader:
            if not row:
                continue
            if len(visits) == MOST_VISITS:
                raise BadInput(f"{path}: has more than {MOST_VISITS} visits", hint="simulate a part of them")
            visits.append(_Line(path, reader.line_num, places, row).visit())
    except csv.Error as error:
        raise BadInput(f"{path}, line {reader.line_num}: is not CSV: {error}", hint=_FORM) from None
    if not visits:
        raise BadInput(f"{path}: has no visits", hint=_FORM)
    return visits


def _places(path: Path, header: Sequence[str]) -> dict[str, int]:
    names = [name.strip().lower() for name in header]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise BadInput(
            f"{path}, line 1: the column {missing[0]} is missing" if names else f"{path}: is empty",
            hint=f"the first line names the columns: {','.join(COLUMNS)}",
        )
    twice = next((name for name in COLUMNS if names.count(name) > 1), None)
    if twice:
        raise BadInput(f"{path}, line 1: the column {twice} stands there twice", hint="leave one of them out")
    return {name: names.index(name) for name in COLUMNS}


class _Line:
    """One row, and where it stands."""

    def __init__(self, path: Path, number: int, places: Mapping[str, int], row: Sequence[str]) -> None:
        self._path, self._number, self._places, self._row = path, number, places, row

    def visit(self) -> SimulatedVisit:
        started, left = self._time("started_at"), self._time("left_at")
        if started is None or left is None:
            name = "started_at" if started is None else "left_at"
            raise self._error(name, "is empty", "every visit starts and ends: give its seconds")
        if left < started:
            raise self._error("left_at", f"{left:g} is before started_at {started:g}", "a visit ends after it starts")
        exposed, wrote, intent = self._time("exposed_at"), self._time("wrote_at"), self._intent()
        intent_at = self._time("intent_at") if intent else None
        if intent and intent_at is None:
            raise self._error("intent_at", f"is empty beside intent {intent}", "give seconds, or leave intent empty")
        for name, at in (("exposed_at", exposed), ("intent_at", intent_at), ("wrote_at", wrote)):
            if at is not None and at < started:
                raise self._error(name, f"{at:g} is before started_at {started:g}", "it happens in the visit or later")
        visit = SimulatedVisit(started, left, exposed, intent, intent_at, wrote)
        if wrote is not None and visit.asked_at is not None and wrote < visit.asked_at:
            raise self._error("wrote_at", f"{wrote:g} is before the address was seen", "nobody writes before that")
        return visit

    def _intent(self) -> Intent:
        text = self._text("intent").lower()
        if text not in _INTENTS:
            shown = text[:_LONGEST_SHOWN]
            raise self._error("intent", f"“{shown}” is no intent", "write mailto, copy, select or nothing")
        return cast(Intent, text)

    def _time(self, name: str) -> float | None:
        text = self._text(name)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (0 <= value <= _LATEST):
            raise self._error(
                name, f"“{text[:_LONGEST_SHOWN]}” is no time", "write seconds such as 50403.2, or nothing for never"
            )
        return value

    def _text(self, name: str) -> str:
        place = self._places[name]
        if place >= len(self._row):
            raise self._error(name, f"is missing, the row has {len(self._row)} fields", f"write {','.join(COLUMNS)}")
        return self._row[place].strip()

    def _error(self, name: str, what: str, hint: str) -> BadInput:
        return BadInput(f"{self._path}, line {self._number}, column {name}: {what}", hint=hint, field=name)
