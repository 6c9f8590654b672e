"""Why this holder and not another, in words: what a candidate did, and the factors that decided.

    visit 7 held pool3@… (lent at …) when the letter was written at …, and clicked it 4 min before; weighed against 2
    other holders, the next likeliest visit 5, which copied it 9 h before; what decided: the time since then speaks
    120 times as much for it, and a click is twice as likely to be followed by a letter: 98 %

A weight is a product, so each factor's part in the decision is the ratio of the two holders' factors. Those that favour
the candidate at least twofold are told, the greatest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from wherefrom.inbox.evidence import Holding
from wherefrom.inbox.words import listing, moment_words, percent
from wherefrom.inbox.written import Written
from wherefrom.substitution.habits import Habits, Sign

_DEEDS: dict[Sign, str] = {
    "visible": "had it in view",
    "select": "selected it",
    "copy": "copied it",
    "mailto": "clicked it",
}
_NOUNS: dict[Sign, str] = {"visible": "a look", "select": "a selection", "copy": "a copy", "mailto": "a click"}
_TOLD_FROM = 2.0
_TOLD_AT_MOST = 3


class Claimed(Struct, frozen=True):
    """A holder as weighed: by which ``sign`` of when, the ``rate`` of letters that gives, what is ``left`` when its
    letter has come already, and how much more likely it is for a sender who is ``familiar``."""

    holding: Holding
    sign: Sign
    since: datetime
    rate: float
    left: float
    familiar: float

    @property
    def weight(self) -> float:
        return self.rate * self.left * self.familiar


def explain(ranked: Sequence[Claimed], confidence: float, written: Written, habits: Habits, rivals: int) -> str:
    """The reason of the first of ``ranked``; the second, if any, is who it was weighed against."""
    one, rival = ranked[0], ranked[1] if len(ranked) > 1 else None
    words = [_holder_words(one, written), _rival_words(rivals, rival, written.likeliest)]
    factors = _factors(one, rival, habits)
    if factors:
        words.append(f"what decided: {listing(factors)}")
    return f"{'; '.join(words)}: {percent(confidence)}"


def _factors(one: Claimed, rival: Claimed | None, habits: Habits) -> list[str]:
    found: list[tuple[float, str]] = []
    if one.familiar > 1:
        found.append((one.familiar, "the sender is known from an earlier letter"))
    if rival is not None:
        ready, other = habits.readiness[one.sign], habits.readiness[rival.sign]
        sign = f"letters follow {percent(ready)} of {_plural(one.sign)}, {percent(other)} of {_plural(rival.sign)}"
        since = (one.rate / ready) / (rival.rate / other) if rival.rate else 1.0
        found += [
            (ready / other, sign),
            (since, f"so long after {_NOUNS[one.sign]} a letter is {_times(since)} as likely"),
            (one.left / rival.left, f"the letter of visit {rival.holding.visit_id} had come already"),
        ]
    return [words for ratio, words in sorted(found, reverse=True) if ratio >= _TOLD_FROM][:_TOLD_AT_MOST]


def _plural(sign: Sign) -> str:
    return f"{_NOUNS[sign].removeprefix('a ')}s" if sign != "copy" else "copies"


def _times(ratio: float) -> str:
    return "over 1000 times" if ratio > 1000 else f"{ratio:.0f} times"


def _holder_words(one: Claimed, written: Written) -> str:
    holding, moment = one.holding, written.likeliest
    began = moment_words(holding.leased_at)
    lent = "shared" if holding.shared else "lent"
    if holding.leased_at >= moment + timedelta(seconds=1):
        held = f"got {holding.address} at {began}, after the letter's Date but before a server took the letter"
    elif moment <= holding.expires_at:
        held = f"held {holding.address} ({lent} at {began}) when the letter was written at {moment_words(moment)}"
    else:
        held = (
            f"held {holding.address} from {began} to {moment_words(holding.expires_at)}; "
            f"the letter was written {_span(moment - holding.last_seen_at)} after the visit was last seen"
        )
    seen = any(signal.kind == "visible" for signal in holding.signals)
    if one.sign == "visible" and not seen:
        return f"visit {holding.visit_id} {held}"
    return f"visit {holding.visit_id} {held}, and {_deed(one, moment)}"


def _deed(one: Claimed, moment: datetime) -> str:
    return f"{_DEEDS[one.sign]} {_span(moment - one.since)} before"


def _rival_words(rivals: int, rival: Claimed | None, moment: datetime) -> str:
    if rivals == 0 or rival is None:
        return "nobody else held it before"
    who = f"visit {rival.holding.visit_id}, which {_deed(rival, moment)}"
    if rivals == 1:
        return f"weighed against one other holder, {who}"
    return f"weighed against {rivals} other holders, above all {who}"


def _span(span: timedelta) -> str:
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} days"
