"""What is counted of a source, and how counts of many rows become those of one dimension. Pure.

    rows     one for each mixture of channel, marker, levels, tags and country, as the database groups them
    folded   one for each value of one dimension, and currency

Everything counts at its own time, once: a visit when it began, an exposure when the visit first had an address in view,
an intent when it first clicked or copied one, a letter when it arrived. A deal counts at the first letter it was made
of, however many letters carry its number. So counts of neighbouring spans of time add up to those of both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from msgspec import Struct

Dimension = Literal["source", "channel", "marker", "utm_source", "utm_medium", "utm_campaign", "country"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
ALL = ""
"""The dimension in which everything is one line."""

Key = tuple[str | None, str]
"""Value and currency. Value "": it has none of this dimension; None: a letter of which no visit is known."""


@dataclass(slots=True)
class Counts:
    """``amount`` of the deals in the currency, in ten-thousandths of its unit."""

    visits: int = 0
    exposures: int = 0
    intents: int = 0
    letters: int = 0
    deals: int = 0
    amount: int = 0

    def add(self, other: Counts) -> None:
        self.visits += other.visits
        self.exposures += other.exposures
        self.intents += other.intents
        self.letters += other.letters
        self.deals += other.deals
        self.amount += other.amount


class Mixture(Struct, frozen=True):
    """What a group of rows has in common. ``levels`` as JSON; None in all fields for letters of no known visit."""

    channel: str | None
    marker: str | None
    levels: str | None
    utm_source: str | None
    utm_medium: str | None
    utm_campaign: str | None
    country: str | None

    def value(self, dimension: str) -> str | None:
        """Its value in a dimension; "" for none."""
        if dimension == ALL:
            return ""
        if self.channel is None:
            return None
        if dimension == "source":
            return first_level(self.levels or "[]")
        return getattr(self, dimension) or ""


@lru_cache(maxsize=10_000)
def first_level(levels: str) -> str:
    """The source proper, of the JSON array of a source's levels."""
    found = json.loads(levels)
    return str(found[0]) if found else ""


Counted = Iterable[tuple[Mixture, str, Counts]]
"""Mixture, currency ("" but for values of deals), and its counts."""
Folded = dict[Key, Counts]


def fold(counted: Counted, dimension: str) -> Folded:
    """The counts by the values of one dimension."""
    found: Folded = {}
    for mixture, currency, counts in counted:
        found.setdefault((mixture.value(dimension), currency), Counts()).add(counts)
    return found


def merge(parts: Iterable[Mapping[Key, Counts]]) -> Folded:
    """The counts of several spans as those of all of them."""
    found: Folded = {}
    for part in parts:
        for key, counts in part.items():
            found.setdefault(key, Counts()).add(counts)
    return found
