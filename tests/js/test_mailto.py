"""Addresses in ``mailto:`` links: recipients in every place, nothing else (feature A10)."""

from __future__ import annotations

from tests.js.conftest import Shop
from tests.js.test_addresses import TARGETS

LINKS = """() => [...document.querySelectorAll('[title][href]')].map(
    link => [link.getAttribute('title'), link.getAttribute('href'), link.dataset.leads])"""


async def test_recipients_are_swapped_in_every_form_and_the_rest_of_the_link_stays(shop: Shop) -> None:
    shop.collector.targets = TARGETS
    shop.collector.attributes = {"data-lend": "load"}
    await shop.open("mailto.html", settled=False)
    originals = {title: href for title, href, _ in await shop.run(LINKS)}
    await shop.settle()
    links = await shop.run(LINKS)
    assert len(links) > 25
    assert {title: href for title, href, _ in links} == {title: leads or originals[title] for title, _, leads in links}
    await shop.run("() => { wherefrom.email.enabled = false }")
    assert {title: href for title, href, _ in await shop.run(LINKS)} == originals


async def test_a_browser_reads_the_substitute_from_the_link(shop: Shop) -> None:
    """As a mail program would: the URL, decoded."""
    await shop.open()
    await shop.shows("#link", "sales+k7f3q9x2@company.com")
    path = await shop.run("() => decodeURIComponent(new URL(document.querySelector('#link').href).pathname)")
    assert path == "sales+k7f3q9x2@company.com"
