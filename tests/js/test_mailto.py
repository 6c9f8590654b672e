"""Addresses in ``mailto:`` links, as mail programs read them (feature A10). How they look: ``forms/links.txt``."""

from __future__ import annotations

from tests.js.conftest import Shop


async def test_a_browser_reads_the_substitute_from_the_link(shop: Shop) -> None:
    """As a mail program would: the URL, decoded."""
    await shop.open()
    await shop.shows("#link", "sales+k7f3q9x2@company.com")
    path = await shop.run("() => decodeURIComponent(new URL(document.querySelector('#link').href).pathname)")
    assert path == "sales+k7f3q9x2@company.com"
