"""A missing server skips loudly on a developer's machine and fails in CI."""

import pytest

from tests.support.components import COMPONENTS, Component, require, summary_lines

MISSING = Component("Dovecot", "dovecot-imapd dovecot-lmtpd", lambda: "is not installed")


def test_a_missing_component_skips_and_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install dovecot-imapd dovecot-lmtpd"):
        require(MISSING)


def test_in_ci_a_missing_component_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install dovecot-imapd dovecot-lmtpd"):
        require(MISSING)


def test_the_summary_has_one_line_a_component_with_the_count_of_its_tests() -> None:
    first, second, *_ = COMPONENTS
    reasons = [f"Skipped: {first.advice} (it is not installed)"] * 3 + [f"Skipped: {second.advice}", "Skipped: no Node"]
    assert summary_lines(reasons) == [
        f"3 TESTS DID NOT RUN: {first.advice}",
        f"1 TESTS DID NOT RUN: {second.advice}",
    ]


def test_nothing_skipped_says_nothing() -> None:
    assert summary_lines([]) == []
