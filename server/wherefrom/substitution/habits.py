"""What a site's visitors do with an address: how often a letter follows, and after how long.

    λ(d | sign) = r·f(d) / (1 − r·F(d))          letters per second, ``d`` seconds after the sign, none having come yet
    f = Σ shares · lognormal(median, spread)     the delay, a mixture of three parts
    r = readiness                                the share of visits with that strongest sign that ever write

The one model of this package: attribution weighs holders by ``rate`` (who wrote?), lending ranks addresses by
``to_come`` (who will still write?). Pure; how a site's own habits are learned is in ``tally``.

| part | what people do | median | spread (σ of the logarithm) |
| --- | --- | --- | --- |
| at once | the mail program opens, the letter is typed and sent | 4 min | 1.0 |
| soon | the address is carried to webmail, the letter thought over | 30 min | 1.3 |
| later | the matter is slept on, a colleague is asked | 1 day | 1.0 |

| strongest sign | readiness | shares: at once, soon, later |
| --- | --- | --- |
| visible: came into view, nothing else was noticed | 0.005 | 0.15, 0.60, 0.25 |
| select | 0.05 | the same |
| copy | 0.3 | the same |
| mailto: clicked | 0.6 | 0.80, 0.15, 0.05 |

These are assumptions to begin with: no public measurement of the time from a click on an address to the letter is
known to us. They are wide on purpose, and a site's own letters replace them soon (four of a kind weigh as much). What
wrong ones cost is measured: ``tests/bench/attribution.py`` has traffics with delays and shares far from these. What is
copied or selected without being noticed is written to by hand too, so visible, select and copy share one delay; only a
click on a mailto link leads to a mail program by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

Sign = Literal["visible", "select", "copy", "mailto"]
Way = Literal["hand", "click"]

SIGNS: tuple[Sign, ...] = ("visible", "select", "copy", "mailto")
"""From the weakest to the strongest."""

WAYS: dict[Sign, Way] = {"visible": "hand", "select": "hand", "copy": "hand", "mailto": "click"}

BLUR = 30.0
"""Seconds: clocks of pages, writers and servers agree no better, so a moment stands for a minute around it."""

_ROOT = math.sqrt(2.0)


@dataclass(frozen=True, slots=True)
class Part:
    """A lognormal delay: ``median`` in seconds, ``spread`` the standard deviation of its natural logarithm."""

    median: float
    spread: float

    def arrived(self, seconds: float) -> float:
        """The share of letters that have come after so many seconds."""
        if seconds <= 0.0:
            return 0.0
        return 0.5 * math.erfc((math.log(self.median) - math.log(seconds)) / (self.spread * _ROOT))

    def density(self, seconds: float) -> float:
        """Per second."""
        if seconds <= 0.0:
            return 0.0
        z = (math.log(seconds) - math.log(self.median)) / self.spread
        return math.exp(-0.5 * z * z) / (seconds * self.spread * math.sqrt(2.0 * math.pi))


@dataclass(frozen=True, slots=True)
class Habits:
    """``readiness`` by sign, each above 0 and below 1; ``shares`` by way, each summing to 1, in the order of ``parts``.
    ``letters``: how many of the site's own this is learned from, those of long ago counting less."""

    readiness: dict[Sign, float]
    shares: dict[Way, tuple[float, ...]]
    parts: tuple[Part, ...]
    letters: float = 0.0
    _curves: dict[Sign, tuple[tuple[float, float, float], ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Works out what every question needs: half the share, the centre and the scale of each part."""
        scales = [(math.log(part.median), 1 / (part.spread * _ROOT)) for part in self.parts]
        curves = {
            sign: tuple((share / 2, *scale) for share, scale in zip(self.shares[way], scales, strict=True))
            for sign, way in WAYS.items()
        }
        object.__setattr__(self, "_curves", curves)

    def arrived(self, sign: Sign, seconds: float) -> float:
        """The share of the letters after ``sign`` that come within ``seconds``."""
        if seconds <= 0.0:
            return 0.0
        logarithm, total = math.log(seconds), 0.0
        for half, centre, scale in self._curves[sign]:
            total += half * math.erfc((centre - logarithm) * scale)
        return total

    def rate(self, sign: Sign, first: float, last: float) -> float:
        """Letters per second now, of a visit that has not written, ``first`` to ``last`` seconds after the sign (two
        moments when it is only known to lie between them; ``first`` is the longer ago). 0 before the sign."""
        if first < last:
            first, last = last, first
        if first - last < 2 * BLUR:
            middle = (first + last) / 2
            first, last = middle + BLUR, max(middle - BLUR, 0.0)
        if first <= 0.0:
            return 0.0
        late, soon, ready = self.arrived(sign, first), self.arrived(sign, last), self.readiness[sign]
        return ready * (late - soon) / (first - last) / (1.0 - ready * (late + soon) / 2)

    def to_come(self, sign: Sign, seconds: float) -> float:
        """How likely a letter is still to come from a visit that has not written in the ``seconds`` since its sign."""
        ready, arrived = self.readiness[sign], self.arrived(sign, seconds)
        return ready * (1.0 - arrived) / (1.0 - ready * arrived)


USUAL = Habits(
    readiness={"visible": 0.005, "select": 0.05, "copy": 0.3, "mailto": 0.6},
    shares={"hand": (0.15, 0.60, 0.25), "click": (0.80, 0.15, 0.05)},
    parts=(Part(240.0, 1.0), Part(1_800.0, 1.3), Part(86_400.0, 1.0)),
)
