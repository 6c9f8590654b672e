"""The wire form, read strictly: what is wrong is named, what is too long is cut, half characters are mended."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from wherefrom.errors import BadInput
from wherefrom.visits.hit import clean_params, clean_text, find_site_key, parse_hit, parse_signal
from wherefrom.visits.visit import tell

LEAST = {"site": "wf_key", "page": "https://shop.example/"}


def body(**members: object) -> bytes:
    return json.dumps({**LEAST, **members}).encode()


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not valid JSON"),
        (b'{"site": "a", }', r"byte 14"),
        (b'{"site": "a"', "not valid JSON"),
        (b"\xff\xfe", "not "),
        (b'{"site": "\xff"}', "UTF-8"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "missing required field `site`"),
        (b'{"site": "a"}', "missing required field `page`"),
        (body(page=5), r"Expected `str`, got `int` - at `\$\.page`"),
        (body(addresses=["a", 1]), r"\$\.addresses\[1\]"),
        (body(addresses="sales@shop.example"), r"\$\.addresses"),
        (body(params=["a"]), r"\$\.params"),
        (body(webdriver="yes"), r"\$\.webdriver"),
        (body(pageview=None), r"\$\.pageview"),
        (body(consent="all"), r"'all' - at `\$\.consent"),
        (body(consent=None), r"\$\.consent"),
        (body(consent=True), r"\$\.consent"),
        (b"[" * 100_000, "not "),
    ],
)
def test_a_body_that_does_not_fit_is_refused_by_name_and_place(raw: bytes, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        parse_hit(raw)


def test_members_of_a_newer_script_are_ignored_and_missing_ones_have_defaults() -> None:
    hit = parse_hit(body(weather={"sun": True}))
    assert (hit.pageview, hit.addresses, hit.visit, hit.webdriver) == (True, [], None, False)
    assert hit.consent is UNSET


@pytest.mark.parametrize("kind", ["heartbeat", "visible", "mailto", "copy", "select"])
def test_a_sign_is_of_a_known_kind(kind: str) -> None:
    assert parse_signal(json.dumps({"site": "a", "token": "b", "kind": kind}).encode()).kind == kind


def test_a_sign_of_another_kind_is_refused() -> None:
    with pytest.raises(BadInput, match="Invalid enum value 'click'"):
        parse_signal(b'{"site": "a", "token": "b", "kind": "click"}')


def test_the_site_of_a_body_that_does_not_fit_is_found_so_that_its_owner_hears_of_it() -> None:
    assert find_site_key(body(page=5)) == "wf_key"
    assert find_site_key(b'{"site": 5}') == ""
    assert find_site_key(b"nonsense") == ""


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (rb"\ud83d\ude00", "😀"),
        (rb"cut \ud83d", "cut \ufffd"),
        (rb"\ude00\ud83d\n", "\ufffd\ufffd\n"),
        (rb"\ud83d\ud83d\ude00", "\ufffd😀"),
        (rb"\\ud83d", "\\ud83d"),
        (rb"\\\ud83d", "\\\ufffd"),
    ],
)
def test_half_a_character_is_mended_and_nothing_else_is(escaped: bytes, text: str) -> None:
    assert parse_hit(b'{"site":"a","page":"b","title":"' + escaped + b'"}').title == text


@given(st.text(st.characters(codec=None), max_size=50))
def test_whatever_javascript_can_write_is_read(title: str) -> None:
    """JSON.stringify escapes lone halves of characters, as json.dumps does."""
    told = parse_hit(body(title=title)).title
    assert told is not None
    mended = title.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert told == mended or "\ufffd" in told


def test_text_is_cleaned_and_cut_to_its_place() -> None:
    assert clean_text(" a\x00b\r\n\tc\u2028d ", 99) == "a b c d"
    assert clean_text("x" * 10, 3) == "xxx"
    assert clean_text(None, 3) == ""
    told = tell(
        parse_hit(body(page="https://shop.example/" + "x" * 9000, title="t" * 999, language="\n", timezone=None))
    )
    assert (len(told.page), len(told.title), told.language, told.timezone) == (2000, 300, None, None)


def test_own_parameters_become_text_and_are_bounded() -> None:
    told = {
        "1": " a ",
        "two": 2,
        "x": 1.5,
        "yes": True,
        "none": None,
        "list": ["a"],
        "object": {"a": "b"},
        "empty": "",
        "bad name": "b",
        "ü": "c",
        "l" * 33: "d",
    }
    assert clean_params(told) == {"1": "a", "two": "2", "x": "1.5", "yes": "true"}
    assert len(clean_params({str(n): "x" * 999 for n in range(99)})) == 50
    assert set(map(len, clean_params({"a": "x" * 999}).values())) == {500}
