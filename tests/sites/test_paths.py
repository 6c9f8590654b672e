"""Path rules: which pages they fit, what is refused, how a browser would spell them (A07, A15)."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.async_api import Page

from wherefrom.errors import BadInput
from wherefrom.sites.paths import browser_form, is_off, parse_rules

SHOP = "https://shop.example"


@pytest.mark.parametrize(
    ("rule", "path", "fits"),
    [
        ("/imprint", "/imprint", True),
        ("/imprint", "/imprint/", False),
        ("/imprint", "/Imprint", False),
        ("/imprint", "/de/imprint", False),
        ("/imprint", "/imprint?lang=de#contact", True),
        ("/imprint*", "/imprint", True),
        ("/imprint*", "/imprint/de.html", True),
        ("/imprint*", "/imprin", False),
        ("/*/imprint", "/de/imprint", True),
        ("/*/imprint", "/shop/de/imprint", True),
        ("/*/imprint", "/imprint", False),
        ("/*imprint", "/imprint", True),
        ("/", "/", True),
        ("/", "", True),
        ("/", "/a", False),
        ("/*", "/anything/at/all", True),
        ("/a*a", "/a", False),
        ("/a*b*c", "/abbc", True),
        ("/a*bc*bc", "/abc", False),
        ("/a*bc*bc", "/abcbc", True),
        ("/legal.html", "/legalxhtml", False),
        ("/[ab]", "/a", False),
        ("/über-uns", "/%C3%BCber-uns", True),
        ("/über-uns", "/%c3%bcber-uns", True),
        ("/%C3%BCber-uns", "/%C3%BCber-uns", True),
        ("/a b", "/a%20b", True),
        ("/5%", "/5%", True),
        ("/a%2Ab", "/a*b", True),
        ("/a%2Ab", "/a-b", False),
    ],
)
def test_a_rule_fits_the_pages_it_reads_like(rule: str, path: str, fits: bool) -> None:
    (parsed,) = parse_rules([rule])
    assert is_off([parsed], SHOP + path) is fits


@given(
    st.lists(st.sampled_from(["*", "a", "b", "/", ".", "ä"]), max_size=10),
    st.text(alphabet="ab/.ä", max_size=14),
)
def test_a_rule_says_what_the_plain_definition_says(parts: list[str], rest: str) -> None:
    rule = "/" + "".join(parts)
    plain = "".join(".*" if letter == "*" else re.escape(letter) for letter in rule)
    assert is_off([rule], f"{SHOP}/{rest}") is bool(re.fullmatch(plain, f"/{rest}", re.DOTALL))


def test_a_rule_of_stars_on_a_long_path_takes_no_time() -> None:
    rule = "/" + "*a" * 99
    began = time.process_time()
    assert not is_off([rule] * 100, SHOP + "/" + "a" * 1900 + "b")
    assert time.process_time() - began < 5  # a backtracking matcher would not come back


def test_one_rule_that_fits_is_enough_and_none_is_none() -> None:
    assert is_off(["/a", "/b"], SHOP + "/b")
    assert not is_off(["/a", "/b"], SHOP + "/c")
    assert not is_off([], SHOP + "/")
    assert not is_off(["/*"], "https://[nonsense/")


def test_rules_are_trimmed_and_kept_once_in_their_order() -> None:
    assert parse_rules([" /b ", "/a", "/b"]) == ("/b", "/a")
    assert len(parse_rules(f"/{n}" for n in range(100))) == 100
    assert parse_rules(["/" + "x" * 199]) == ("/" + "x" * 199,)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (["imprint"], "“imprint” does not begin with a slash"),
        ([""], "does not begin with a slash"),
        (["https://shop.example/imprint"], "does not begin with a slash"),
        (["/" + "x" * 200], "longer than 200"),
        (["/a?b=c"], "has a ?"),
        (["/a#b"], "has a ? or a #"),
        (["/a\nb"], "cannot be printed"),
        (["/a\x00"], "cannot be printed"),
        (["/\ud800"], "cannot be printed"),
        ([f"/{n}" for n in range(101)], "101 paths are too many"),
    ],
)
def test_what_is_no_rule_is_refused_with_a_way_out(rules: list[str], words: str) -> None:
    with pytest.raises(BadInput) as raised:
        parse_rules(rules)
    assert words in raised.value.detail
    assert raised.value.hint
    assert raised.value.extra == {"field": "off_paths"}


async def test_a_rule_is_spelled_for_the_script_as_the_browser_spells_paths(page: Page) -> None:
    rules = [f"/a{chr(code)}b" for code in (*range(32, 127), 0xE4, 0x44F, 0x1F642) if chr(code) not in "?#\\"]
    rules += ["/imprint*", "/über uns/*", "/%C3%BCber", "/%c3%bcber", "/5%"]
    spelled = await page.evaluate("rules => rules.map(rule => new URL('https://shop.example' + rule).pathname)", rules)
    assert [browser_form(rule) for rule in rules] == spelled
