"""How moments, shares and lists read in reasons: one form everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime


def moment_words(moment: datetime) -> str:
    """``2026-11-21 09:30:05 UTC``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def percent(share: float) -> str:
    """``93 %``; never ``100 %`` or ``0 %`` for what is neither."""
    whole = round(share * 100)
    if whole >= 100 and share < 1:
        return "over 99 %"
    if whole <= 0 and share > 0:
        return "under 1 %"
    return f"{whole} %"


def listing(names: Sequence[str]) -> str:
    """``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
