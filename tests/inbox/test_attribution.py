"""Rules of attribution: exact codes, the pool's history, threads, senders; every answer says why."""

from datetime import timedelta

import pytest

from tests.inbox.evidence_samples import at, code, earlier, holding, signal, written
from wherefrom.inbox.attribution import GUESSABLE_FRESH, attribute
from wherefrom.inbox.evidence import Evidence
from wherefrom.substitution.lease import NOBODY


def test_e01_a_code_names_its_visit_almost_certainly() -> None:
    verdict = attribute(written(0, coded=(code(7),)))
    assert (verdict.rule, verdict.visit_id, verdict.lease_id, verdict.confidence) == ("code", 7, 70, 0.99)
    assert "shown to visit 7 alone" in verdict.reasons[0]


def test_a_code_holds_for_a_letter_written_a_year_later() -> None:
    assert attribute(written(60 * 24 * 365, coded=(code(7),))).confidence == 0.99


def test_e01_a_forged_code_matches_nothing_and_says_so() -> None:
    verdict = attribute(written(0, unknown_codes=("sales+qqqqqqqq@company.example",)))
    assert (verdict.rule, verdict.visit_id, verdict.confidence) == ("none", None, 0.0)
    assert verdict.reasons == ("code: code sales+qqqqqqqq@company.example is unknown: forged or mistyped",)


def test_a_forged_code_does_not_hide_the_known_sender() -> None:
    verdict = attribute(
        written(0, unknown_codes=("a+b@c.example",), sender="x@y.example", by_sender=(earlier(4, -60),))
    )
    assert (verdict.rule, verdict.visit_id) == ("sender", 4)
    assert any("forged or mistyped" in reason for reason in verdict.reasons)


def test_e02_a_bare_visit_number_is_believed_less_and_says_why() -> None:
    verdict = attribute(written(0, coded=(code(7, guessable=True),)))
    assert verdict.visit_id == 7
    assert verdict.confidence == 0.85
    assert "anybody can guess" in verdict.reasons[0]


def test_a_bare_visit_number_long_after_the_visit_is_believed_even_less() -> None:
    assert attribute(written(60 * 24 * 9, coded=(code(7, guessable=True),))).confidence == 0.65


def test_a_visit_number_written_before_the_visit_was_guessed() -> None:
    verdict = attribute(written(0, coded=(code(7, leased=3, guessable=True),)))
    assert verdict.rule == "none"
    assert "after the letter was written" in verdict.reasons[0]


def test_a_code_beats_a_writer_whose_clock_is_slow() -> None:
    evidence = Evidence(arrived_at=at(5), header_at=at(-90), coded=(code(7, leased=0),))
    assert attribute(evidence).visit_id == 7


def test_two_visits_codes_in_one_letter_give_the_most_trusted_header_and_a_doubt() -> None:
    verdict = attribute(written(0, coded=(code(7, trust=3), code(8, trust=8))))
    assert (verdict.visit_id, verdict.confidence) == (8, 0.70)
    assert [(c.visit_id, c.confidence) for c in verdict.candidates] == [(8, 0.70), (7, 0.29)]


def test_e01_the_holder_at_the_time_of_writing_is_sure_when_nobody_held_it_before() -> None:
    verdict = attribute(written(5, pool=(holding(1, 0, 5),)))
    assert (verdict.rule, verdict.visit_id) == ("pool", 1)
    assert verdict.confidence > 0.95
    assert "nobody else held it" in verdict.reasons[0]


def test_a_letter_written_before_the_address_was_lent_again_goes_to_the_earlier_holder() -> None:
    first, second = holding(1, 0, 10, signal("mailto", 9)), holding(2, 90, 95)
    evidence = Evidence(arrived_at=at(92), header_at=at(12), first_hop_at=at(12), pool=(first, second))
    verdict = attribute(evidence)
    assert verdict.visit_id == 1
    assert all(candidate.visit_id != 2 for candidate in verdict.candidates)


def test_a_click_of_an_hour_ago_contests_a_visit_that_is_only_there() -> None:
    clicked, shown = holding(1, 0, 10, signal("mailto", 10)), holding(2, 80, 82)
    contested = attribute(written(83, pool=(shown, clicked)))
    clear = attribute(written(83, pool=(shown, holding(1, 0, 10))))
    assert clear.visit_id == 2
    assert clear.confidence > 0.9
    assert contested.confidence < 0.85
    assert {c.visit_id for c in contested.candidates if c.confidence > 0.15} == {1, 2}


def test_a_past_holder_decays_with_time() -> None:
    confidences = [attribute(written(t, pool=(holding(1, 0, 5),))).candidates[0].confidence for t in (5, 60, 600, 6000)]
    assert confidences == sorted(confidences, reverse=True)
    assert confidences[-1] < 0.1


def test_a_guess_below_a_fifth_is_told_but_does_not_answer() -> None:
    verdict = attribute(written(60 * 24 * 10, pool=(holding(1, 0, 5),)))
    assert (verdict.rule, verdict.visit_id) == ("none", None)
    assert [c.visit_id for c in verdict.candidates] == [1]
    assert "a guess" in verdict.reasons[0]


def test_e02_two_who_share_an_address_share_the_confidence() -> None:
    verdict = attribute(written(5, pool=(holding(1, 0, 5), holding(2, 1, 5))))
    assert [c.confidence for c in verdict.candidates] == pytest.approx([0.49, 0.49], abs=0.01)
    assert "one other holder" in verdict.reasons[0]


def test_e03_intent_decides_between_two_who_share() -> None:
    verdict = attribute(written(5, pool=(holding(1, 0, 5), holding(2, 1, 5, signal("copy", 3)))))
    assert verdict.visit_id == 2
    assert verdict.confidence > 0.9
    assert "copied it 120 s before" in verdict.reasons[0] or "copied it 2 min before" in verdict.reasons[0]


def test_intent_after_the_letter_counts_nothing() -> None:
    verdict = attribute(written(5, pool=(holding(1, 0, 9, signal("mailto", 8)), holding(2, 1, 9))))
    assert [c.confidence for c in verdict.candidates] == pytest.approx([0.49, 0.49], abs=0.01)


def test_a_lease_that_began_after_the_letter_is_never_chosen() -> None:
    verdict = attribute(written(0, pool=(holding(1, 1, 9, signal("mailto", 2)),)))
    assert verdict.rule == "none"
    assert verdict.candidates == ()
    assert "no lease of the address had begun" in verdict.reasons[0]


def test_a_lease_begun_in_the_same_second_as_the_whole_second_stamp_counts() -> None:
    lease = holding(1, 0.4 / 60)
    assert attribute(Evidence(arrived_at=at(0), header_at=at(0), pool=(lease,))).visit_id == 1


def test_e01_a_known_sender_is_recognised_among_the_holders() -> None:
    old, new = holding(1, -60 * 24 * 3, -60 * 24 * 3 + 5), holding(2, 0, 4)
    stranger = attribute(written(5, pool=(old, new)))
    known = attribute(written(5, pool=(old, new), sender="x@y.example", by_sender=(earlier(1, -60 * 24 * 3),)))
    assert stranger.visit_id == 2
    assert stranger.confidence > 0.95
    assert known.confidence < 0.95
    assert known.candidates[1].confidence + known.candidates[0].confidence > 0.9


def test_a_returning_visitor_who_wrote_before_is_taken_for_the_present_visit() -> None:
    new, other = holding(2, 0, 4, visitor_id=50), holding(3, 1, 4, visitor_id=60)
    evidence = written(5, pool=(new, other), sender="x@y.example", by_sender=(earlier(1, -9000, visitor_id=50),))
    verdict = attribute(evidence)
    assert verdict.visit_id == 2
    assert verdict.confidence > 0.95


def test_e01_a_reply_belongs_to_its_thread_not_to_who_holds_the_address_now() -> None:
    verdict = attribute(written(5, pool=(holding(2, 0, 5),), thread=(earlier(1, -5000, 0.9),)))
    assert (verdict.rule, verdict.visit_id) == ("thread", 1)
    assert verdict.confidence == pytest.approx(0.873)
    assert any(reason.startswith("pool:") and "answers one of visit 1" in reason for reason in verdict.reasons)
    assert verdict.candidates[0].rule == "thread"


def test_a_thread_that_names_the_same_visit_makes_the_pool_surer() -> None:
    pool = (holding(1, 0, 5), holding(2, 1, 5, signal("visible", 2)))
    alone = attribute(written(6, pool=pool))
    with_thread = attribute(written(6, pool=pool, thread=(earlier(2, 2),)))
    assert alone.visit_id == with_thread.visit_id == 2
    assert with_thread.confidence > alone.confidence
    assert sum(c.confidence for c in with_thread.candidates if c.rule == "pool") < 1


def test_the_nearest_parent_of_a_thread_wins() -> None:
    verdict = attribute(written(0, thread=(earlier(5, -10), earlier(6, -20))))
    assert (verdict.rule, verdict.visit_id) == ("thread", 5)
    assert [c.visit_id for c in verdict.candidates] == [5, 6]


def test_a_known_sender_fades_by_half_each_month() -> None:
    fresh = attribute(written(0, sender="x@y.example", by_sender=(earlier(4, 0, 1.0),)))
    month = attribute(written(0, sender="x@y.example", by_sender=(earlier(4, -60 * 24 * 30, 1.0),)))
    assert fresh.confidence == pytest.approx(0.8, rel=0.01)
    assert month.confidence == pytest.approx(0.4, rel=0.01)


def test_a_sender_of_more_than_a_year_ago_is_forgotten() -> None:
    assert attribute(written(0, sender="x@y.example", by_sender=(earlier(4, -60 * 24 * 366),))).rule == "none"


def test_an_excluded_sender_says_why() -> None:
    verdict = attribute(written(0, sender_excluded="sales@company.example is the mailbox itself"))
    assert verdict.rule == "none"
    assert verdict.reasons == ("sender: sales@company.example is the mailbox itself",)


def test_automatic_mail_to_a_pool_address_starts_no_lead() -> None:
    verdict = attribute(
        written(5, automatic="list", pool=(holding(1, 0, 5),), sender="x@y.example", by_sender=(earlier(4, -5),))
    )
    assert verdict.rule == "none"
    assert any("automatic (list)" in reason for reason in verdict.reasons)


def test_an_automatic_answer_to_a_code_is_still_of_its_visit() -> None:
    assert attribute(written(5, automatic="auto-submitted", coded=(code(7),))).visit_id == 7


def test_e01_a_code_in_the_quoted_text_is_the_last_resort() -> None:
    verdict = attribute(written(0, quoted=(code(7),)))
    assert (verdict.rule, verdict.visit_id, verdict.confidence) == ("quoted", 7, 0.80)
    assert attribute(written(0, quoted=(code(7, guessable=True),))).confidence == 0.50


def test_e01_e02_all_rules_are_recorded_and_the_first_that_answers_comes_first() -> None:
    verdict = attribute(
        written(
            5,
            coded=(code(1),),
            pool=(holding(2, 0, 5),),
            thread=(earlier(3, -5),),
            sender="x@y.example",
            by_sender=(earlier(4, -6),),
            quoted=(code(5),),
        )
    )
    assert verdict.rule == "code"
    assert [reason.partition(":")[0] for reason in verdict.reasons] == ["code", "pool", "thread", "sender", "quoted"]
    assert [(c.rule, c.visit_id) for c in verdict.candidates] == [
        ("code", 1), ("pool", 2), ("thread", 3), ("sender", 4), ("quoted", 5),
    ]  # fmt: skip


def test_no_evidence_gives_no_match() -> None:
    verdict = attribute(written(0))
    assert (verdict.rule, verdict.visit_id, verdict.lease_id, verdict.confidence) == ("none", None, None, 0.0)
    assert verdict.reasons == ()


def test_a_letter_that_waited_in_an_outbox_weighs_both_moments() -> None:
    before, after = holding(1, -100, -95), holding(2, -20, -2)
    evidence = Evidence(
        arrived_at=at(0), header_at=at(-90), first_hop_at=at(0) - timedelta(seconds=2), pool=(before, after)
    )
    verdict = attribute(evidence)
    assert verdict.visit_id == 1
    assert {c.visit_id for c in verdict.candidates} == {1, 2}


def test_a_source_is_named_as_one_and_a_letter_to_it_is_not_late() -> None:
    source = code(7, visitor_id=NOBODY, guessable=True)
    verdict = attribute(written(60 * 24 * 300, coded=(source,)))
    assert (verdict.rule, verdict.visit_id, verdict.confidence) == ("code", 7, GUESSABLE_FRESH)
    assert "shown to everybody who came by source 7" in verdict.reasons[0]
    assert "alone" not in verdict.reasons[0]


def test_a_letter_to_a_source_teaches_nothing_of_how_visitors_write() -> None:
    assert attribute(written(5, coded=(code(7),))).credits
    assert not attribute(written(5, coded=(code(7, visitor_id=NOBODY),))).credits


def test_a_sources_letter_in_the_thread_does_not_overrule_who_holds_the_address() -> None:
    held = holding(2, 0, 4, signal("mailto", 4))
    of_visit = attribute(written(5, pool=(held,), thread=(earlier(1, -60),)))
    of_source = attribute(written(5, pool=(held,), thread=(earlier(1, -60, visitor_id=NOBODY),)))
    assert (of_visit.rule, of_visit.visit_id) == ("thread", 1)
    assert (of_source.rule, of_source.visit_id) == ("pool", 2)
