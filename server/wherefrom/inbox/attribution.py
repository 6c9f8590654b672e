"""Which visit did the letter come from? Rules in order; all are recorded, the first that answers wins.

| rule | answers when | confidence |
| --- | --- | --- |
| code | a recipient is an unguessable code that was given out | 0.99; two visits' codes: 0.70, the others share 0.29 |
| code | a recipient carries the bare visit number (guessable) | 0.85; later than a day after a visit 0.65 |
| pool | one holder's part of the posterior is 0.20 or more, and above "none of them" (``pool``) | that part |
| thread | In-Reply-To or References name a matched letter | the parent's × 0.97; parents of parents × 0.5 |
| sender | the sender's last letter of the last 365 days is matched | its confidence × 0.8, halved every 30 days |
| quoted | the text quotes a coded address that was given out | 0.80, guessable 0.50 |

- A code nobody was given matches nothing: it is forged or mistyped. A bare visit number written before that visit
  existed was guessed.
- The pool steps back when the letter answers a letter of another visit: whoever replies is in the thread, whoever
  happens to hold the address now is not. When both name one visit, the higher confidence counts. A source's letter in
  the thread is no such witness: it may be of anybody, and a pool's holder is somebody.
- Automatic mail is not written by a visitor: pool and sender do not answer for it.

Answers for the decision alone: no database, no clock of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from wherefrom.inbox.evidence import Candidate, Evidence, Holding, Rule, Verdict
from wherefrom.inbox.pool import MOST_CANDIDATES, SECOND, Weighing, learn_from, weigh_pool
from wherefrom.inbox.words import listing, moment_words, percent
from wherefrom.inbox.written import Written, estimate_written
from wherefrom.substitution.lease import NOBODY
from wherefrom.substitution.tally import Credit

CODE, CODE_OF_SEVERAL, CODE_OTHERS = 0.99, 0.70, 0.29
GUESSABLE_FRESH, GUESSABLE_LATE = 0.85, 0.65
POOL_LEAST = 0.20
THREAD, THREAD_FARTHER = 0.97, 0.5
SENDER, SENDER_HALF_LIFE, SENDER_LONGEST = 0.8, timedelta(days=30), timedelta(days=365)
QUOTED, QUOTED_GUESSABLE = 0.80, 0.50

_ORDER: tuple[Rule, ...] = ("code", "pool", "thread", "sender", "quoted")


def attribute(evidence: Evidence) -> Verdict:
    """The verdict on ``evidence``. Never raises; no evidence gives rule ``none`` with confidence 0."""
    written = estimate_written(evidence.header_at, evidence.first_hop_at, evidence.arrived_at)
    thread, thread_words = _by_thread(evidence)
    weighing = weigh_pool(evidence.pool, written, evidence.by_sender, evidence.habits)
    found: dict[Rule, tuple[list[Candidate], str]] = {
        "code": _by_code(evidence, written),
        "pool": _by_pool(evidence, written, weighing),
        "thread": (thread, thread_words),
        "sender": _by_sender(evidence),
        "quoted": _by_quote(evidence, written),
    }
    witness = [] if evidence.thread and evidence.thread[0].visitor_id == NOBODY else thread[:1]
    found["pool"] = _yield_to_thread(*found["pool"], witness)
    winner = next((rule for rule in _ORDER if _answers(rule, found[rule][0], evidence, witness, weighing.none)), None)
    order = sorted(_ORDER, key=lambda rule: (rule != winner, _ORDER.index(rule)))
    reasons = tuple(f"{rule}: {found[rule][1]}" for rule in order if found[rule][1])
    candidates = tuple(c for rule in order for c in found[rule][0])[:MOST_CANDIDATES]
    credits = _credits(winner, evidence, written, weighing, candidates)
    if winner is None:
        return Verdict("none", None, None, 0.0, reasons, candidates, credits)
    best = candidates[0]
    return Verdict(winner, best.visit_id, best.lease_id, best.confidence, reasons, candidates, credits)


def _credits(
    winner: Rule | None, evidence: Evidence, written: Written, weighing: Weighing, candidates: Sequence[Candidate]
) -> tuple[Credit, ...]:
    """Only a person's first letter teaches how visitors write: not the next one of a talk, not a machine's, and not one
    of a source, of whose visitors no moment is known."""
    if evidence.automatic or evidence.thread or evidence.by_sender:
        return ()
    if winner == "code" and candidates[0].confidence >= CODE:
        holding = next(one for one in evidence.coded if one.lease_id == candidates[0].lease_id)
        if holding.visitor_id == NOBODY:
            return ()
        lesson = learn_from(holding, written.likeliest, candidates[0].confidence, counts=False)
        return () if lesson is None else (Credit(holding.lease_id, holding.visit_id, holding.address, lesson),)
    return weighing.credits if winner in ("pool", None) else ()


def _answers(
    rule: Rule, candidates: Sequence[Candidate], evidence: Evidence, witness: Sequence[Candidate], none: float
) -> bool:
    if not candidates:
        return False
    if rule == "pool":
        elsewhere = bool(witness) and witness[0].visit_id != candidates[0].visit_id
        return not evidence.automatic and not elsewhere and candidates[0].confidence >= max(POOL_LEAST, none)
    return rule != "sender" or not evidence.automatic


def _by_code(evidence: Evidence, written: Written) -> tuple[list[Candidate], str]:
    words = []
    if evidence.unknown_codes:
        plural = len(evidence.unknown_codes) > 1
        words.append(
            f"{'codes' if plural else 'code'} {listing(evidence.unknown_codes)} "
            f"{'are' if plural else 'is'} unknown: forged or mistyped"
        )
    possible = []
    for holding in evidence.coded:
        moment = written.latest if holding.guessable else evidence.arrived_at
        if holding.leased_at < moment + SECOND:
            possible.append(holding)
        else:
            words.append(
                f"{holding.address} was first shown at {moment_words(holding.leased_at)}, after the letter was written"
            )
    candidates = _code_candidates(possible, written)
    if candidates:
        words.insert(0, candidates[0].reason)
        if len(candidates) > 1:
            words.insert(1, f"the letter names codes of {len(candidates)} visits")
    return candidates, "; ".join(words)


def _code_candidates(holdings: Iterable[Holding], written: Written) -> list[Candidate]:
    """One candidate per visit: codes before guessable numbers, then the header of most trust, then the latest."""
    ranked = sorted(holdings, key=lambda h: (h.guessable, -h.trust, -h.leased_at.timestamp(), -h.lease_id))
    firsts: dict[int, Holding] = {}
    for holding in ranked:
        firsts.setdefault(holding.visit_id, holding)
    chosen = list(firsts.values())
    candidates = [_code_candidate(holding, written) for holding in chosen]
    if len(candidates) < 2:
        return candidates
    first = replace(candidates[0], confidence=min(candidates[0].confidence, CODE_OF_SEVERAL))
    share = CODE_OTHERS / (len(candidates) - 1)
    return [first, *(replace(one, confidence=min(one.confidence, share)) for one in candidates[1:])]


def _code_candidate(holding: Holding, written: Written) -> Candidate:
    of_source = holding.visitor_id == NOBODY
    seers = f"everybody who came by source {holding.visit_id}" if of_source else f"visit {holding.visit_id} alone"
    who = f"{holding.address} was shown to {seers}"
    if not holding.guessable:
        return Candidate(holding.visit_id, "code", CODE, who, holding.lease_id)
    fresh = of_source or written.likeliest <= holding.last_seen_at + timedelta(days=1)
    late = "" if fresh else ", and it came long after that visit"
    return Candidate(
        holding.visit_id,
        "code",
        GUESSABLE_FRESH if fresh else GUESSABLE_LATE,
        f"{who}, but it carries the bare visit number, which anybody can guess{late}",
        holding.lease_id,
    )


def _by_pool(evidence: Evidence, written: Written, weighing: Weighing) -> tuple[list[Candidate], str]:
    if not evidence.pool:
        return [], ""
    candidates = list(weighing.candidates)
    if not candidates:
        return [], "no lease of the address had begun when the letter was written"
    words = f"{candidates[0].reason} (time of writing {written.words})"
    if evidence.automatic:
        words += f"; not counted, the letter is automatic ({evidence.automatic})"
    elif candidates[0].confidence < POOL_LEAST:
        words += f"; not counted, below {percent(POOL_LEAST)} is a guess"
    elif candidates[0].confidence < weighing.none:
        words += f"; not counted, it is likelier that none of them wrote ({percent(weighing.none)})"
    return candidates, words


def _yield_to_thread(
    candidates: list[Candidate], words: str, parents: Sequence[Candidate]
) -> tuple[list[Candidate], str]:
    if not candidates or not parents:
        return candidates, words
    best, parent = candidates[0], parents[0]
    if parent.visit_id != best.visit_id:
        return candidates, f"{words}; not counted, the letter answers one of visit {parent.visit_id}"
    if parent.confidence <= best.confidence:
        return candidates, words
    # The thread is a second witness for the same visit: what it adds, the runners-up lose.
    rest = (1 - parent.confidence) / (1 - best.confidence)
    others = [replace(one, confidence=one.confidence * rest) for one in candidates[1:]]
    told = f"{words}; the thread names the same visit: {percent(parent.confidence)}"
    return [replace(best, confidence=parent.confidence), *others], told


def _by_thread(evidence: Evidence) -> tuple[list[Candidate], str]:
    candidates: dict[int, Candidate] = {}
    for earlier in evidence.thread:
        if earlier.visit_id in candidates:
            continue
        factor = THREAD if not candidates else THREAD_FARTHER
        reason = f"it answers the letter of {moment_words(earlier.at)}, which is of visit {earlier.visit_id}"
        candidates[earlier.visit_id] = Candidate(
            earlier.visit_id, "thread", earlier.confidence * factor, reason, earlier.lease_id
        )
    return _first_then_best(list(candidates.values()))


def _by_sender(evidence: Evidence) -> tuple[list[Candidate], str]:
    if evidence.sender_excluded:
        return [], evidence.sender_excluded
    candidates: dict[int, Candidate] = {}
    for earlier in evidence.by_sender:
        age = max(evidence.arrived_at - earlier.at, timedelta())
        if age > SENDER_LONGEST or earlier.visit_id in candidates:
            continue
        factor = SENDER * 0.5 ** (age / SENDER_HALF_LIFE) * (1.0 if not candidates else 0.25)
        reason = (
            f"{evidence.sender} wrote on {moment_words(earlier.at)}, {age.days} days before, "
            f"and that letter is of visit {earlier.visit_id}"
        )
        candidates[earlier.visit_id] = Candidate(
            earlier.visit_id, "sender", earlier.confidence * factor, reason, earlier.lease_id
        )
    found, words = _first_then_best(list(candidates.values()))
    if found and evidence.automatic:
        words += f"; not counted, the letter is automatic ({evidence.automatic})"
    return found, words


def _by_quote(evidence: Evidence, written: Written) -> tuple[list[Candidate], str]:
    by_lease = {h.lease_id: h for h in evidence.quoted if h.leased_at < written.latest + SECOND}
    candidates = []
    for candidate in _code_candidates(by_lease.values(), written):
        holding = by_lease[candidate.lease_id or 0]
        ceiling = QUOTED_GUESSABLE if holding.guessable else QUOTED
        reason = f"the text quotes {holding.address}, which was shown to visit {holding.visit_id}"
        candidates.append(
            replace(candidate, rule="quoted", confidence=min(candidate.confidence, ceiling), reason=reason)
        )
    return _first_then_best(candidates)


def _first_then_best(candidates: list[Candidate]) -> tuple[list[Candidate], str]:
    """The first stays first (it is the rule's answer); runners-up by confidence, never above the answer's."""
    if not candidates:
        return [], ""
    first, *others = candidates
    capped = [replace(one, confidence=min(one.confidence, first.confidence)) for one in others]
    return [first, *sorted(capped, key=lambda one: -one.confidence)], first.reason
