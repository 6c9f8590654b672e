"""Traffic files: read whole or refused with line and column, and written as they are read."""

import io
from pathlib import Path

import pytest

from wherefrom.errors import BadInput
from wherefrom.simulation.traffic import Traffic, make_visits
from wherefrom.simulation.visit import SimulatedVisit
from wherefrom.simulation.visits_file import COLUMNS, read_visits, write_visits

HEADER = ",".join(COLUMNS)


def write(folder: Path, *lines: str, header: str = HEADER) -> Path:
    path = folder / "visits.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def refused(path: Path) -> BadInput:
    with pytest.raises(BadInput) as raised:
        read_visits(path)
    return raised.value


def test_a_row_is_a_visit_and_empty_is_never(tmp_path: Path) -> None:
    path = write(tmp_path, "20,25,,,,", "10,15.5,11,copy,12,600", "30,31,30,,,")
    assert read_visits(path) == [
        SimulatedVisit(10, 15.5, 11, "copy", 12, 600),
        SimulatedVisit(20, 25),
        SimulatedVisit(30, 31, 30),
    ]


def test_columns_may_stand_in_any_order_and_others_beside_them(tmp_path: Path) -> None:
    header = "page, Intent ,intent_at,started_at,left_at,wrote_at,exposed_at"
    path = write(tmp_path, "/,MAILTO,12,10,15,20,11", "", header=header)
    assert read_visits(path) == [SimulatedVisit(10, 15, 11, "mailto", 12, 20)]


def test_a_file_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "visits.csv"
    path.write_bytes(b"\xef\xbb\xbf" + HEADER.encode() + b'\r\n"10","15","","","",""\r\n')
    assert read_visits(path) == [SimulatedVisit(10, 15)]


def test_the_moment_of_what_was_not_noticed_is_of_no_account(tmp_path: Path) -> None:
    assert read_visits(write(tmp_path, "10,15,11,,12,20")) == [SimulatedVisit(10, 15, 11, wrote_at=20)]


def test_a_use_of_the_address_asks_for_it_and_is_a_sign_of_life() -> None:
    assert SimulatedVisit(10, 15, None, "copy", 12).asked_at == 12
    assert SimulatedVisit(10, 15, 13, "copy", 12).asked_at == 12
    assert SimulatedVisit(10, 15, 13, "copy", 99).last_seen_at == 99
    assert SimulatedVisit(10, 15, 17).last_seen_at == 17
    assert SimulatedVisit(10, 15).asked_at is None


@pytest.mark.parametrize(
    ("line", "column", "words"),
    [
        ("x,15,,,,", "started_at", "“x” is no time"),
        ("10,,,,,", "left_at", "is empty"),
        (",15,,,,", "started_at", "is empty"),
        ("10,nan,,,,", "left_at", "is no time"),
        ("-1,15,,,,", "started_at", "is no time"),
        ("10,1e300,,,,", "left_at", "is no time"),
        ("10,9,,,,", "left_at", "9 is before started_at 10"),
        ("10,15,9,,,", "exposed_at", "before started_at"),
        ("10,15,11,click,12,", "intent", "“click” is no intent"),
        ("10,15,11,copy,,", "intent_at", "is empty beside intent copy"),
        ("10,15,11,copy,12,10.5", "wrote_at", "before the address was seen"),
        ("10,15", "exposed_at", "the row has 2 fields"),
    ],
)
def test_a_wrong_row_is_named_by_line_and_column(tmp_path: Path, line: str, column: str, words: str) -> None:
    error = refused(write(tmp_path, "1,2,,,,", line))
    assert f"visits.csv, line 3, column {column}: " in error.detail
    assert words in error.detail
    assert error.hint


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    error = refused(write(tmp_path, header=HEADER.replace(",intent_at", "")))
    assert "line 1: the column intent_at is missing" in error.detail
    assert HEADER in (error.hint or "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (HEADER.encode() + b"\n", "has no visits"),
        (b"\xff\xfe\x00", "is not UTF-8"),
        (f"{HEADER},intent".encode() + b"\n", "the column intent stands there twice"),
        (HEADER.encode() + b'\n"10', "is not CSV"),
    ],
)
def test_what_is_no_traffic_file_is_told_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "visits.csv"
    path.write_bytes(content)
    assert words in refused(path).detail
    assert "cannot be read" in refused(tmp_path / "nothing.csv").detail


def test_what_was_made_up_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = make_visits(Traffic(visits=300, days=2), seed=5)
    path = tmp_path / "visits.csv"
    file = io.StringIO()
    assert write_visits(file, made) == 600
    path.write_text(file.getvalue())
    read = read_visits(path)
    assert [one.intent for one in read] == [one.intent for one in made]
    assert [one.wrote_at for one in read] == [
        None if one.wrote_at is None else pytest.approx(one.wrote_at, abs=1e-3) for one in made
    ]
