"""What the log tells, and what it must not."""

import errno
import io

import msgspec
import pytest
import structlog

from wherefrom.app import log_to
from wherefrom.settings import Log, Settings


class _Full(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_log_that_cannot_be_written_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    before = structlog.get_config()
    monkeypatch.setattr("sys.stderr", _Full())
    try:
        log_to(Settings())
        structlog.get_logger("test").warning("nobody reads this")
    finally:
        structlog.configure(**before)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_fault_is_logged_with_its_place_and_without_the_values_at_hand(
    capsys: pytest.CaptureFixture[str], form: str
) -> None:
    def fail(password: str) -> None:
        token = f"token of {password}"
        raise ValueError(len(token))

    before = structlog.get_config()
    try:
        log_to(msgspec.structs.replace(Settings(), log=Log(format=form)))  # type: ignore[arg-type]
        try:
            fail("hunter2")
        except ValueError:
            structlog.get_logger("test").exception("it failed")
    finally:
        structlog.configure(**before)
    told = capsys.readouterr().err
    assert "it failed" in told
    assert "in fail" in told
    assert "hunter2" not in told.replace('fail("hunter2")', "").replace('fail(\\"hunter2\\")', "")
