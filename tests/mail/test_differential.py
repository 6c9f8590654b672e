"""The reader beside mail-parser, the reference: over generated letters and over every specimen."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.mail.readers import Seen, by_mail_parser, by_ours
from tests.mail.test_specimens import FOLDER, INDEX
from tests.mail.wellformed import SHAPES, WORDS, WellFormed, make_letters

LETTERS = make_letters(seed=2026, count=2_000, file_size=300)
# What mail-parser leaves undecoded where no escape is needed for transport.
NOT_BY_MAIL_PARSER = {"iso-2022-jp"}


def truth(letter: WellFormed) -> Seen:
    files = tuple((name, content) for name, _, content in letter.files)
    return Seen(letter.subject, letter.from_, letter.plain or "", letter.html or "", files)


def test_two_thousand_well_formed_letters_come_out_as_they_were_written() -> None:
    wrong = []
    for letter in LETTERS:
        seen = by_ours(letter.raw)
        if letter.plain is None:  # the text is made of the HTML then
            assert seen.plain
            seen = Seen(seen.subject, seen.from_, "", seen.html, seen.files)
        if seen != truth(letter):
            wrong.append((letter.charset, letter.shape, letter.subject))
    assert wrong == []
    assert {(one.charset, one.shape) for one in LETTERS} == {(charset, shape) for charset in WORDS for shape in SHAPES}


@given(st.integers(0, 2**32))
@settings(max_examples=100)
def test_any_other_well_formed_letter_does_too(seed: int) -> None:
    (letter,) = make_letters(seed, 1)
    seen, right = by_ours(letter.raw), truth(letter)
    assert (seen.subject, seen.from_, seen.html, seen.files) == (right.subject, right.from_, right.html, right.files)
    assert letter.plain is None or seen.plain == right.plain


def test_mail_parser_sees_the_same_in_well_formed_letters() -> None:
    for letter in LETTERS[:400]:
        reference, seen = by_mail_parser(letter.raw), by_ours(letter.raw)
        assert (seen.subject, seen.from_, seen.files) == (reference.subject, reference.from_, reference.files)
        if letter.charset not in NOT_BY_MAIL_PARSER:
            assert seen.html == reference.html
            assert letter.plain is None or seen.plain == reference.plain


@pytest.mark.parametrize("name", INDEX)
def test_where_mail_parser_sees_a_specimen_otherwise_the_index_says_what_is_right(name: str) -> None:
    raw = (FOLDER / f"{name}.eml").read_bytes()
    seen, stated = by_ours(raw), set(INDEX[name])
    try:
        reference = by_mail_parser(raw)
    except Exception:  # whatever it raises: a letter is to be read all the same
        assert stated & {
            "subject",
            "from",
            "recipients",
            "text",
            "attachments",
            "written_at",
            "message_id",
            "references",
        }
        return
    if seen.subject != words(reference.subject):
        assert "subject" in stated
    if seen.from_ != tuple(map(words, reference.from_)):
        assert "from" in stated
    if reference.plain and words(seen.plain) != words(reference.plain):
        assert "text" in stated
    if [content for _, content in seen.files] != [content for _, content in reference.files]:
        assert "attachments" in stated


def words(text: str | list[str]) -> str:
    """Without what is a matter of taste: blanks, and how several fields of a name are told."""
    return " ".join((text if isinstance(text, str) else " ".join(text)).split())
