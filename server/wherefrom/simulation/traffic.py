"""Makes traffic up: visits with a day's curve, of whom some see the address, some use it, and some write.

    arrival    normal around ``peak_hour``, deviation ``peak_hours``, wrapped at midnight; the stay is exponential
    exposure   with probability ``exposed``, at a moment spread evenly over the stay
    writer     with probability ``writers`` of those: by a click on the mailto link, by a copy, or by a copy that is
               used later; each way has its delay from that moment (lognormal) and a chance of being noticed
    others     copy with probability ``idle_copies``, which is noticed and leads to nothing

The defaults are the traffic of the project's own measurements.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from msgspec import Struct

from wherefrom.simulation.visit import Intent, SimulatedVisit

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Way:
    """Of writing: the share of the letters, the noticed ``intent`` and with what chance, and the lognormal delay
    (``median`` in seconds, ``spread`` of its logarithm)."""

    share: float
    intent: Intent
    noticed: float
    median: float
    spread: float


class Traffic(Struct, frozen=True, kw_only=True):
    """``visits`` a day, ``stay`` in seconds, shares from 0 to 1."""

    visits: int = 4000
    days: int = 7
    peak_hour: float = 14.0
    peak_hours: float = 4.0
    stay: float = 180.0
    exposed: float = 0.15
    writers: float = 0.03
    idle_copies: float = 0.02
    ways: tuple[Way, ...] = (
        Way(0.5, "mailto", 1.0, 240.0, 0.8),
        Way(0.4, "copy", 0.8, 1_800.0, 1.2),
        Way(0.1, "copy", 0.8, DAY, 0.8),
    )


def make_visits(traffic: Traffic, seed: int) -> list[SimulatedVisit]:
    """The visits by their start; the same for the same ``seed``."""
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    made = [_make(traffic, day, chance) for day in range(traffic.days) for _ in range(traffic.visits)]
    return sorted(made, key=lambda one: one.started_at)


def _make(traffic: Traffic, day: int, chance: random.Random) -> SimulatedVisit:
    hour = chance.gauss(traffic.peak_hour, traffic.peak_hours) % 24
    started = day * DAY + hour * 3600
    left = started + chance.expovariate(1 / traffic.stay)
    if chance.random() >= traffic.exposed:
        return SimulatedVisit(started, left)
    exposed = chance.uniform(started, left)
    used = chance.uniform(exposed, left)
    if chance.random() < traffic.writers:
        (way,) = chance.choices(traffic.ways, [one.share for one in traffic.ways])
        wrote = used + chance.lognormvariate(math.log(way.median), way.spread)
        if chance.random() < way.noticed:
            return SimulatedVisit(started, left, exposed, way.intent, used, wrote)
        return SimulatedVisit(started, left, exposed, wrote_at=wrote)
    if chance.random() < traffic.idle_copies:
        return SimulatedVisit(started, left, exposed, "copy", used)
    return SimulatedVisit(started, left, exposed)
