"""Who of all that ever held a pool address wrote the letter? The whole lease history is weighed.

    weight(visit) = Σ over moments  share · max over contacts  readiness(contact) · density(moment − contact)
                    × SAME_SENDER · confidence   when a letter of this sender was matched to this visit or visitor
    confidence(visit) = CEILING · weight(visit) / (Σ weights + STRANGER)

| contact | readiness: how likely a letter follows it |
| --- | --- |
| the visit was there (its last sign of life before the moment) | 0.01 |
| visible: the address came into view | 0.02 |
| select | 0.08 |
| copy | 0.25 |
| mailto | 0.30 |

``density`` is the delay curve (``delay``). STRANGER 2e-8 per second stands for letters by people who never had a lease
(one in one and a half years and address), so that a lone holder of days ago is not called sure. CEILING 0.98: an
address may be handed on. SAME_SENDER 20,000: a stranger would hardly carry just this sender's name. Shared leases
need no rule of their own: each holder is weighed, and the confidence is the share.

A lease that began after the letter was written weighs nothing; stamps in mail are whole seconds, so a lease counts
from the second it began in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from wherefrom.inbox.delay import DelayCurve
from wherefrom.inbox.evidence import Candidate, Earlier, Holding
from wherefrom.inbox.words import moment_words, percent
from wherefrom.inbox.written import Written

READINESS = {"visible": 0.02, "select": 0.08, "copy": 0.25, "mailto": 0.30}
PRESENT = 0.01
STRANGER = 2e-8
CEILING = 0.98
SAME_SENDER = 20_000.0
SECOND = timedelta(seconds=1)

_DEEDS = {
    "visible": "had it in view",
    "select": "selected it",
    "copy": "copied it",
    "mailto": "clicked it",
}


def weigh_pool(
    holdings: Sequence[Holding], written: Written, by_sender: Sequence[Earlier], curve: DelayCurve
) -> list[Candidate]:
    """A candidate per visit, the likeliest first; confidences sum to less than 1. Empty without a possible holder."""
    weights: dict[int, float] = {}
    strongest: dict[int, tuple[float, Holding]] = {}
    for holding in holdings:
        weight = _weight(holding, written, curve) * _familiarity(holding, by_sender)
        if weight <= 0:
            continue
        weights[holding.visit_id] = max(weight, weights.get(holding.visit_id, 0.0))
        if weight >= strongest.get(holding.visit_id, (0.0, holding))[0]:
            strongest[holding.visit_id] = (weight, holding)
    total = sum(weights.values()) + STRANGER
    ranked = sorted(weights.items(), key=lambda one: (-one[1], -one[0]))
    return [
        _candidate(strongest[visit_id][1], CEILING * weight / total, written, len(ranked) - 1)
        for visit_id, weight in ranked
    ]


def last_contact(holding: Holding, moment: datetime) -> datetime | None:
    """The latest sign of the visit and its interest up to ``moment``; None when the lease had not begun."""
    if not _begun(holding.leased_at, moment):
        return None
    stamps = [min(max(holding.last_seen_at, holding.leased_at), moment)]
    stamps += [min(signal.at, moment) for signal in holding.signals if _begun(signal.at, moment)]
    return max(stamps)


def _begun(at: datetime, moment: datetime) -> bool:
    return at < moment + SECOND


def _weight(holding: Holding, written: Written, curve: DelayCurve) -> float:
    return sum(share * _weight_at(holding, moment, curve) for moment, share in written.moments)


def _weight_at(holding: Holding, moment: datetime, curve: DelayCurve) -> float:
    if not _begun(holding.leased_at, moment):
        return 0.0
    contacts = [(PRESENT, min(max(holding.last_seen_at, holding.leased_at), moment))]
    contacts += [(READINESS[s.kind], s.at) for s in holding.signals if _begun(s.at, moment)]
    return max(readiness * curve.density(max((moment - at).total_seconds(), 0.0)) for readiness, at in contacts)


def _familiarity(holding: Holding, by_sender: Sequence[Earlier]) -> float:
    """How much more likely this holder is for having written before."""
    known = [
        earlier.confidence
        for earlier in by_sender
        if earlier.visit_id == holding.visit_id
        or (holding.visitor_id is not None and earlier.visitor_id == holding.visitor_id)
    ]
    return max(1.0, SAME_SENDER * max(known, default=0.0))


def _candidate(holding: Holding, confidence: float, written: Written, rivals: int) -> Candidate:
    return Candidate(
        holding.visit_id,
        "pool",
        confidence,
        f"{_holder_words(holding, written)}; {_rival_words(rivals)}: {percent(confidence)}",
        holding.lease_id,
    )


def _holder_words(holding: Holding, written: Written) -> str:
    moment = written.likeliest
    began = moment_words(holding.leased_at)
    lent = "shared" if holding.shared else "lent"
    if not _begun(holding.leased_at, moment):
        held = f"got {holding.address} at {began}, after the letter's Date but before a server took the letter"
    elif moment <= holding.expires_at:
        held = f"held {holding.address} ({lent} at {began}) when the letter was written at {moment_words(moment)}"
    else:
        held = (
            f"held {holding.address} from {began} to {moment_words(holding.expires_at)}; "
            f"the letter was written {_span(moment - holding.last_seen_at)} after the visit was last seen"
        )
    deeds = [signal for signal in holding.signals if _begun(signal.at, moment)]
    if not deeds:
        return f"visit {holding.visit_id} {held}"
    best = max(deeds, key=lambda signal: READINESS[signal.kind])
    return f"visit {holding.visit_id} {held}, and {_DEEDS[best.kind]} {_span(moment - best.at)} before"


def _rival_words(rivals: int) -> str:
    if rivals == 0:
        return "nobody else held it before"
    if rivals == 1:
        return "weighed against one other holder"
    return f"weighed against {rivals} other holders"


def _span(span: timedelta) -> str:
    seconds = max(int(span.total_seconds()), 0)
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    if seconds < 172_800:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} days"
