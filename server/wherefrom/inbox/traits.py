"""By what of its visit a letter is found in the history: values that few letters may have, the rarest kind first."""

from __future__ import annotations

from typing import Protocol

NAMES = (
    "utm_content", "utm_term", "utm_campaign", "marker", "city", "region", "source", "utm_source", "country",
    "utm_medium", "channel",
)  # fmt: skip
LONGEST = 200
"""Characters of a value that are kept: the visit's own columns are looked at besides."""


class Sourced(Protocol):
    """What has the columns of a visit."""

    @property
    def source_levels(self) -> list[str]: ...

    @property
    def country_code(self) -> str | None: ...


def list_traits(visit: Sourced) -> list[tuple[str, str]]:
    """Names and values of a visit; those it does not have are left out. A country has its name and its code."""
    levels = visit.source_levels
    found = [(name, (levels[0] if levels else "") if name == "source" else getattr(visit, name)) for name in NAMES]
    found.append(("country", visit.country_code))
    return list(dict.fromkeys((name, find_value(name, value)) for name, value in found if value))


def find_value(name: str, value: str) -> str:
    """What is kept of a value, and looked for: of a country's code, which has two letters, these in upper case."""
    return value.upper() if name == "country" and len(value) == 2 else value[:LONGEST]
