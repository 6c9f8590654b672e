"""Which servers the tests need, and what happens where one is missing.

On a developer's machine the tests that need it are skipped, with one loud line at the end of the run; with `CI=true`
they fail, because a suite that skips in CI proves nothing.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from tests.support import chromium, dovecot, faketime, front, postgres, wrk


@dataclass(frozen=True)
class Component:
    """A program from outside: its name, the Debian packages that bring it, and what stands in the way (or None)."""

    name: str
    packages: str
    find_obstacle: Callable[[], str | None]

    @property
    def remedy(self) -> str:
        """What to do about a missing one."""
        return f"apt-get install {self.packages}"

    @property
    def advice(self) -> str:
        """Name and remedy; also the mark by which the summary finds the tests skipped for this component."""
        return f"{self.name} is needed: {self.remedy}"


DOVECOT = Component("Dovecot", "dovecot-imapd dovecot-lmtpd", dovecot.find_obstacle)
POSTGRES = Component("PostgreSQL", "postgresql", postgres.find_obstacle)
CHROMIUM = Component("Chromium", "chromium libatomic1", chromium.find_obstacle)
PHP = Component("PHP", "php-cli", lambda: None if shutil.which("php") else "is not installed")
NODE = Component("Node", "nodejs", lambda: None if shutil.which("node") else "is not installed")
CADDY = Component("Caddy", "caddy", front.find_obstacle)
FAKETIME = Component("libfaketime", "libfaketime", faketime.find_obstacle)
WRK = Component("wrk", "wrk", wrk.find_obstacle)
MBSYNC = Component("mbsync", "isync", lambda: None if shutil.which("mbsync") else "is not installed")  # for make bench
COMPONENTS = (DOVECOT, POSTGRES, CHROMIUM, PHP, NODE, CADDY, FAKETIME, WRK, MBSYNC)


def require(component: Component) -> None:
    """Skips the test that asks for a missing component; fails it when the environment says `CI=true`."""
    obstacle = component.find_obstacle()
    if obstacle is None:
        return
    message = f"{component.advice} (it {obstacle})"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def summary_lines(skip_reasons: Sequence[str]) -> list[str]:
    """One line for each component that made tests skip, from the reasons of all skipped tests."""
    lines = []
    for component in COMPONENTS:
        count = sum(component.advice in reason for reason in skip_reasons)
        if count:
            lines.append(f"{count} TESTS DID NOT RUN: {component.advice}")
    return lines
