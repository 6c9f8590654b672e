"""Are letters said to be 0.9 sure right in nine cases of ten? The expected calibration error, less what chance makes.

    ten groups of as many letters each, by confidence
    gap    = mean confidence − share right                                of a group
    error  = Σ over groups  n/N · √max(0, gap² − Σ p·(1−p)/n²)

Groups of equal number (Nguyen and O'Connor, EMNLP 2015) rather than of equal width, because most confidences are near
1 and the other groups would be of two or three letters. The subtracted term is the variance that the group's share
has when every confidence is true: a week has some 120 letters, so a group twelve, and even a perfect judge shows an
error of 0.03 there. Taking the chance off in squares is the bias correction of Kumar, Liang and Ma (NeurIPS 2019).
``plain_error`` leaves it in.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

GROUPS = 10

Judged = tuple[float, bool]
"""A confidence, and whether the answer was right."""


def calibration_error(judged: Sequence[Judged]) -> float:
    """From 0 to 1; 0 without letters."""
    error = 0.0
    for group in _groups(judged):
        number = len(group)
        variance = sum(p * (1 - p) for p, _ in group) / number**2
        error += number * math.sqrt(max(0.0, _gap(group) ** 2 - variance))
    return error / len(judged) if judged else 0.0


def plain_error(judged: Sequence[Judged]) -> float:
    """As ``calibration_error``, with what chance adds."""
    return sum(len(group) * abs(_gap(group)) for group in _groups(judged)) / len(judged) if judged else 0.0


def _gap(group: Sequence[Judged]) -> float:
    return sum(p - right for p, right in group) / len(group)


def _groups(judged: Sequence[Judged]) -> Iterator[Sequence[Judged]]:
    ordered = sorted(judged)
    for n in range(GROUPS):
        group = ordered[n * len(ordered) // GROUPS : (n + 1) * len(ordered) // GROUPS]
        if group:
            yield group
