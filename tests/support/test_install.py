"""The installer looks for each server, and only CI stops where one is missing."""

import pytest

from tests.support import install
from tests.support.components import Component

HERE = Component("Present", "present", lambda: None)
MISSING = Component("Absent", "absent-server absent-library", lambda: "is not installed")


@pytest.fixture
def _one_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user's machine, where nothing can be installed and one server is missing."""
    monkeypatch.setattr(install, "COMPONENTS", (HERE, MISSING))
    monkeypatch.setattr("os.geteuid", lambda: 1000)


@pytest.mark.usefixtures("_one_missing")
@pytest.mark.parametrize(("ci", "status"), [("true", 1), ("", 0)])
def test_what_is_missing_is_named_with_its_remedy_and_stops_ci_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ci: str, status: int
) -> None:
    monkeypatch.setenv("CI", ci)
    assert install.main() == status
    told = capsys.readouterr().err
    assert "Absent is not installed: apt-get install absent-server absent-library" in told
    assert "Present" not in told


def test_a_complete_machine_is_left_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(install, "COMPONENTS", (HERE,))
    monkeypatch.setenv("CI", "true")
    assert install.main() == 0
    assert capsys.readouterr() == ("", "")
