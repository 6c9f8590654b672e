"""The verdict on hits: held by a corpus of sequences, and by rules that hold for any."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.tracking.verdict import PERSONS, REACH, Hint, Hit, Letter, Verdict, judge, judge_alone

SENT_AT = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    name: str
    letter: Letter
    hits: list[Hit]
    verdicts: list[Verdict]


def _read_corpus() -> list[Case]:
    corpus = tomllib.loads((Path(__file__).parent / "hits.toml").read_text())
    return [_read_case(one, corpus["agents"]) for one in corpus["case"]]


def _read_case(one: dict[str, Any], agents: dict[str, str]) -> Case:
    hits, verdicts = [], []
    for line in one["hits"].strip().splitlines():
        asked, _, told = line.partition(" -> ")
        seconds, what, agent, network, *hint = asked.split()
        name, _, reason = told.partition(" ")
        assert name in ("human", "proxy", "prefetch", "scanner", "unknown"), line
        verdicts.append(Verdict(name, reason))  # type: ignore[arg-type]
        hits.append(
            Hit(
                kind="open" if what == "open" else "click",
                number=0 if what == "open" else int(what),
                at=SENT_AT + timedelta(seconds=float(seconds)),
                agent=agents[agent],
                ip=None if network == "-" else network,
                hint=hint[0] if hint else "",  # type: ignore[arg-type]
            )
        )
    return Case(one["name"], Letter(one["links"], one.get("host", "company.example")), hits, verdicts)


CORPUS = _read_corpus()


def test_the_corpus_is_large_and_says_each_thing_once() -> None:
    assert len(CORPUS) >= 60
    assert len({one.name for one in CORPUS}) == len(CORPUS)
    assert {verdict.name for one in CORPUS for verdict in one.verdicts} == {
        "human", "proxy", "prefetch", "scanner", "unknown",
    }  # fmt: skip


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_each_hit_of_the_corpus_gets_its_verdict(case: Case) -> None:
    assert judge(case.hits, case.letter) == case.verdicts


AGENTS = st.sampled_from(
    ["Mozilla/5.0 Chrome/126", "Mozilla/5.0 Firefox/127", "Mozilla/5.0", "x GoogleImageProxy", "curl/8"]
)
HINTS = st.sampled_from(["", "", "", "head", "prefetch"])


@st.composite
def sequences(draw: st.DrawFn) -> tuple[list[Hit], Letter]:
    links = draw(st.integers(0, 5))
    seconds = sorted(draw(st.lists(st.integers(0, 2000).map(lambda tenths: tenths / 10), max_size=25)))
    hits = []
    for one in seconds:
        number = draw(st.integers(0, links))
        hint: Hint = draw(HINTS)  # type: ignore[assignment]
        at = SENT_AT + timedelta(seconds=one)
        hits.append(
            Hit("click" if number else "open", number, at, draw(AGENTS), draw(st.sampled_from(["a", "b", None])), hint)
        )
    return hits, Letter(links, draw(st.sampled_from(["company.example", "outlook.com"])))


@given(sequences())
def test_what_a_request_says_of_itself_is_never_outdone(made: tuple[list[Hit], Letter]) -> None:
    hits, letter = made
    for hit, verdict in zip(hits, judge(hits, letter), strict=True):
        alone = judge_alone(hit.kind, hit.agent, hit.hint)
        if alone.name in ("prefetch", "scanner"):
            assert verdict == alone


@given(sequences())
def test_neighbours_make_nobody_a_person(made: tuple[list[Hit], Letter]) -> None:
    hits, letter = made
    for hit, verdict in zip(hits, judge(hits, letter), strict=True):
        if verdict.name in PERSONS:
            assert judge_alone(hit.kind, hit.agent, hit.hint) == verdict


@given(sequences(), sequences())
def test_hits_out_of_reach_change_no_verdict(one: tuple[list[Hit], Letter], other: tuple[list[Hit], Letter]) -> None:
    hits, letter = one
    end = max((hit.at for hit in hits), default=SENT_AT)
    far = [hit._replace(at=end + REACH + timedelta(milliseconds=1) + (hit.at - SENT_AT)) for hit in other[0]]
    assert judge([*hits, *far], letter)[: len(hits)] == judge(hits, letter)


@given(sequences())
def test_a_burst_has_all_links_or_three_within_two_seconds(made: tuple[list[Hit], Letter]) -> None:
    hits, letter = made
    clicks = [hit for hit in hits if hit.kind == "click"]
    for hit, verdict in zip(hits, judge(hits, letter), strict=True):
        if verdict.reason != "burst":
            continue
        windows = [
            {one.number for one in clicks if start.at <= one.at <= start.at + timedelta(seconds=2)}
            for start in clicks
            if start.at <= hit.at <= start.at + timedelta(seconds=2)
        ]
        assert max(len(window) for window in windows) >= min(letter.links, 3)
