"""What a site's own letters teach about its visitors: sums kept per site, and the ``Habits`` that follow from them.

Each letter counts for those who may have written it, by how likely each did (an exact match counts as one): one step
of expectation maximisation per letter, so that nothing has to be read again. A candidate's letter is shared out among
the parts of the delay by how well each explains it. The usual habits stand in as IMAGINED letters of each kind, so a
handful of real ones cannot decide and a hundred do (shrinkage: a Dirichlet prior on shares, a Beta prior on readiness,
a normal one on the logarithms of the medians).

Only letters to pools tell how many write, because only there a lease means that the address was seen; how long they
take is learned from codes as well. What is older than about a season fades: sums halve every 90 days.

Answers for the sums and what follows. Refuses to know where they are kept (``store.habits``). Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from msgspec import Struct, field

from wherefrom.substitution.habits import SIGNS, USUAL, WAYS, Habits, Part, Sign, Way

IMAGINED = 8.0
"""Letters of each kind that the usual habits weigh. With 4 as many are right (within a point on eleven traffics), but
habits that follow their own guesses too soon make confidences too high: where no sign is ever seen the calibration
error is 0.042 with 4 and 0.029 with 8 (12 weeks)."""

HALF_LIFE = timedelta(days=90)
_SHORTEST, _LONGEST = 10.0, 60 * 86_400.0
_LEAST_READY, _MOST_READY = 1e-5, 0.95
_LEAST_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Lesson:
    """Somebody who may have written a letter: the strongest sign, the seconds from it to the writing, and how likely
    it was this one. ``counts``: the lease was given on exposure (a pool's), so it tells how many write."""

    sign: Sign
    seconds: float
    share: float
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Credit:
    """A lease whose visit may have written the letter, and what follows: lending holds its address back no longer, and
    the site's habits are known better."""

    lease_id: int
    visit_id: int
    address: str
    lesson: Lesson


def _zeros() -> list[float]:
    return [0.0] * len(USUAL.parts)


class Tally(Struct, kw_only=True):
    """``leases`` and ``letters`` by sign; ``ways``: letters by way and part; ``logs`` and ``squares``: sums over
    letters of the delay's logarithm, by part. ``at``: when it was last faded."""

    at: datetime | None = None
    leases: dict[str, float] = field(default_factory=dict)
    letters: dict[str, float] = field(default_factory=dict)
    ways: dict[str, list[float]] = field(default_factory=dict)
    logs: list[float] = field(default_factory=_zeros)
    squares: list[float] = field(default_factory=_zeros)

    def fade(self, now: datetime) -> None:
        """Lets what was learned before ``now`` weigh less."""
        if self.at is None or now <= self.at:
            self.at = self.at or now
            return
        left = 0.5 ** ((now - self.at) / HALF_LIFE)
        self.at = now
        for sums in (self.leases, self.letters):
            for key in sums:
                sums[key] *= left
        for row in (*self.ways.values(), self.logs, self.squares):
            row[:] = [one * left for one in row]

    def add_leases(self, counts: Mapping[Sign, int]) -> None:
        """Leases of pools that are over, by their strongest sign."""
        for sign, number in counts.items():
            self.leases[sign] = self.leases.get(sign, 0.0) + number

    def add_letter(self, lessons: Iterable[Lesson], habits: Habits) -> None:
        """One letter, by those who may have written it; ``habits`` are what was believed so far."""
        for one in lessons:
            seconds = min(max(one.seconds, _SHORTEST), _LONGEST)
            logarithm, way = math.log(seconds), WAYS[one.sign]
            if one.counts:
                self.letters[one.sign] = self.letters.get(one.sign, 0.0) + one.share
            fits = [share * part.density(seconds) for share, part in zip(habits.shares[way], habits.parts, strict=True)]
            row, total = self.ways.setdefault(way, _zeros()), sum(fits) or 1.0
            for n, fit in enumerate(fits):
                share = one.share * fit / total
                row[n] += share
                self.logs[n] += share * logarithm
                self.squares[n] += share * logarithm * logarithm

    def take_back(self, lessons: Iterable[Lesson], habits: Habits) -> None:
        """Undoes ``add_letter``, as well as it can be: habits have moved on since. No sum falls below nothing."""
        self.add_letter([replace(one, share=-one.share) for one in lessons], habits)
        self.letters = {sign: max(number, 0.0) for sign, number in self.letters.items()}
        for row in (*self.ways.values(), self.logs, self.squares):
            row[:] = [max(one, 0.0) for one in row]


def learn(tally: Tally) -> Habits:
    """The habits of a site with this tally; the usual ones without any letter and lease."""
    return Habits(
        readiness={sign: _readiness(tally, sign) for sign in SIGNS},
        shares={way: _shares(tally, way) for way in USUAL.shares},
        parts=tuple(_part(tally, n) for n in range(len(USUAL.parts))),
        letters=sum(map(sum, tally.ways.values())),
    )


def _readiness(tally: Tally, sign: Sign) -> float:
    """Letters by leases; IMAGINED letters by as many leases as the usual readiness needs for them."""
    letters = tally.letters.get(sign, 0.0) + IMAGINED
    leases = tally.leases.get(sign, 0.0) + IMAGINED / USUAL.readiness[sign]
    return min(max(letters / leases, _LEAST_READY), _MOST_READY)


def _shares(tally: Tally, way: Way) -> tuple[float, ...]:
    found = tally.ways.get(way) or _zeros()
    sums = [one + IMAGINED * usual for one, usual in zip(found, USUAL.shares[way], strict=True)]
    return tuple(one / sum(sums) for one in sums)


def _part(tally: Tally, n: int) -> Part:
    usual = USUAL.parts[n]
    centre = math.log(usual.median)
    letters = sum(row[n] for row in tally.ways.values())
    mean = (tally.logs[n] + IMAGINED * centre) / (letters + IMAGINED)
    around = tally.squares[n] - 2 * mean * tally.logs[n] + letters * mean * mean
    imagined = IMAGINED * (usual.spread**2 + (mean - centre) ** 2)
    variance = max(around + imagined, 0.0) / (letters + IMAGINED)
    return Part(math.exp(mean), max(math.sqrt(variance), _LEAST_SPREAD))
