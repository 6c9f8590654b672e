"""Where links lead is found for many at once."""

from __future__ import annotations

import pytest

from wherefrom.services import Services
from wherefrom.tracking.store import _FIND_URLS_AT_ONCE, append_links, find_urls

ODD = [
    'https://a.example/"q"?x=\\n&y=%22',
    "https://ä.example/ü#ö",
    "https://a.example/'--",
    "https://a.example/\u2028",
]


async def test_each_link_is_found_as_it_was_written_and_none_that_is_another_sites(services: Services) -> None:
    async with services.db.write() as tx:
        await append_links(tx, 1, 2**60, ODD)
        await append_links(tx, 2, 2**60, ["https://other.example/"])
        keys = [(1, 2**60, 3), (1, 2**60, 1), (2, 2**60, 1), (1, 2**60, 9), (3, 2**60, 1), (1, 2**60, 3)]
        assert await find_urls(tx, keys) == {
            (1, 2**60, 3): ODD[2], (1, 2**60, 1): ODD[0], (2, 2**60, 1): "https://other.example/",
        }  # fmt: skip
        assert list((await find_urls(tx, [(1, 2**60, n) for n in range(1, 5)])).values()) == ODD


async def test_many_links_are_found_by_an_index(services: Services, engine: str) -> None:
    if engine != "sqlite":
        pytest.skip("the other engine asks by the prepared statement for one")
    async with services.db.read() as tx:
        form = _FIND_URLS_AT_ONCE.form(tx.dialect)
        plan = await tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {form.sql}", form.bind({"asked": [(1, 2, 3)]}))
        told = " ".join(str(row) for row in plan)
    assert "(site_id=? AND send_id=? AND number=?)" in told, told
