"""Folded paragraphs come out as they were written (RFC 3676)."""

from hypothesis import given
from hypothesis import strategies as st

from wherefrom.mail.flowed import unfold_flowed
from wherefrom.mail.parse import parse_letter


def test_a_paragraph_folded_for_the_way_is_one_line_again() -> None:
    assert (
        unfold_flowed("We would like \nto order two \nchairs.\n\nAnna") == "We would like to order two chairs.\n\nAnna"
    )


def test_the_blank_that_was_put_there_for_the_folding_goes_when_it_says_so() -> None:
    assert unfold_flowed("椅子 \nの値段", drop_blank=True) == "椅子の値段"


def test_quotes_are_unfolded_by_their_depth() -> None:
    assert unfold_flowed("> How many \n> chairs?\n>> old \n> er") == "> How many chairs?\n>> old \n> er"


def test_stuffing_goes_and_a_signature_stays_a_line() -> None:
    assert unfold_flowed(" From here \n-- \nAnna\n  x") == "From here \n-- \nAnna\n x"


def test_only_text_that_says_it_is_flowed_is_unfolded() -> None:
    body = b"\r\n\r\nTwo \r\nchairs\r\n"
    flowed = parse_letter(b"From: a@b.example\r\nContent-Type: text/plain; format=Flowed; delsp=no" + body)
    plain = parse_letter(b"From: a@b.example\r\nContent-Type: text/plain" + body)
    assert (flowed.text, plain.text) == ("Two chairs", "Two \nchairs")


@given(st.text("a >-\n", max_size=80), st.booleans())
def test_no_letter_is_lost(text: str, drop: bool) -> None:
    assert unfold_flowed(text, drop_blank=drop).count("a") == text.count("a")
    assert unfold_flowed(text, drop_blank=drop).count("\n") <= text.count("\n")
