"""A click takes the person along in the address of the site's page, and nobody else can."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.tokens import Tokens
from wherefrom.tracking.carry import PARAMETER, Carried, carry, read_carried
from wherefrom.tracking.marks import Mark, click_address, read_click
from wherefrom.visits.link import cut_tokens, list_tokens

TOKENS = Tokens(b"a key for tests, 32 bytes long..")
FOREIGN = Tokens(b"another key of 32 bytes for this")
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=30)
MARK = Mark(7, 2**62, 3, contact_id=2**61)
SAID = Carried(7, 2**61, 2**62, UNTIL)


def read(token: str) -> Carried | None:
    return read_carried(TOKENS, token, NOW)


@pytest.mark.parametrize(
    ("url", "before", "after"),
    [
        ("https://shop.test", "https://shop.test?", ""),
        ("https://shop.test/sofa", "https://shop.test/sofa?", ""),
        ("https://shop.test/sofa?a=1&b=%C3%BC", "https://shop.test/sofa?a=1&b=%C3%BC&", ""),
        ("https://shop.test/sofa?a=1#red", "https://shop.test/sofa?a=1&", "#red"),
        ("https://shop.test/sofa#red?x=1#y", "https://shop.test/sofa?", "#red?x=1#y"),
        ("https://shop.test/?", "https://shop.test/?", ""),
        ("https://shop.test/?a=1&#", "https://shop.test/?a=1&", "#"),
    ],
)
def test_the_parameter_stands_beside_others_and_before_the_fragment(url: str, before: str, after: str) -> None:
    carried = carry(TOKENS, url, MARK, UNTIL)
    assert carried.startswith(f"{before}{PARAMETER}=")
    assert carried.endswith(after)
    assert [read(token) for token in list_tokens(carried)] == [SAID]


URLS = st.builds(
    "https://shop.test{}{}{}".format,
    st.sampled_from(["", "/", "/a..b/c", "/%7Ex"]),
    st.lists(st.from_regex(r"[a-z]{1,5}=[\w.~%-]{0,40}", fullmatch=True), max_size=3).map(
        lambda parts: "?" + "&".join(parts) if parts else ""
    ),
    st.sampled_from(["", "#", "#top", "#a=b&c=d"]),
)


@given(URLS)
def test_what_was_in_the_address_stays_and_comes_back_when_the_token_is_cut(url: str) -> None:
    carried = carry(TOKENS, url, MARK, UNTIL)
    parts, before = urlsplit(carried), urlsplit(url)
    assert (parts.path, parts.fragment) == (before.path, before.fragment)
    *rest, (name, _) = parse_qsl(parts.query, keep_blank_values=True)
    assert (rest, name) == (parse_qsl(before.query, keep_blank_values=True), PARAMETER)
    cut = cut_tokens(carried, lambda token: read(token) is not None)
    assert PARAMETER not in cut
    assert urlsplit(cut)._replace(fragment="") == before._replace(fragment="")


def test_a_token_that_is_too_old_is_still_known_as_ours_so_that_it_can_be_cut() -> None:
    [token] = list_tokens(carry(TOKENS, "https://shop.test/", MARK, NOW - timedelta(days=400)))
    found = read(token)
    assert found is not None
    assert found.until < NOW


@given(st.text(alphabet="abcdef0123456789_-.", max_size=80))
def test_nobody_makes_one_up(text: str) -> None:
    assert read(text) is None


def test_a_token_of_another_key_or_for_another_purpose_says_nothing() -> None:
    [foreign] = list_tokens(carry(FOREIGN, "https://shop.test/", MARK, UNTIL))
    assert read(foreign) is None
    assert read(click_address(TOKENS, "", MARK).removeprefix("/c/")) is None
    [ours] = list_tokens(carry(TOKENS, "https://shop.test/", MARK, UNTIL))
    assert read_click(TOKENS, ours, NOW) is None


@pytest.mark.parametrize("mark", [MARK, Mark(7, 2**62, 3), Mark(1, 1, 500, contact_id=1)])
def test_a_link_says_whether_it_takes_the_contact_along(mark: Mark) -> None:
    assert read_click(TOKENS, click_address(TOKENS, "", mark).removeprefix("/c/"), NOW) == mark
