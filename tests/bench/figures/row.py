"""The shape in which a benchmark hands in what it measured.

A benchmark stays a program of its own that prints for people. To be in the table of `make bench` it takes ``--json
FILE`` and hands in rows at its end:

    parser = argparse.ArgumentParser(description=__doc__)
    add_json_option(parser)
    …
    hand_in(
        [Row("visits a second, SQLite", 5_400, "/s", against="bare Starlette JSON", ratio=0.86, least=0.85)],
        options.json,
    )

and is named in ``tests.bench.figures.plan``. Knows nothing of what is measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One figure: ``value`` in ``unit`` ("ms", "MB", "/s", "" for a bare number).

    ``against`` names what stood beside it in the same run, and ``ratio`` is that of the two. The goal, ``least`` or
    ``most``, is of the ratio where there is one, of the value where there is none; a row without a goal is for
    reading only.
    """

    what: str
    value: float
    unit: str = ""
    against: str = ""
    ratio: float | None = None
    least: float | None = None
    most: float | None = None

    @property
    def is_reached(self) -> bool | None:
        """None: there is no goal."""
        told = self.value if self.ratio is None else self.ratio
        if self.least is None and self.most is None:
            return None
        return (self.least is None or told >= self.least) and (self.most is None or told <= self.most)


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows for `make bench` there, too")


def hand_in(rows: Sequence[Row], file: Path | None) -> None:
    """Writes the rows to ``file``; None (the benchmark runs by itself) writes nothing."""
    if file is not None:
        file.write_bytes(msgspec.json.encode(list(rows)))


def read_rows(file: Path) -> list[Row]:
    """What ``hand_in`` wrote; ValueError when the benchmark handed in nothing, or something else than rows."""
    try:
        rows = msgspec.json.decode(file.read_bytes(), type=list[Row])
    except (FileNotFoundError, msgspec.MsgspecError) as error:
        raise ValueError(f"the benchmark handed in no rows: {error}") from error
    if not rows:
        raise ValueError("the benchmark handed in no rows: the list is empty")
    return rows
