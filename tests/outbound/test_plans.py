"""How hits and sends find their rows: by an index that leads to few, however many a site has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.outbound.office import Office
from tests.outbound.stage import Stage
from tests.support.statements import kept_statements, list_reads
from wherefrom.outbound.leave import leave
from wherefrom.services import Services
from wherefrom.tracking.marks import Mark

_SEARCH = ("SELECT", "UPDATE", "DELETE")


async def check_plans(services: Services, statements: dict[str, Any]) -> None:
    """None of them reads a whole table, nor all rows of a site."""
    async with services.db.write() as tx:
        for statement, values in statements.items():
            reads = await list_reads(tx, statement, values)
            wide = [one for one in reads if one.startswith("SCAN") or one.endswith("(site_id=?)")]
            assert [one for one in wide if "json_each" not in one and " sender " not in one] == [], statement


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
async def test_no_letter_that_is_sent_reads_all_that_wait(office: Office) -> None:
    services = office.stage.services
    await office.set(per_hour=1000)
    with kept_statements(services, *_SEARCH) as statements:
        office.sink.answer("RCPT", "451 4.7.1 later", "550 5.1.1 nobody")
        office.sink.answer("MAIL", "421 4.7.0 full")
        await office.send(headers={"Idempotency-Key": "1"})
        await office.send_many(3)
        await office.work()
        await office.work(timedelta(minutes=5))
    claims = [one for one in statements if "outgoing" in one]
    assert len(claims) >= 6
    await check_plans(services, statements)
    for one in claims:
        plan = str(list(await explain(services, one, statements[one])))
        assert "TEMP B-TREE" not in plan, one


async def explain(services: Services, statement: str, values: Any) -> list[str]:
    async with services.db.write() as tx:
        return [str(row[3]) for row in await tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
async def test_no_hit_and_no_send_reads_all_rows_of_a_site(stage: Stage, services: Services) -> None:
    with kept_statements(services, *_SEARCH) as statements:
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
    assert len(statements) > 15
    await check_plans(services, statements)
