"""How hits and sends find their rows: by an index that leads to few, however many a site has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from tests.outbound.stage import Stage
from wherefrom.outbound.leave import leave
from wherefrom.services import Services
from wherefrom.tracking.marks import Mark


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
async def test_no_hit_and_no_send_reads_all_rows_of_a_site(stage: Stage, services: Services) -> None:
    statements: dict[str, Any] = {}

    def keep(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")):
            statements[statement] = parameters

    event.listen(services.db.sync_engine, "before_cursor_execute", keep)
    try:
        handed = await stage.hand_in(list="news")
        await stage.hit(handed.pixel)
        await stage.hit(handed.clicks[0])
        await stage.settle()
        stage.clock.advance(timedelta(seconds=10))
        for url in handed.clicks:
            await stage.hit(url)
        await stage.settle()
        await leave(services, Mark(stage.site_id, handed.sent.id), "list")
        await leave(services, Mark(stage.site_id, handed.sent.id), "undo")
    finally:
        event.remove(services.db.sync_engine, "before_cursor_execute", keep)
    assert len(statements) > 15
    async with services.db.write() as tx:
        for statement, values in statements.items():
            plan = await tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            reads = [str(row[3]) for row in plan if str(row[3]).startswith(("SEARCH", "SCAN"))]
            wide = [one for one in reads if one.startswith("SCAN") or one.endswith("(site_id=?)")]
            assert [one for one in wide if "json_each" not in one] == [], statement
