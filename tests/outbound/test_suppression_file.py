"""Suppressions as files: what other systems hand over is understood, line by line, and what goes out comes in again."""

from __future__ import annotations

import contextlib
import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import BadInput
from wherefrom.outbound.suppression import REASONS, Reason, Suppression
from wherefrom.outbound.suppression_file import (
    COLUMNS,
    MOST_LINES,
    Problem,
    Row,
    parse_file,
    render_csv,
    render_jsonl,
)
from wherefrom.web.csv_file import harmless


def told(content: str, form: str = "csv") -> list[tuple[str, str, str] | str]:
    return [
        (one.email, one.scope, one.reason) if isinstance(one, Row) else f"{one.number}: {one.why}"
        for one in parse_file(content, "jsonl" if form == "jsonl" else "csv")
    ]


@pytest.mark.parametrize(
    "content",
    [
        "email,list,reason\nAnn@mail.example,news,unsubscribed\n",
        "\ufeffReason;E-Mail;List;Country\r\nunsubscribe;ann@mail.example;news;DE\r\n",
        "Email Address\tlist\treason\n\nann@mail.example\tnews\tOPT-OUT",
    ],
)
def test_files_of_many_systems_say_the_same(content: str) -> None:
    assert told(content) == [("ann@mail.example", "news", "unsubscribed")]


def test_addresses_alone_end_all_mail_by_hand() -> None:
    assert told("ann@mail.example\nbob@mail.example\n") == [
        ("ann@mail.example", "", "manual"),
        ("bob@mail.example", "", "manual"),
    ]


def test_lines_of_json_are_read_and_bad_ones_told() -> None:
    content = (
        '{"email": "ann@mail.example", "reason": "spam"}\n\n[1]\n{"email"\n{"email": null}\n{"email": "\\ud800@b.c"}\n'
    )
    assert told(content, "jsonl") == [
        ("ann@mail.example", "", "complained"),
        "3: it is no JSON object",
        "4: it is no JSON",
        "5: “” is no e-mail address: it has no @",
        "6: there are control characters in the address",
    ]


def test_a_bad_line_keeps_none_of_the_others_out() -> None:
    found = list(parse_file("email,reason\nann@mail.example,whim\nnobody\nbob@mail.example,bounce\n", "csv"))
    assert [(type(one), one.number) for one in found] == [(Problem, 2), (Problem, 3), (Row, 4)]
    assert isinstance(found[0], Problem)
    assert "“whim” is none of unsubscribed" in found[0].why


def test_a_file_without_addresses_or_with_too_many_lines_is_refused() -> None:
    with pytest.raises(BadInput, match="no column of addresses"):
        told("name,city\nAnn,Berlin\n")
    with pytest.raises(BadInput, match="lines at once"):
        told("a@b.example\n" * (MOST_LINES + 1))


@given(st.text(max_size=300), st.sampled_from(["csv", "jsonl"]))
def test_no_text_breaks_it(content: str, form: str) -> None:
    with contextlib.suppress(BadInput):
        assert all(one for one in told(content, form))


_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20)


@given(
    st.lists(
        st.tuples(st.from_regex(r"[=+a-z][a-z]{0,5}@mail\.example", fullmatch=True), _NAMES, st.sampled_from(REASONS))
    )
)
def test_what_goes_out_comes_in_again(rows: list[tuple[str, str, Reason]]) -> None:
    kept = [
        Suppression(
            site_id=1, id=n, email=email, scope=scope, reason=reason, detail="by, hand", send_id=None,
            created_at=datetime(2026, 11, 2, tzinfo=UTC), created_by="key 1",
        )
        for n, (email, scope, reason) in enumerate(rows)
    ]  # fmt: skip
    plain = [(one.email, one.scope, one.reason) for one in kept]
    assert told(render_jsonl(kept), "jsonl") == plain
    written = ",".join(COLUMNS) + "\r\n" + render_csv(kept)
    assert told(written) == [(email, harmless(scope), why) for email, scope, why in plain]


@pytest.mark.parametrize(
    "words", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1+1", "＠SUM(A1)", " =1+1", "\t=1+1", "\u00a0=1+1"]
)
def test_another_servers_words_are_nothing_a_spreadsheet_computes(words: str) -> None:
    one = Suppression(
        site_id=1, id=1, email="ann@mail.example", scope="", reason="bounced", detail=words, send_id=None,
        created_at=datetime(2026, 11, 2, tzinfo=UTC),
    )  # fmt: skip
    (cells,) = csv.reader(io.StringIO(render_csv([one])))
    assert cells[COLUMNS.index("detail")] == "'" + words


def test_an_erased_address_stays_inside() -> None:
    hidden = Suppression(
        site_id=1, id=1, email="erased:00ff", scope="", reason="manual", detail="", send_id=None,
        created_at=datetime(2026, 11, 2, tzinfo=UTC),
    )  # fmt: skip
    assert render_csv([hidden]) == render_jsonl([hidden]) == ""
