"""Tokens in links between the hosts of a site are cut out of what is kept (A11)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

import wherefrom.management  # noqa: F401 - imports every room, and so every table
from tests.visits.stage import PAGE, SALES, Stage
from wherefrom.db import metadata
from wherefrom.tokens import Tokens
from wherefrom.visits.link import cut_tokens

TOKENS = Tokens(b"a key for tests, 32 bytes long..")
OURS = TOKENS.sign("visit", "7:123456")
FOREIGN = Tokens(b"another key of 32 bytes for this").sign("visit", "7:123456")


def is_ours(token: str) -> bool:
    return token == OURS


@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("https://a.test/b?wf={}", "https://a.test/b"),
        ("https://a.test/b?wf={}&c=1", "https://a.test/b?c=1"),
        ("https://a.test/b?c=1&wf={}", "https://a.test/b?c=1"),
        ("https://a.test/b?c=1&wf={}&d=2", "https://a.test/b?c=1&d=2"),
        ("https://a.test/b?wf={}#c", "https://a.test/b#c"),
        ("https://a.test/b?c=1&any-name={}#d?e=f", "https://a.test/b?c=1#d?e=f"),
        ("https://a.test/b#wf={}", "https://a.test/b"),
        ("https://a.test/b#wf={}&c=1", "https://a.test/b#c=1"),
        ("https://a.test/b?wf={0}&v={0}", "https://a.test/b"),
        ("https://a.test/b?wf_link={0}~{0}~svxq0g&c=1", "https://a.test/b?c=1"),
        ("https://a.test/b?c=1&wf_link={0}%7E{0}%7Esvxq0g#d", "https://a.test/b?c=1#d"),
        ("https://a.test/b?wf_link={0}~~svxq0g", "https://a.test/b"),
        ("https://a.test/b?wf={0}&v={0}&w={0}&c=1", "https://a.test/b?c=1"),
    ],
)
def test_a_token_of_ours_is_cut_out_wherever_it_stands(url: str, left: str) -> None:
    cut = cut_tokens(url.format(OURS), is_ours)
    assert OURS not in cut
    assert cut == left


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://a.test/b?c=d..e",
        f"https://a.test/b?c={FOREIGN}",
        f"https://a.test/{OURS}x",
        "https://a.test/?a=b#c",
    ],
)
def test_everything_else_stays_as_it_is(url: str) -> None:
    assert cut_tokens(url, is_ours) == url


@given(st.text(alphabet="?&#=ab./", max_size=12), st.text(alphabet="?&#=ab./", max_size=12))
def test_around_a_token_nothing_is_lost(before: str, after: str) -> None:
    cut = cut_tokens(f"https://a.test/x{before}?wf={OURS}#{after}", is_ours)
    assert cut == f"https://a.test/x{before}#{after}"


async def test_a_visit_carried_by_a_link_leaves_no_token_behind(stage: Stage) -> None:
    first = await stage.show(addresses=[SALES])
    carried = f"{PAGE}?wf={first.token}&step=2"
    there = await stage.show(carried, visit=first.token, visitor=first.visitor, referrer=f"{PAGE}?wf={first.visitor}")
    await stage.sign("copy", first.token, address=SALES, page=carried)
    alone = await stage.show(carried)
    assert (there.visit, alone.visit) == (first.visit, "2")
    async with stage.services.db.read() as tx:
        kept = repr([(await tx.execute(select(table))).all() for table in metadata.sorted_tables])
    assert str(first.token) not in kept
    assert str(first.visitor) not in kept
    assert kept.count(f"{PAGE}?step=2") == 3  # a further page, a landing page, and a sign
