"""What holds for every verdict, whatever the evidence."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.inbox.evidence_samples import at, holding
from wherefrom.inbox.attribution import attribute
from wherefrom.inbox.evidence import Earlier, Evidence, Holding, Signal
from wherefrom.inbox.pool import SECOND, SURE, moderate, weigh_pool
from wherefrom.inbox.written import estimate_written
from wherefrom.substitution.habits import SIGNS, USUAL
from wherefrom.substitution.tally import Lesson, Tally, learn

minutes = st.integers(-60 * 24 * 8, 60 * 24 * 8)
moments = minutes.map(at)
signals = st.builds(Signal, st.sampled_from(["visible", "mailto", "copy", "select"]), moments)


@st.composite
def holdings(draw: st.DrawFn) -> Holding:
    start = draw(minutes)
    return holding(
        draw(st.integers(1, 12)),
        start,
        start + draw(st.integers(0, 500)),
        *draw(st.lists(signals, max_size=3)),
        lease_id=draw(st.integers(1, 10**6)),
        visitor_id=draw(st.none() | st.integers(1, 4)),
        guessable=draw(st.booleans()),
        trust=draw(st.integers(1, 8)),
        spent=draw(st.floats(0, 1)),
    )


earliers = st.builds(
    Earlier,
    message_id=st.integers(1, 99),
    visit_id=st.integers(1, 12),
    confidence=st.floats(0, 1),
    at=moments,
    lease_id=st.none() | st.integers(1, 99),
    visitor_id=st.none() | st.integers(1, 4),
)
lessons = st.builds(Lesson, st.sampled_from(SIGNS), st.floats(0, 10**7), st.floats(0, 1), st.booleans())


@st.composite
def learned(draw: st.DrawFn) -> object:
    """Habits of a site that has seen some letters and leases."""
    tally = Tally()
    tally.add_leases({sign: draw(st.integers(0, 10**5)) for sign in SIGNS})
    for _ in range(draw(st.integers(0, 3))):
        tally.add_letter(draw(st.lists(lessons, max_size=3)), USUAL)
    return learn(tally)


several = st.lists(holdings(), max_size=5).map(tuple)
evidences = st.builds(
    Evidence,
    arrived_at=moments,
    header_at=st.none() | moments,
    first_hop_at=st.none() | moments,
    automatic=st.sampled_from(["", "list"]),
    coded=several,
    unknown_codes=st.lists(st.just("a+b@c.example"), max_size=2).map(tuple),
    pool=several,
    thread=st.lists(earliers, max_size=3).map(tuple),
    sender=st.just("x@y.example"),
    sender_excluded=st.sampled_from(["", "role"]),
    by_sender=st.lists(earliers, max_size=3).map(tuple),
    quoted=several,
    habits=learned(),
)


@given(evidences)
def test_every_confidence_is_a_share_and_every_answer_has_its_reason(evidence: Evidence) -> None:
    verdict = attribute(evidence)
    assert 0 <= verdict.confidence <= 1
    assert all(0 <= candidate.confidence <= 1 and candidate.reason for candidate in verdict.candidates)
    if verdict.rule == "none":
        assert (verdict.visit_id, verdict.lease_id, verdict.confidence) == (None, None, 0.0)
    else:
        assert verdict.reasons[0].startswith(f"{verdict.rule}: ")
        best = verdict.candidates[0]
        assert (best.rule, best.visit_id, best.confidence) == (verdict.rule, verdict.visit_id, verdict.confidence)


@given(evidences)
def test_within_a_rule_candidates_fall_and_name_each_visit_once(evidence: Evidence) -> None:
    by_rule: dict[str, list[tuple[int, float]]] = {}
    for candidate in attribute(evidence).candidates:
        by_rule.setdefault(candidate.rule, []).append((candidate.visit_id, candidate.confidence))
    for rule, found in by_rule.items():
        assert [confidence for _, confidence in found] == sorted((c for _, c in found), reverse=True), rule
        assert len({visit for visit, _ in found}) == len(found)


@given(evidences)
def test_code_and_pool_share_out_at_most_one(evidence: Evidence) -> None:
    candidates = attribute(evidence).candidates
    for rule in ("code", "pool"):
        assert sum(c.confidence for c in candidates if c.rule == rule) <= 1 + 1e-9


@given(evidences)
def test_no_lease_of_the_future_is_ever_chosen(evidence: Evidence) -> None:
    verdict = attribute(evidence)
    latest = estimate_written(evidence.header_at, evidence.first_hop_at, evidence.arrived_at).latest
    started = {h.lease_id: h.leased_at for h in (*evidence.pool, *evidence.coded, *evidence.quoted)}
    if verdict.rule == "pool":
        begun = [h.leased_at for h in evidence.pool if h.visit_id == verdict.visit_id]
        assert min(begun) < latest + SECOND
    elif verdict.rule == "code":
        assert verdict.lease_id is not None
        assert min(started[verdict.lease_id], *(h.leased_at for h in evidence.coded)) < evidence.arrived_at + SECOND


@given(evidences, st.randoms())
def test_the_order_of_the_lease_history_does_not_matter(evidence: Evidence, chance: random.Random) -> None:
    written = estimate_written(evidence.header_at, evidence.first_hop_at, evidence.arrived_at)
    shuffled = list(evidence.pool)
    chance.shuffle(shuffled)
    one = weigh_pool(evidence.pool, written, (), evidence.habits).candidates
    other = weigh_pool(shuffled, written, (), evidence.habits).candidates
    assert [(c.visit_id, round(c.confidence, 9)) for c in one] == [(c.visit_id, round(c.confidence, 9)) for c in other]


@given(evidences)
def test_the_holders_and_none_of_them_share_out_exactly_one(evidence: Evidence) -> None:
    written = estimate_written(evidence.header_at, evidence.first_hop_at, evidence.arrived_at)
    weighing = weigh_pool(evidence.pool, written, evidence.by_sender, evidence.habits)
    assert abs(sum(c.confidence for c in weighing.candidates) + weighing.none - 1) < 1e-9
    assert sum(credit.lesson.share for credit in weighing.credits) <= 1 + 1e-9


@given(evidences, st.floats(0, 1))
def test_a_visit_whose_letter_has_come_is_never_believed_more_for_it(evidence: Evidence, spent: float) -> None:
    if not evidence.pool:
        return
    first, *others = evidence.pool
    written = estimate_written(evidence.header_at, evidence.first_hop_at, evidence.arrived_at)
    alone = [one for one in others if one.visit_id != first.visit_id]

    def confidence(one: Holding) -> float:
        found = weigh_pool([one, *alone], written, (), USUAL).candidates
        return next((c.confidence for c in found if c.visit_id == first.visit_id), 0.0)

    assert confidence(replace(first, spent=max(spent, first.spent))) <= confidence(first) + 1e-9


@given(st.floats(1e-12, 1), st.floats(1e-12, 1), st.floats(0, 1e6))
def test_moderation_takes_from_the_sure_and_keeps_the_order(weight: float, rest: float, letters: float) -> None:
    plain, said = weight / (weight + rest), moderate(weight, rest, letters)
    assert 0 <= said <= max(plain, 0.5) + 1e-12
    assert (said > 0.5) == (plain > 0.5) or abs(plain - 0.5) < 1e-9
    assert moderate(weight * 2, rest, letters) >= said
    assert moderate(weight, rest, letters * 2) >= said


@given(evidences)
def test_sure_holds_even_where_every_rival_is_twice_as_likely(evidence: Evidence) -> None:
    written = estimate_written(evidence.header_at, evidence.first_hop_at, evidence.arrived_at)
    found = weigh_pool(evidence.pool, written, evidence.by_sender, USUAL)
    if not found.candidates or found.candidates[0].confidence < SURE:
        return
    first = found.candidates[0]
    by_visit = {one.visit_id: one.lesson.share for one in found.credits}
    rivals = sum(share for visit_id, share in by_visit.items() if visit_id != first.visit_id)
    # A lease that began after the likeliest time of writing, but not after all of them, teaches nothing.
    own = by_visit.get(first.visit_id, 1 - rivals - found.none)
    assert own / (own + 2 * rivals) > 0.95


def test_the_more_letters_a_site_has_the_less_its_odds_are_doubted() -> None:
    assert moderate(19, 1, 0) < moderate(19, 1, 30) < moderate(19, 1, 3000) < 0.95
