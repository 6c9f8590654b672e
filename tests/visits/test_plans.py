"""How the collector's statements find their rows: by an index that leads to few, however many visits a site has."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.statements import kept_statements, list_reads
from tests.visits.stage import PAGE, SALES, Stage
from wherefrom.clock import FixedClock
from wherefrom.services import Services

_SEARCH = ("SELECT", "UPDATE")
_BY_SITE_ALONE = "(site_id=?)"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL chooses by the size of the tables
async def test_no_page_shown_reads_all_rows_of_a_site(stage: Stage, services: Services, clock: FixedClock) -> None:
    with kept_statements(services, *_SEARCH) as statements:
        first = await stage.show(addresses=[SALES])
        await stage.again(first, addresses=[SALES], params={"order": "1"})
        clock.advance(timedelta(days=1))
        later = await stage.again(first, addresses=[SALES])
        await stage.sign("copy", later.token, address=SALES, page=PAGE)
    assert len(statements) > 8
    async with services.db.write() as tx:
        for statement, values in statements.items():
            reads = await list_reads(tx, statement, values)
            wide = [one for one in reads if one.startswith("SCAN") or one.endswith(_BY_SITE_ALONE)]
            assert [one for one in wide if "target" not in one and "json_each" not in one] == [], statement
