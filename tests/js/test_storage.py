"""Where the visit is kept: first-party, shared by subdomains, and not at all where the browser forbids it (C01)."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext

from tests.js.collector import Collector
from tests.js.conftest import Shop
from tests.support.certificates import make_certificates

SUBSTITUTE = "sales+k7f3q9x2@company.com"


async def cookies(shop: Shop) -> dict[str, tuple[str, str, str, bool]]:
    return {
        cookie["name"]: (cookie["value"], cookie["domain"], cookie["sameSite"], cookie["secure"])
        for cookie in await shop.page.context.cookies()
    }


async def test_the_visit_goes_on_at_the_next_page(shop: Shop) -> None:
    await shop.open()
    await shop.open("late.html")
    first, second = shop.collector.pageviews
    assert "visit" not in first
    assert "visitor" not in first
    assert (second["visit"], second["visitor"]) == ("token-100", "visitor-1")


async def test_subdomains_share_the_visit(shop: Shop) -> None:
    await shop.open(host="www.shop.example")
    assert await cookies(shop) == {
        "wf_visit": ("token-100", ".shop.example", "Lax", False),
        "wf_visitor": ("visitor-1", ".shop.example", "Lax", False),
    }
    for host in ("blog.shop.example", "shop.example", "a.b.shop.example"):
        await shop.open(host=host)
        assert shop.collector.pageviews[-1]["visitor"] == "visitor-1"
    await shop.open(host="other.example")
    assert "visitor" not in shop.collector.pageviews[-1]


async def test_a_public_suffix_is_passed_over_for_the_sites_own_domain(shop: Shop) -> None:
    await shop.open(host="www.shop.co.uk")
    assert {domain for _, domain, _, _ in (await cookies(shop)).values()} == {".shop.co.uk"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "intranet"])
async def test_a_host_without_a_domain_keeps_the_visit_for_itself(shop: Shop, host: str) -> None:
    await shop.open(host=host)
    assert {domain for _, domain, _, _ in (await cookies(shop)).values()} == {host}
    await shop.open(host=host)
    assert shop.collector.pageviews[-1]["visit"] == "token-100"


async def test_a_newer_token_replaces_the_older_one_everywhere(shop: Shop) -> None:
    await shop.open(host="www.shop.example")
    shop.collector.visit = 101
    await shop.open(host="blog.shop.example")
    await shop.open(host="www.shop.example")
    assert shop.collector.pageviews[-1]["visit"] == "token-101"
    assert len(await cookies(shop)) == 2


async def test_lost_cookies_are_found_again_in_local_storage(shop: Shop) -> None:
    await shop.open()
    await shop.page.context.clear_cookies()
    await shop.open("late.html")
    assert shop.collector.pageviews[1]["visit"] == "token-100"


async def test_the_names_are_settings(shop: Shop) -> None:
    shop.collector.attributes = {"data-visit-cookie": "v", "data-visitor-cookie": "w"}
    await shop.open()
    assert set(await cookies(shop)) == {"v", "w"}
    await shop.until("() => localStorage.v_lease")
    assert sorted(await shop.run("() => Object.keys(localStorage)")) == ["v", "v_lease", "w"]


BLOCKED = """
for (const name of ["localStorage", "sessionStorage", "indexedDB"]) {
    Object.defineProperty(window, name, { get() { throw new DOMException("blocked", "SecurityError") } });
}
Object.defineProperty(Document.prototype, "cookie", {
    get() { throw new DOMException("blocked", "SecurityError") },
    set() { throw new DOMException("blocked", "SecurityError") },
});
"""


async def test_with_all_storage_blocked_addresses_are_swapped_and_the_page_keeps_its_visit(shop: Shop) -> None:
    await shop.page.add_init_script(BLOCKED)
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    await shop.run("() => history.pushState({}, '', '/b')")
    await shop.wait(lambda: len(shop.collector.pageviews) == 2)
    assert shop.collector.pageviews[1]["visit"] == "token-100"


async def test_with_cookies_switched_off_local_storage_carries_the_visit(shop: Shop) -> None:
    await shop.page.add_init_script("Object.defineProperty(Document.prototype, 'cookie', { get: () => '', set() {} })")
    await shop.open()
    await shop.open("late.html")
    assert shop.collector.pageviews[1]["visit"] == "token-100"


async def test_a_sandboxed_frame_without_storage_is_swapped(shop: Shop) -> None:
    await shop.open("frame.html", settled=False)
    frame = shop.page.frames[1]
    await frame.wait_for_function(f"document.querySelector('#link').textContent === '{SUBSTITUTE}'")


async def test_on_https_the_cookies_are_secure(context: BrowserContext, tmp_path: Path) -> None:
    collector = Collector(certificates=make_certificates(tmp_path))
    collector.start()
    try:
        shop = Shop(await context.new_page(), collector)
        await shop.open(host="localhost")
        assert {secure for _, _, _, secure in (await cookies(shop)).values()} == {True}
        await shop.open(host="localhost")
        assert collector.pageviews[-1]["visit"] == "token-100"
    finally:
        collector.stop()


async def test_client_ids_of_analytics_are_told(shop: Shop) -> None:
    host = shop.collector.url("/")
    await shop.page.context.add_cookies(
        [
            {"name": "_ga", "value": "GA1.1.1234567890.1700000000", "url": host},
            {"name": "_ga_ABC", "value": "GS1.1.1", "url": host},
            {"name": "_ym_uid", "value": "1700000000123456789", "url": host},
        ]
    )
    await shop.open()
    (view,) = shop.collector.pageviews
    assert (view["google_client_id"], view["ym_uid"]) == ("1234567890.1700000000", "1700000000123456789")
