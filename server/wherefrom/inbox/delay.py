"""How long people take from the page to the letter: one curve, the usual one or a site's own.

The delay from the last contact with an address (seen, clicked, copied) until the letter is written has a heavy tail:
most write within minutes, a few after days. A Lomax curve describes that with one scale:

    density(d) = shape/scale · (1 + d/scale)^-(shape+1)        shape 0.6, usual scale 600 s: half within 22 minutes

Sites differ in the scale (a hotline's visitors write at once, a machine builder's sleep on it), so it is learned from
letters whose visit is certain; 50 imagined usual ones keep a handful of letters from deciding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

_SHAPE = 0.6
_USUAL_SCALE = 600.0
_IMAGINED = 50
_LEAST, _MOST = 60.0, 14_400.0
_MEDIAN_OF_SCALE_1 = 2 ** (1 / _SHAPE) - 1


@dataclass(frozen=True, slots=True)
class DelayCurve:
    """``scale`` in seconds."""

    scale: float = _USUAL_SCALE

    def density(self, seconds: float) -> float:
        """Per second, for a delay of ``seconds``; 0 before the contact."""
        if seconds < 0:
            return 0.0
        return _SHAPE / self.scale * float((1 + seconds / self.scale) ** -(_SHAPE + 1))


USUAL = DelayCurve()


def learn_curve(delays: Sequence[float]) -> DelayCurve:
    """The curve of a site with these ``delays`` (seconds, of exact matches); the usual one without any."""
    known = [delay for delay in delays if delay >= 0]
    if not known:
        return USUAL
    observed = min(max(median(known) / _MEDIAN_OF_SCALE_1, _LEAST), _MOST)
    logarithm = len(known) * math.log(observed) + _IMAGINED * math.log(_USUAL_SCALE)
    return DelayCurve(math.exp(logarithm / (len(known) + _IMAGINED)))
