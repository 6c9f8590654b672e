"""How values read."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.console import words
from wherefrom.inbox.words import percent
from wherefrom.web.csv_file import harmless


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_960, "10 kB"), (999_600, "1.0 MB"), (17_400_000, "17 MB"),
     (3_200_000_000, "3.2 GB"), (5 * 10**12, "5000 GB")],
)  # fmt: skip
def test_sizes_read_as_people_say_them(count, text):
    assert words.size(count) == text


@pytest.mark.parametrize(
    ("share", "text"), [(1, "100 %"), (0.999, "over 99 %"), (0.93, "93 %"), (0.001, "under 1 %"), (0, "0 %")]
)
def test_a_share_is_never_rounded_to_certainty(share, text):
    assert percent(share) == text


@pytest.mark.parametrize(
    ("confidence", "matched", "level"),
    [(0.99, True, "sure"), (0.95, True, "sure"), (0.94, True, "likely"), (0.8, True, "likely"), (0.79, True, "guess"),
     (0.99, False, "none")],
)  # fmt: skip
def test_sure_is_said_from_095_on(confidence, matched, level):
    assert words.level(confidence, matched) == level


def test_a_line_says_how_sure_and_why():
    assert words.match_words("code", 0.99, True) == "sure, code"
    assert words.match_words("pool", 0.87, True) == "likely, 87 %, pool"
    assert words.match_words("none", 0.0, False) == "not matched"


@pytest.mark.parametrize(
    ("raw", "text"),
    [("the server is down", "The server is down."), ("lena@x.example wrote", "lena@x.example wrote."), ("", ""),
     ("imap.x.example refuses", "imap.x.example refuses."), ("Done!", "Done!")],
)  # fmt: skip
def test_errors_read_as_sentences_and_addresses_stay_as_they_are(raw, text):
    assert words.sentence(raw) == text


def test_a_day_is_named_the_shortest_way_that_is_clear():
    now, zone = datetime(2026, 11, 2, 9, tzinfo=UTC), ZoneInfo("Europe/Berlin")
    assert words.day(datetime(2026, 11, 1, 23, 30, tzinfo=UTC), zone, now) == "Today"
    assert words.day(datetime(2026, 3, 5, tzinfo=UTC), zone, now) == "5 Mar"
    assert words.day(datetime(2025, 3, 5, tzinfo=UTC), zone, now) == "5 Mar 2025"


@given(st.text())
def test_no_cell_of_a_file_begins_like_a_formula(text):
    cell = harmless(text)
    assert not cell.lstrip().startswith(("=", "+", "-", "@"))
    assert cell[:1] not in ("\t", "\r", "\n")
    assert cell in (text, "'" + text)


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "＝1"])
def test_a_cell_a_spreadsheet_would_compute_is_made_text(text):
    assert harmless(text) == "'" + text
