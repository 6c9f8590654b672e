"""All benchmarks are in the table, and the table says what they found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.figures.machine import this_machine
from tests.bench.figures.plan import PLAN, Run
from tests.bench.figures.report import (
    BEGIN,
    END,
    Found,
    Report,
    noise,
    put_section,
    read_report,
    section,
    table,
    write_report,
)
from tests.bench.figures.row import Row, hand_in, read_rows
from tests.bench.figures.run import ROOT, run_all, run_one

FOLDER = ROOT / "tests" / "bench"
CHEAP = Run("parse", ("--letters", "2", "--checked", "2", "--rounds", "1"))
ROWS = [
    Row("visits", 5_432.1, "/s", against="bare Starlette", ratio=0.861, least=0.85),
    Row("p99", 31.26, "ms", against="bare Starlette", ratio=1.204, most=1.0),
    Row("memory", 101.5, "MB", most=120),
    Row("parsed", 1_234.0, "/s", against="a | b"),
]


def report(*found: Found) -> Report:
    return Report(this_machine(), list(found))


def found(*rows: Row, failed: str = "", bench: str = "collect", date: str = "2026-11-22", load: float = 0.1) -> Found:
    return Found(bench, ("--engine", "sqlite"), date, load, 90.0, list(rows), failed)


def test_every_benchmark_of_the_folder_is_run_and_none_that_is_not_there():
    there = {file.stem for file in FOLDER.glob("[a-z]*.py")} - {"test_figures"}
    assert {one.bench for one in PLAN} == there


def test_the_short_form_is_the_long_one_with_less_and_ends_by_itself():
    for one in PLAN:
        assert 0 < one.limit <= 600, one
        assert one.long is None or set(one.long) != set(one.arguments), one


@pytest.mark.parametrize(
    ("row", "reached"),
    [
        (Row("x", 1.0), None),
        (Row("x", 1.0, least=1.0), True),
        (Row("x", 0.9, least=1.0), False),
        (Row("x", 1.1, most=1.0), False),
        (Row("x", 9.0, against="y", ratio=0.9, least=0.85), True),
        (Row("x", 0.9, against="y", ratio=9.0, most=1.0), False),
    ],
)
def test_a_goal_is_of_the_ratio_where_there_is_one_and_of_the_value_where_there_is_none(row: Row, reached: bool | None):
    assert row.is_reached is reached


def test_what_is_handed_in_is_read_again(tmp_path: Path):
    hand_in(ROWS, tmp_path / "rows.json")
    assert read_rows(tmp_path / "rows.json") == ROWS


@pytest.mark.parametrize("text", [None, "[]", "{}", '[{"value": 1}]', '[{"what": "x", "value": "fast"}]'])
def test_what_is_no_list_of_rows_is_told_as_such(tmp_path: Path, text: str | None):
    if text is not None:
        (tmp_path / "rows.json").write_text(text)
    with pytest.raises(ValueError, match="handed in no rows"):
        read_rows(tmp_path / "rows.json")


def test_a_cheap_benchmark_is_run_and_its_rows_and_the_machine_are_in_the_json(tmp_path: Path):
    done = run_all([CHEAP])
    write_report(done, tmp_path / "bench.json")
    assert read_report(tmp_path / "bench.json") == done
    (one,) = done.benches
    assert (one.bench, one.arguments, one.failed) == ("parse", CHEAP.arguments, "")
    assert [row.against for row in one.rows if row.what == "letters parsed"] == [
        "standard library, compat32",
        "mail-parser",
    ]
    assert done.machine.cores > 0
    assert {"SQLite", "uvicorn"} <= set(done.machine.versions)


def test_a_benchmark_that_fails_is_shown_with_its_words_and_the_next_one_is_run():
    done = run_all(
        [Run("parse", ("--letters", "many")), Run("parse", ("--letters", "2", "--checked", "2", "--rounds", "1"))]
    )
    assert done.has_failed
    failed, good = done.benches
    assert "invalid int value: 'many'" in failed.failed
    assert not failed.rows
    assert good.rows
    assert not good.failed
    assert "parse --letters many failed:\nit ended with status 2" in table(done)


def test_a_benchmark_that_does_not_end_is_ended(tmp_path: Path):
    one = run_one(Run("parse", ("--letters", "1000000"), limit=2), 0.0)
    assert one.failed.startswith("it was not done within 2 seconds")


def test_the_table_has_a_line_for_each_row():
    lines = table(report(found(*ROWS))).splitlines()
    assert [line.split("  ")[0] for line in lines[2:]] == ["visits", "p99", "memory", "parsed"]
    assert lines[2].split() == ["visits", "5,432", "/s", "bare", "Starlette", "0.86", "≥", "0.85", "yes"]
    assert lines[3].split() == ["p99", "31.3", "ms", "bare", "Starlette", "1.20", "≤", "1", "no"]
    assert lines[4].split() == ["memory", "102", "MB", "≤", "120", "MB", "yes"]


def test_a_busy_machine_is_told():
    assert noise(report(found(load=0.5), found(load=0.2))) == ""
    assert "load average was 0.51 when parse was to be run" in noise(report(found(), found(bench="parse", load=0.51)))


def test_a_benchmark_that_is_run_again_replaces_its_own_figures_alone():
    before = report(found(ROWS[0], date="2026-11-20"), found(ROWS[1], date="2026-11-20"), found(ROWS[2], bench="serve"))
    after = before.put(report(found(ROWS[3], date="2026-11-23")))
    assert [(one.bench, one.rows) for one in after.benches] == [("collect", [ROWS[3]]), ("serve", [ROWS[2]])]
    assert (before.dates, after.dates) == ("2026-11-20 to 2026-11-22", "2026-11-22 to 2026-11-23")
    assert before.minutes == 4.5


def test_the_figures_of_the_readme_are_replaced_and_nothing_else():
    before, after = "# Words\n\n", "\n\nmore words\n"
    first = put_section(f"{before}{BEGIN}\n{END}{after}", report(found(ROWS[0])))
    second = put_section(first, report(found(*ROWS[1:], failed="it broke", load=3.0)))
    assert second.startswith(before + BEGIN)
    assert second.endswith(END + after)
    assert "| visits |" in first
    assert "| visits |" not in second
    assert "| p99 | 31.3 ms | bare Starlette | 1.20 | ≤ 1 | no |" in second
    assert "a \\| b" in second
    assert "| collect --engine sqlite | failed |" in second
    assert "load average was 3.00" in second


@pytest.mark.parametrize("readme", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_readme_without_a_place_for_the_figures_is_left_alone(readme: str):
    with pytest.raises(ValueError, match="no place for the figures"):
        put_section(readme, report(found(*ROWS)))


def test_the_readme_has_a_place_for_the_figures():
    put_section((ROOT / "README.md").read_text(encoding="utf-8"), report(found(*ROWS)))


def test_the_readme_names_the_benchmarks_that_were_not_run() -> None:
    machine = this_machine()
    some = Report(machine, [Found(run.bench, run.arguments, "2026-11-22", 0.1, 1.0) for run in PLAN[:2]])
    every = Report(machine, [Found(run.bench, run.arguments, "2026-11-22", 0.1, 1.0) for run in PLAN])
    assert "Not measured this time: tracking, hosts, rows," in section(some)
    assert "Not measured" not in section(every)
