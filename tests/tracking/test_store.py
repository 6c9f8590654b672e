"""Where links lead is found for many at once."""

from __future__ import annotations

from wherefrom.services import Services
from wherefrom.tracking.store import append_links, find_urls

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
