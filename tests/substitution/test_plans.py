"""Lending and looking up stay quick when a site has had years of leases: SQLite says which index each search uses."""

import re

import pytest

from tests.substitution.samples import COOLDOWN, HOLD, SALES, Desk, pool_text
from tests.support.statements import kept_statements, list_reads
from wherefrom.services import Services
from wherefrom.substitution.store import find_holders

_NARROW = re.compile(  # a site has few targets, and one row of habits
    r"SEARCH (lease|substitute) USING .*\(site_id=\? AND |SEARCH target |SEARCH habit USING .*\(site_id=\?\)"
)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
async def test_no_search_reads_all_rows_of_a_site(desk: Desk, services: Services) -> None:
    await desk.add()
    await desk.add("info@company.com", strategy="pool", when_empty="share", pool=pool_text(1))
    both = (SALES, "info@company.com")
    with kept_statements(services) as statements:
        shown = await desk.lend_all(1, 1, *both)
        await desk.lend_all(2, 2, *both)
        await desk.lend_all(3, 1, *both)
        await desk.touch(2)
        desk.wait(HOLD + COOLDOWN)
        await desk.lend_all(4, 2, *both)
        async with services.db.write() as tx:
            await find_holders(tx, 1, shown.values(), since=desk.clock.now())
    searches = {one: values for one, values in statements.items() if one.startswith(("SELECT", "UPDATE"))}
    assert len(searches) > 10
    async with services.db.write() as tx:
        for statement, values in searches.items():
            reads = [one for one in await list_reads(tx, statement, values) if "json_each" not in one]
            assert reads
            assert [line for line in reads if not _NARROW.match(line)] == [], statement
