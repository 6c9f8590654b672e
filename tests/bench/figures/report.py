"""What one run of all benchmarks found: as JSON, as a table for a terminal, as a section of the README."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.bench.figures.machine import QUIET, Machine
from tests.bench.figures.plan import PLAN
from tests.bench.figures.row import Row

BEGIN, END = "<!-- figures: written by python -m tests.bench --readme -->", "<!-- end of the figures -->"


class Found(msgspec.Struct, frozen=True):
    """One benchmark's run: its rows, or ``failed`` with its last words. ``arguments`` after its name; ``seconds`` it
    took; ``date`` as year-month-day; ``load``: the machine's average of a minute when `make bench` began."""

    bench: str
    arguments: tuple[str, ...]
    date: str
    load: float
    seconds: float
    rows: list[Row] = []
    failed: str = ""


class Report(msgspec.Struct, frozen=True):
    """Of all benchmarks, or of those that were asked for; ``machine`` as it was found last."""

    machine: Machine
    benches: list[Found]

    @property
    def has_failed(self) -> bool:
        return any(one.failed for one in self.benches)

    @property
    def minutes(self) -> float:
        return sum(one.seconds for one in self.benches) / 60

    @property
    def dates(self) -> str:
        """One, or the first and the last."""
        dates = sorted(one.date for one in self.benches)
        return " to ".join(dict.fromkeys((dates[0], dates[-1])))

    def put(self, newer: Report) -> Report:
        """With the figures of ``newer`` instead of those of the same benchmarks here, in the order of this one."""
        order = {bench: at for at, bench in enumerate(dict.fromkeys(one.bench for one in self.benches))}
        again = {one.bench for one in newer.benches}
        benches = [*(one for one in self.benches if one.bench not in again), *newer.benches]
        return Report(newer.machine, sorted(benches, key=lambda one: order.get(one.bench, len(order))))


def read_report(file: Path) -> Report:
    """What ``write_report`` wrote; ValueError with words when the file is not there or is something else."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Report)
    except FileNotFoundError:
        raise ValueError(f"{file} is not there: run `make bench` first") from None
    except msgspec.MsgspecError as error:
        raise ValueError(f"{file} is no report of `make bench`: {error}") from error


def write_report(report: Report, file: Path) -> None:
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def table(report: Report) -> str:
    """For a terminal."""
    lines = [("what", "measured", "against", "ratio", "goal", "reached"), *_lines(report)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    told = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    told.insert(1, "-" * len(max(told, key=len)))
    return "\n".join([*told, *(f"\n{_name(one)} failed:\n{one.failed}" for one in report.benches if one.failed)])


def noise(report: Report) -> str:
    """A warning, when the machine had other things to do; "" else."""
    busy = max(report.benches, key=lambda one: one.load)
    if busy.load <= QUIET:
        return ""
    return (
        f"The machine was busy: its load average was {busy.load:.2f} when {busy.bench} was to be run, above {QUIET}. "
        "Figures come out worse than they are, ratios less so."
    )


def missing(report: Report) -> str:
    """Which benchmarks of ``PLAN`` have no figures in it; "" when all have."""
    left = dict.fromkeys(run.bench for run in PLAN if run.bench not in {one.bench for one in report.benches})
    return f"Not measured this time: {', '.join(left)}." if left else ""


def section(report: Report) -> str:
    """For the README, between its two marks."""
    machine, versions = report.machine, report.machine.versions
    engines = ", ".join(f"{name} {versions[name]}" for name in ("SQLite", "PostgreSQL", "Dovecot") if name in versions)
    told = [
        BEGIN,
        f"`make bench` of {report.dates}, {report.minutes:.0f} minutes on {machine.cores} cores ({machine.processor}), "
        f"{machine.system}, Python {machine.python}, {engines}. Each ratio is of two figures of one run.",
        *([noise(report)] if noise(report) else []),
        *([missing(report)] if missing(report) else []),
        "\n".join(
            [
                "| what | measured | against | ratio | goal | reached |",
                "| --- | ---: | --- | ---: | ---: | --- |",
                *("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in _lines(report)),
            ]
        ),
        END,
    ]
    return "\n\n".join(told)


def put_section(readme: str, report: Report) -> str:
    """The README with its figures replaced. ValueError when its marks are not there once and in order."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in after:
        raise ValueError(f"the README has no place for the figures: it needs the lines\n{BEGIN}\n{END}")
    return before + section(report) + after


_Line = tuple[str, str, str, str, str, str]


def _lines(report: Report) -> list[_Line]:
    lines: list[_Line] = []
    for one in report.benches:
        lines += [_line(row) for row in one.rows]
        if one.failed:
            lines.append((_name(one), "failed", "", "", "", "no"))
    return lines


def _line(row: Row) -> _Line:
    goal = " and ".join(
        f"{sign} {_number(wanted)}" for sign, wanted in (("≥", row.least), ("≤", row.most)) if wanted is not None
    )
    if goal and row.ratio is None and row.unit:
        goal += f" {row.unit}"
    reached = {True: "yes", False: "no", None: ""}[row.is_reached]
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return (row.what, f"{_number(row.value)} {row.unit}".strip(), row.against, ratio, goal, reached)


def _number(value: float) -> str:
    """Three figures that count, and thousands told apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _name(one: Found) -> str:
    return " ".join((one.bench, *one.arguments))
