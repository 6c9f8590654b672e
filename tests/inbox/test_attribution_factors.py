"""E02, E03: what decided is said, what a letter teaches is kept, and other habits decide otherwise."""

import dataclasses

from tests.inbox.evidence_samples import code, earlier, holding, signal, written
from wherefrom.inbox.attribution import attribute
from wherefrom.inbox.evidence import Verdict
from wherefrom.substitution.habits import USUAL


def reason(verdict: Verdict) -> str:
    return verdict.reasons[0]


def test_the_reason_names_the_rival_and_the_sign_that_decided() -> None:
    verdict = attribute(written(30, pool=(holding(1, 0, 5), holding(2, 1, 5, signal("copy", 3)))))
    assert "visit 2" in reason(verdict)
    assert "copied it 27 min before" in reason(verdict)
    assert "one other holder, visit 1, which had it in view 25 min before" in reason(verdict)
    assert "what decided: letters follow 30 % of copies, under 1 % of looks" in reason(verdict)


def test_the_reason_names_the_delay_when_that_decided() -> None:
    early, late = holding(1, 0, 5, signal("mailto", 4)), holding(2, 300, 305, signal("mailto", 302))
    verdict = attribute(written(306, pool=(early, late)))
    assert verdict.visit_id == 2
    assert "so long after a click a letter is" in reason(verdict)
    assert "letters follow" not in reason(verdict)


def test_the_reason_names_the_known_sender() -> None:
    pool = (holding(1, 0, 5, visitor_id=50), holding(2, 1, 5, visitor_id=60))
    verdict = attribute(written(6, pool=pool, sender="x@y.example", by_sender=(earlier(9, -9000, visitor_id=60),)))
    assert verdict.visit_id == 2
    assert "what decided: the sender is known from an earlier letter" in reason(verdict)


def test_who_has_written_already_makes_way_and_the_reason_says_so() -> None:
    wrote, looked = holding(1, 0, 5, signal("mailto", 4), spent=1.0), holding(2, 1, 5)
    assert attribute(written(20, pool=(dataclasses.replace(wrote, spent=0.0), looked))).visit_id == 1
    verdict = attribute(written(40, pool=(dataclasses.replace(wrote, signals=()), looked)))
    assert verdict.visit_id == 2
    assert "the letter of visit 1 had come already" in reason(verdict)


def test_every_candidate_says_its_own_reason() -> None:
    verdict = attribute(written(6, pool=(holding(1, 0, 5), holding(2, 1, 5, signal("copy", 3)))))
    assert [c.visit_id for c in verdict.candidates] == [2, 1]
    assert verdict.candidates[1].reason.startswith("visit 1 held")
    assert "weighed against one other holder, visit 2" in verdict.candidates[1].reason


def test_none_of_them_wins_over_a_holder_of_weeks_ago() -> None:
    verdict = attribute(written(60 * 24 * 20, pool=(holding(1, 0, 5, signal("copy", 3)),)))
    assert verdict.rule == "none"
    assert verdict.candidates[0].confidence < 0.5


def test_a_site_whose_visitors_sleep_on_it_believes_the_copy_of_yesterday() -> None:
    yesterday, now = holding(1, 0, 5, signal("copy", 3)), holding(2, 1500, 1505)
    evidence = written(1512, pool=(yesterday, now))
    assert attribute(evidence).visit_id == 2
    slow = dataclasses.replace(USUAL, shares={**USUAL.shares, "hand": (0.01, 0.04, 0.95)})
    assert attribute(dataclasses.replace(evidence, habits=slow)).visit_id == 1


def test_a_letter_teaches_who_may_have_written_it_and_after_how_long() -> None:
    verdict = attribute(written(30, pool=(holding(1, 0, 4), holding(2, 10, 15, signal("copy", 12)))))
    (best, other) = verdict.credits
    assert (best.lease_id, best.lesson.sign, best.lesson.seconds, best.lesson.counts) == (20, "copy", 18 * 60, True)
    assert (other.lease_id, other.lesson.sign, other.lesson.seconds) == (10, "visible", 28 * 60)
    assert best.lesson.share + other.lesson.share < 1


def test_a_letter_to_a_code_teaches_the_delay_but_not_how_many_write() -> None:
    (credit,) = attribute(written(30, coded=(code(7, 0),))).credits
    assert (credit.lesson.share, credit.lesson.counts) == (0.99, False)


def test_talk_and_machines_teach_nothing() -> None:
    pool = (holding(1, 0, 5),)
    assert attribute(written(9, pool=pool)).credits
    assert not attribute(written(9, pool=pool, automatic="list")).credits
    assert not attribute(written(9, pool=pool, thread=(earlier(1, 2),))).credits
    assert not attribute(written(9, pool=pool, sender="x@y.example", by_sender=(earlier(1, 2),))).credits
    assert not attribute(written(9, coded=(code(7, guessable=True),))).credits


def test_a_code_and_a_forged_one_decide_without_the_pool_and_never_by_it() -> None:
    verdict = attribute(written(5, coded=(code(7),), pool=(holding(1, 0, 5, signal("mailto", 4)),)))
    assert (verdict.rule, verdict.visit_id) == ("code", 7)


def test_of_100_000_forged_codes_none_matches() -> None:
    held = {code(visit).address for visit in range(200)}
    forged = (f"sales+{n:08x}@company.example" for n in range(100_000))
    for address in forged:
        assert address not in held
        verdict = attribute(written(5, unknown_codes=(address,)))
        assert (verdict.rule, verdict.visit_id, verdict.candidates) == ("none", None, ())
