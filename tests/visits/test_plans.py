"""How the collector's statements find their rows: by an index that leads to few, however many visits a site has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from tests.visits.stage import PAGE, SALES, Stage
from wherefrom.clock import FixedClock
from wherefrom.services import Services

_SEARCH = ("SELECT", "UPDATE")
_BY_SITE_ALONE = "(site_id=?)"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
async def test_no_page_shown_reads_all_rows_of_a_site(stage: Stage, services: Services, clock: FixedClock) -> None:
    statements: dict[str, Any] = {}

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(_SEARCH):
            statements[statement] = parameters

    event.listen(services.db.sync_engine, "before_cursor_execute", keep)
    try:
        first = await stage.show(addresses=[SALES])
        await stage.again(first, addresses=[SALES], params={"order": "1"})
        clock.advance(timedelta(days=1))
        later = await stage.again(first, addresses=[SALES])
        await stage.sign("copy", later.token, address=SALES, page=PAGE)
    finally:
        event.remove(services.db.sync_engine, "before_cursor_execute", keep)
    assert len(statements) > 8
    async with services.db.write() as tx:
        for statement, values in statements.items():
            plan = await tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            reads = [str(row[3]) for row in plan if str(row[3]).startswith(("SEARCH", "SCAN"))]
            wide = [one for one in reads if one.startswith("SCAN") or one.endswith(_BY_SITE_ALONE)]
            assert [one for one in wide if "target" not in one and "json_each" not in one] == [], statement
