"""How sorting finds its rows: by an index that leads to few, however many letters and leases a site has."""

import re

import pytest

from tests.inbox.letters import Post, letter
from tests.support.statements import kept_statements, list_reads
from wherefrom.inbox.store.filters import HistoryFilter
from wherefrom.inbox.store.history import list_messages
from wherefrom.services import Services

_SEARCH = ("SELECT", "UPDATE")
_FEW = ("target", "mailbox", "folder", "habit", "listed")  # a site has few of these; a list of what is asked
_BY_SITE_ALONE = "(site_id=?)"
_BOUNDED = ("ix_message_stored", "ix_message_arrived (site_id=?)", "json_each", "anon")
"""Unsorted letters alone, the newest by a limit, ids given, a subquery with a limit."""

_ANY_ROW = re.compile(r"WHERE \w+\.site_id = \?\s+LIMIT \? OFFSET \?$")
"""Whether there is any: it ends at the first row it meets."""


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
async def test_no_letter_sorted_reads_all_rows_of_a_site(services: Services) -> None:
    post = await Post.open(services)
    target = await post.rows.target("sales@company.example")
    pool = await post.rows.target("help@company.example", "pool")
    await post.rows.substitute(pool, "help-1@company.example")
    await post.rows.visit(7)
    await post.rows.lease(7, target, "sales+k7f3q9x2@company.example")
    await post.rows.lease(7, pool, "help-1@company.example", "pool")
    await post.rows.intent(7, "copy", "help-1@company.example")
    with kept_statements(services, *_SEARCH) as statements:
        await post.receive(letter("sales+k7f3q9x2@company.example"), at=post.minutes(1))
        answer = letter("help-1@company.example", message_id="<2@x>", In_Reply_To="<1@customer.example>")
        await post.receive(answer, at=post.minutes(2))
        await post.receive(answer, at=post.minutes(3), folder_kind="junk")
    assert len(statements) > 10
    async with services.db.write() as tx:
        for statement, values in statements.items():
            reads = await list_reads(tx, statement, values)
            wide = [one for one in reads if one.startswith("SCAN ") or one.endswith(_BY_SITE_ALONE)]
            if _ANY_ROW.search(statement):
                continue
            known = [one for one in wide if one.split()[1] in _FEW or any(word in one for word in _BOUNDED)]
            assert sorted(wide) == sorted(known), f"{statement}\n{wide}"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
@pytest.mark.parametrize(
    "wanted",
    [
        HistoryFilter(sender="ann@customer.example"),
        HistoryFilter(visit_id=7),
        HistoryFilter(deal_number="D-1"),
        HistoryFilter(utm_campaign="spring", automatic=False),
    ],
)
async def test_letters_of_one_of_few_are_not_looked_for_among_all(services: Services, wanted: HistoryFilter) -> None:
    async with services.db.write() as tx:
        with kept_statements(services) as statements:
            for cursor in (None, "19f0000000-5"):
                await list_messages(tx, 1, wanted, cursor)
        letters = [one for one in statements if "FROM message" in one or "FROM trait" in one]
        assert len(letters) > 1
        for statement in letters:
            plan = await tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", statements[statement])
            reads = [str(row[3]) for row in plan]
            assert not [one for one in reads if "ix_message_arrived" in one or "(site_id=?)" in one], (statement, reads)
