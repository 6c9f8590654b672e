"""``wherefrom pool simulate`` and ``pool traffic`` as they are typed. They need no database and no settings."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import run_command

KEYS = [
    "size", "letters", "right", "wrong", "unmatched", "sure", "sure_right", "refused", "calibration_error",
    "plain_right",
]  # fmt: skip


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_command(folder, "pool", *arguments, seconds=300)


def simulated(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    done = run(folder, "simulate", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert list(answer) == ["sizes"]
    return list(answer["sizes"])


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traffic")
    done = run(folder, "traffic", "visits.csv", "--seed", "1", "--visits", "500", "--days", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("visits.csv: 1000 visits, ")
    return folder


def test_sizes_are_told_in_the_order_asked_for_however_they_are_given(traffic: Path) -> None:
    found = simulated(traffic, "--visits", "visits.csv", "--size", "20", "5", "5")
    assert [list(one) for one in found] == [KEYS, KEYS]
    assert [one["size"] for one in found] == [20, 5]
    assert simulated(traffic, "--size", "20", "--size", "5", "--visits", "visits.csv") == found
    assert all(one["right"] + one["wrong"] + one["unmatched"] == one["letters"] for one in found)


def test_the_lease_seconds_decide_how_soon_a_pool_is_empty(traffic: Path) -> None:
    (short,) = simulated(traffic, "--visits", "visits.csv", "--size", "2", "--lease-seconds", "60")
    (long,) = simulated(traffic, "--visits", "visits.csv", "--size", "2", "--lease-seconds", "7200")
    assert short["refused"] < long["refused"]


def test_without_json_a_table_is_shown(traffic: Path) -> None:
    done = run(traffic, "simulate", "--visits", "visits.csv", "--size", "20", "5")
    assert done.returncode == 0, done.stderr
    assert "letters by visitors who saw the address" in done.stdout
    assert "plain rule" in done.stdout
    assert len(done.stdout.splitlines()) == 4


def test_made_up_traffic_goes_to_standard_output_too(traffic: Path) -> None:
    done = run(traffic, "traffic", "-", "--seed", "1", "--visits", "500", "--days", "2")
    assert done.stdout == (traffic / "visits.csv").read_text()


def test_a_bad_file_is_told_by_line_and_column_with_what_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text(
        "started_at,left_at,exposed_at,intent,intent_at,wrote_at\n1,2,,,,\n10,20,11,glance,12,\n"
    )
    done = run(tmp_path, "simulate", "--visits", "bad.csv", "--size", "5")
    assert done.returncode == 1
    assert "bad.csv, line 3, column intent: “glance” is no intent" in done.stderr
    assert "mailto, copy, select or nothing" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--visits", "nothing.csv", "--size", "5"], "nothing.csv: cannot be read"),
        (["--visits", "visits.csv", "--size", "0"], "--size"),
        (["--visits", "visits.csv", "--size", "5", "many"], "valid integer"),
        (["--visits", "visits.csv"], "--size"),
        (["--size", "5"], "--visits"),
    ],
)
def test_what_cannot_be_simulated_is_told_in_words(traffic: Path, arguments: list[str], words: str) -> None:
    done = run(traffic, "simulate", *arguments)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_50_000_visits_take_less_than_30_seconds(tmp_path: Path) -> None:
    assert run(tmp_path, "traffic", "visits.csv", "--visits", "5000", "--days", "10").returncode == 0
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [
        sys.executable,
        "-m",
        "wherefrom",
        "pool",
        "simulate",
        "--visits",
        "visits.csv",
        "--size",
        "160",
        "--json",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    (one,) = json.loads(done.stdout)["sizes"]
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 30  # however busy the machine is
    assert one["letters"] > 180
