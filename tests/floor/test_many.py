"""Rows that are written by one statement come back as they were, whatever is in them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, select, update

from wherefrom.clock import from_ms
from wherefrom.db import Prepared, Tx
from wherefrom.services import Services
from wherefrom.visits.tables import pageview, visit

PAGES = Prepared(pageview.insert())
FIND = Prepared(
    select(pageview.c.page, pageview.c.title, pageview.c.seen_at).where(
        pageview.c.site_id == bindparam("of_site"), pageview.c.title == bindparam("of_title")
    )
)
RENAME = Prepared(
    update(pageview)
    .where(pageview.c.site_id == bindparam("of_site"), pageview.c.id == bindparam("of_id"))
    .values(page=bindparam("new_page"))
)
VISITS = Prepared(visit.insert())
text = st.one_of(
    st.sampled_from(
        ["", "NULL", '"', "\\", '","', "{}", 'a\\"b', " x ", "''", "None", "null", "ä\u2028😀", "\\n", "$1"]
    ),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8),
)


def page(number: int, title: str) -> dict[str, Any]:
    return {
        "site_id": 1, "id": number, "visit_id": number, "page": title[::-1], "title": title, "referrer": "",
        "seen_at": from_ms(number),
    }  # fmt: skip


SOURCES = Prepared(
    update(visit)
    .where(visit.c.site_id == bindparam("of_site"), visit.c.id == bindparam("of_id"))
    .values(utm_source=bindparam("told"))
)
HOW = pytest.mark.parametrize("how", ["write", "batch"])  # each has ways of its own to the driver


async def do(services: Services, how: str, work: Callable[[Tx], Awaitable[None]]) -> None:
    if how == "batch":
        await services.db.batch(work)
    else:
        async with services.db.write() as tx:
            await work(tx)


@HOW
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(titles=st.lists(text, min_size=1, max_size=6))
async def test_any_text_is_written_found_and_changed(services: Services, how: str, titles: list[str]) -> None:
    async def work(tx: Tx) -> None:
        await tx.execute(pageview.delete())
        await tx.append(PAGES, [page(number, title) for number, title in enumerate(titles)])
        found = await tx.fetch_each(FIND, [{"of_site": 1, "of_title": title} for title in titles])
        for title, rows in zip(titles, found, strict=True):
            same = [number for number, other in enumerate(titles) if other == title]
            assert sorted(rows, key=lambda row: row[2]) == [(title[::-1], title, from_ms(n)) for n in same]
        await tx.change_each(
            RENAME, [{"of_site": 1, "of_id": number, "new_page": title} for number, title in enumerate(titles)]
        )
        kept = await tx.execute(select(pageview.c.page).order_by(pageview.c.id))
        assert [row[0] for row in kept] == titles

    await do(services, how, work)


@HOW
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.tuples(st.none() | text, st.none() | st.integers(-(2**63), 2**63 - 1)), min_size=2, max_size=4)
)
async def test_what_is_missing_stays_missing(
    services: Services, how: str, values: list[tuple[str | None, int | None]]
) -> None:
    row: dict[str, Any] = {column.name: None for column in visit.c} | {
        "site_id": 1, "visitor_id": 1, "first_visit": 1, "started_at": from_ms(0), "last_seen_at": from_ms(0),
        "pageviews": 0, "landing_page": "", "referrer": "", "domain": "", "marker": "", "channel": "",
        "source_levels": ["a"], "device": "", "os": "", "browser": "", "user_agent": "", "params": {}, "kind": "visit",
    }  # fmt: skip

    async def work(tx: Tx) -> None:
        await tx.execute(visit.delete())
        rows = [
            row | {"id": at, "utm_source": told, "contact_id": contact} for at, (told, contact) in enumerate(values)
        ]
        await tx.append(VISITS, rows)
        kept = await tx.execute(select(visit).order_by(visit.c.id))
        assert [dict(one._mapping) for one in kept] == rows
        changes = [{"of_site": 1, "of_id": at, "told": told} for at, (told, _) in enumerate(reversed(values))]
        await tx.change_each(SOURCES, changes)
        changed = await tx.scalars(select(visit.c.utm_source).order_by(visit.c.id))
        assert changed.all() == [one["told"] for one in changes]

    await do(services, how, work)
