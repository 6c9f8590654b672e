"""Lending and looking up stay quick when a site has had years of leases: SQLite says which index each search uses."""

import re
from typing import Any

import pytest
from sqlalchemy import event

from tests.substitution.samples import COOLDOWN, HOLD, SALES, Desk, pool_text
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
    statements: dict[str, Any] = {}

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements[statement] = parameters

    engine = services.db.sync_engine
    event.listen(engine, "before_cursor_execute", keep)
    try:
        shown = await desk.lend_all(1, 1, *both)
        await desk.lend_all(2, 2, *both)
        await desk.lend_all(3, 1, *both)
        await desk.touch(2)
        desk.wait(HOLD + COOLDOWN)
        await desk.lend_all(4, 2, *both)
        async with services.db.write() as tx:
            await find_holders(tx, 1, shown.values(), since=desk.clock.now())
    finally:
        event.remove(engine, "before_cursor_execute", keep)
    searches = {one: values for one, values in statements.items() if one.startswith(("SELECT", "UPDATE"))}
    assert len(searches) > 10
    async with services.db.write() as tx:
        for statement, values in searches.items():
            plan = await tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            lines = [str(row._mapping["detail"]) for row in plan]
            reads = [line for line in lines if line.startswith(("SEARCH", "SCAN")) and "json_each" not in line]
            assert reads
            assert [line for line in reads if not _NARROW.match(line)] == [], statement
