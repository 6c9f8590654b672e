"""SQLite's log is moved into the file beside the writing, and starts anew."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from wherefrom.db.checkpoint import Checkpoints

PIECE = b"x" * 40_000


def connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def write(writer: sqlite3.Connection, checkpoints: Checkpoints, commits: int) -> None:
    for _ in range(commits):
        if checkpoints.is_nearly_moved:
            checkpoints.move_rest(writer)
        writer.execute("INSERT INTO kept (piece) VALUES (?)", (PIECE,))
        checkpoints.note_commit()


def wait_until_moved(checkpoints: Checkpoints) -> None:
    deadline = time.monotonic() + 60
    while checkpoints.is_moving:
        assert time.monotonic() < deadline, "the log is not moved"
        time.sleep(0.005)


def test_a_log_that_is_written_all_the_time_starts_anew_and_loses_nothing(tmp_path: Path) -> None:
    file, log = tmp_path / "one.db", tmp_path / "one.db-wal"
    writer = connect(file)
    writer.execute("CREATE TABLE kept (piece BLOB)")
    checkpoints = Checkpoints(lambda: connect(file))
    for _ in range(5):
        write(writer, checkpoints, 64)  # enough to have it moved
        wait_until_moved(checkpoints)
        write(writer, checkpoints, 10)  # the first of them moves the rest, and finds the log empty
    checkpoints.close()
    assert log.stat().st_size < 5 * 74 * len(PIECE) / 2
    writer.close()
    reader = connect(file)
    assert reader.execute("SELECT count(*), min(length(piece)) FROM kept").fetchone() == (5 * 74, len(PIECE))
    reader.close()


def test_what_ends_while_a_log_is_moved_waits_for_it(tmp_path: Path) -> None:
    writer = connect(tmp_path / "one.db")
    writer.execute("CREATE TABLE kept (piece BLOB)")
    checkpoints = Checkpoints(lambda: connect(tmp_path / "one.db"))
    checkpoints.close()
    write(writer, checkpoints, 64)
    checkpoints.close()
    assert checkpoints.is_nearly_moved
    checkpoints.close()
    writer.close()


def test_a_connection_that_cannot_be_opened_is_tried_again_the_next_time(tmp_path: Path) -> None:
    """As where the process has too many files open for a moment."""
    writer = connect(tmp_path / "one.db")
    writer.execute("CREATE TABLE kept (piece BLOB)")
    tries: list[int] = []

    def open_reluctantly() -> sqlite3.Connection:
        tries.append(1)
        if len(tries) == 1:
            raise sqlite3.OperationalError("unable to open database file")
        return connect(tmp_path / "one.db")

    checkpoints = Checkpoints(open_reluctantly)
    write(writer, checkpoints, 64)
    wait_until_moved(checkpoints)
    assert not checkpoints.is_nearly_moved
    write(writer, checkpoints, 64)
    wait_until_moved(checkpoints)
    assert checkpoints.is_nearly_moved
    checkpoints.close()
    writer.close()


def test_a_log_that_cannot_be_moved_is_no_fault_of_who_writes(tmp_path: Path) -> None:
    writer = connect(tmp_path / "one.db")
    writer.execute("CREATE TABLE kept (piece BLOB)")
    other = connect(tmp_path / "other.db")
    other.close()
    checkpoints = Checkpoints(lambda: other)
    write(writer, checkpoints, 64)
    wait_until_moved(checkpoints)
    write(writer, checkpoints, 1)
    checkpoints.close()
    writer.close()
