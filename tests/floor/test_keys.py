"""Rows by several (site_id, id) pairs."""

import pytest
from sqlalchemy import bindparam, select, text

from wherefrom.db import Prepared
from wherefrom.db.keys import among, any_of
from wherefrom.services import Services
from wherefrom.sites.tables import host
from wherefrom.visits.tables import visit_counter as table
from wherefrom.webhooks.tables import delivery


async def test_the_pairs_asked_for_are_found_and_no_crossing_of_them(services: Services):
    async with services.db.write() as tx:
        await tx.execute(table.insert(), [{"site_id": site, "next": site * 10} for site in range(1, 6)])
        found = await tx.execute(
            select(table.c.site_id).where(any_of(table.c.site_id, table.c.next, [(1, 10), (2, 10), (3, 30), (5, 30)]))
        )
        assert sorted(found.scalars()) == [1, 3]
        nothing = await tx.execute(select(table.c.site_id).where(any_of(table.c.site_id, table.c.next, [])))
        assert nothing.scalars().all() == []


NAMES = ["a.example", "b'--.example", 'c".example', "d,{}[]%.example", "ü.example"]


async def test_texts_are_found_by_a_list_of_any_length(services: Services):
    find = Prepared(select(host.c.name).where(host.c.site_id == bindparam("of_site"), among(host.c.name, "names")))
    async with services.db.write() as tx:
        await tx.execute(host.insert(), [{"site_id": site, "name": name} for site in (1, 2) for name in NAMES])
        for wanted in ([], NAMES[:1], NAMES[1:4], [*NAMES, "nobody.example"], NAMES * 500):
            found = await tx.fetch(find, {"of_site": 1, "names": wanted})
            assert sorted(name for (name,) in found) == sorted(set(wanted) & set(NAMES))


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # PostgreSQL plans by statistics; an empty table has none
async def test_sqlite_looks_up_and_does_not_scan(services: Services):
    wanted = select(delivery.c.body).where(any_of(delivery.c.site_id, delivery.c.id, [(1, 2), (1, 3), (2, 4)]))
    async with services.db.read() as tx:
        query = wanted.compile(dialect=tx.dialect, compile_kwargs={"literal_binds": True})
        plan = [row.detail for row in await tx.execute(text(f"EXPLAIN QUERY PLAN {query}"))]
    assert not [step for step in plan if step.startswith("SCAN")]
    assert [step for step in plan if "site_id=? AND id=?" in step]
