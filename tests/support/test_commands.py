"""A command run by fork is what one typed in a shell is: same words, status, folder, environment, and an end of its
own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import Helper


@pytest.fixture(scope="module")
def helper() -> Helper:
    return Helper()


@pytest.mark.parametrize(
    "arguments",
    [("site", "add", "--help"), ("nonsense",), ("site", "list", "--settings", "none.toml")],
)
def test_words_and_status_are_those_of_a_new_interpreter(
    helper: Helper, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    forked = helper.run(tmp_path, arguments, os.environ, 60)
    new = subprocess.run(
        [sys.executable, "-m", "wherefrom", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (forked.returncode, forked.stdout, forked.stderr) == (new.returncode, new.stdout, new.stderr)


def test_folder_and_environment_are_the_commands_own(helper: Helper, tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        told = helper.run(folder, ("migrate",), {**os.environ, "WHEREFROM_DATABASE_URL": f"sqlite:///{name}.db"}, 60)
        assert told.returncode == 0, told.stderr
        assert (folder / f"{name}.db").exists()
    assert not list(tmp_path.glob("*.db"))


def test_a_command_that_does_not_end_is_ended(helper: Helper, tmp_path: Path) -> None:
    url = {**os.environ, "WHEREFROM_DATABASE_URL": "sqlite:///here.db", "WHEREFROM_SERVER_PORT": "0"}
    helper.run(tmp_path, ("migrate",), url, 60)
    with pytest.raises(subprocess.TimeoutExpired):
        helper.run(tmp_path, ("serve",), url, 1)
    assert helper.run(tmp_path, ("--help",), os.environ, 60).returncode == 0
