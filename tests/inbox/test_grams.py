"""By what texts are found: whatever is in a text, in any case, all of its grams are in the text's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.inbox.grams import list_grams, list_needles, list_numbers, meet, pack, unpack
from wherefrom.inbox.store.filters import list_forms

_LETTERS = st.one_of(
    st.sampled_from("abAB sS.@+-ßẞıIİiéÉПриветПРИВЕТςσΣ配送料金カナ "),
    st.characters(codec="utf-8", exclude_characters="\x00"),
)
_TEXTS = st.text(_LETTERS, max_size=9)


def _of_ascii(text: str) -> str:
    """In lower case as SQLite, and PostgreSQL in the C locale, know it."""
    return "".join(one.lower() if one.isascii() else one for one in text)


def _of_each(text: str) -> str:
    """In lower case as other locales of PostgreSQL know it: character by character."""
    return "".join(one.lower()[0] for one in text)


@given(
    _TEXTS, st.text(_LETTERS, min_size=3, max_size=12), _TEXTS,
    st.sampled_from((str, str.lower, str.upper, str.title, str.swapcase)), st.sampled_from((_of_ascii, _of_each)),
)  # fmt: skip
def test_what_stands_in_a_text_has_no_gram_that_the_text_has_not(
    before: str, words: str, after: str, case: Callable[[str], str], lower: Callable[[str], str]
) -> None:
    needles, written = list_needles(list_forms(words)), case(before + words + after)
    if needles and any(lower(form) in lower(written) for form in list_forms(words)):
        had = list_grams([written])
        assert any(set(needle) <= had for needle in needles), (words, written)


@pytest.mark.parametrize("words", ["", "a", "of it", "配", "é", "ok ok"])
def test_too_short_words_are_not_looked_for_by_grams(words: str) -> None:
    assert list_needles(list_forms(words)) is None


@pytest.mark.parametrize("words", ["配送", "the 料金", "k7f", "Straße", "of the"])
def test_words_of_three_letters_and_pairs_of_ideographs_are(words: str) -> None:
    assert list_needles(list_forms(words))


def test_few_grams_are_asked_for_the_rarest_first() -> None:
    needles = list_needles(["the quixotic theatre"])
    assert needles is not None
    assert len(needles[0]) == 5
    assert (ord("u") << 42 | ord("i") << 21 | ord("x")) in needles[0]


@given(st.lists(st.sets(st.integers(0, 299)), min_size=1, max_size=4))
def test_letters_are_kept_as_numbers_or_bits_and_met_alike(sets: list[set[int]]) -> None:
    packed = [pack(sorted(one), 300) for one in sets]
    assert [set(list_numbers(unpack(one, 300))) for one in packed] == sets
    assert set(list_numbers(meet(packed, 300))) == set.intersection(*sets)
    assert max(map(len, packed)) <= 38, "never longer than a bit for each letter"
