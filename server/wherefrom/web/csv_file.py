"""Rows as a CSV file that spreadsheets open (RFC 4180). Pure.

Whoever writes a letter or a name chooses what stands in a cell, and must not have it computed: a cell that a
spreadsheet would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

MARK = "\ufeff"
"""The byte order mark a file begins with, so that spreadsheets read UTF-8."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def harmless(cell: str) -> str:
    """``cell`` as text for any spreadsheet, whatever it begins with."""
    return "'" + cell if cell.lstrip(" \u00a0").startswith(_FORMULA) or cell[:1] in ("\t", "\r", "\n") else cell


def write_lines(rows: Iterable[Iterable[str]]) -> str:
    """The rows as lines of the file."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()
