"""By what of its visit a letter is found in the history: values that few letters may have, the rarest kind first."""

from __future__ import annotations

from typing import Protocol

NAMES = (
    "utm_content", "utm_term", "utm_campaign", "marker", "city", "region", "source", "utm_source", "utm_medium",
    "channel",
)  # fmt: skip
LONGEST = 200
"""Characters of a value that are kept: the visit's own columns are looked at besides."""


class Sourced(Protocol):
    """What has the columns of a visit."""

    @property
    def source_levels(self) -> list[str]: ...


def list_traits(visit: Sourced) -> list[tuple[str, str]]:
    """Names and values of a visit; those it does not have are left out."""
    levels = visit.source_levels
    found = ((name, (levels[0] if levels else "") if name == "source" else getattr(visit, name)) for name in NAMES)
    return [(name, value[:LONGEST]) for name, value in found if value]
