"""How the script gets into a page, when it starts, and for whom it does not (features A01, A12, A16)."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.bench.collect import new_visitors
from tests.js.collector import SCRIPT
from tests.js.conftest import Shop

SUBSTITUTE = "sales+k7f3q9x2@company.com"
LIMIT = 3072


def test_the_script_is_small() -> None:
    size = len(gzip.compress(SCRIPT.read_bytes(), 9, mtime=0))
    print(f"wf.js: {size} bytes gzipped, limit {LIMIT}")
    assert size <= LIMIT


async def test_a_page_shown_is_told_once_and_whole(shop: Shop) -> None:
    await shop.open()
    await shop.quiet()
    (view,) = shop.collector.visits
    assert view == {
        "site": "KEY",
        "page": shop.collector.url("/plain.html"),
        "referrer": "",
        "title": "Contact",
        "addresses": ["sales@company.com", "press@elsewhere.org"],
        "pageview": True,
        "params": {},
        "language": "en-US",
        "timezone": await shop.run("() => Intl.DateTimeFormat().resolvedOptions().timeZone"),
    }
    told = shop.collector.all_told()[0]
    assert told.headers["path"] == "/v1/visits"
    assert told.headers["content-type"].startswith("text/plain")


async def test_benchmarks_tell_pages_as_this_browser_does(shop: Shop) -> None:
    """With as many headers and fields: a server's work grows with them."""
    await shop.open(host="localhost")  # as on https: browsers say less of themselves to a page that anybody could read
    await shop.quiet()
    told = shop.collector.all_told()[0]
    head, _, body = new_visitors("KEY")[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    assert {line.partition(":")[0] for line in lines} == told.headers.keys() - {"path"}
    assert json.loads(body).keys() == told.body.keys()


@pytest.mark.parametrize("attributes", [{}, {"async": "", "defer": ""}, {"crossorigin": "anonymous"}])
async def test_it_works_under_a_strict_policy_from_another_origin(shop: Shop, attributes: dict[str, str]) -> None:
    elsewhere = shop.collector.url("", "w.example")
    shop.collector.attributes = {"src": f"{elsewhere}/wf.js", **attributes}
    shop.collector.headers = {
        "Content-Security-Policy": f"default-src 'none'; script-src {elsewhere}; connect-src {elsewhere}; "
        "require-trusted-types-for 'script'; base-uri 'none'; form-action 'none'"
    }
    await shop.page.context.add_cookies([{"name": "session", "value": "secret", "url": elsewhere}])
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    await shop.wait(lambda: bool(shop.collector.signals))
    assert shop.printed == []
    for told in shop.collector.all_told():
        assert told.headers["host"].startswith("w.example:")
        assert told.headers["origin"] == shop.collector.url("")
        assert "cookie" not in told.headers


@pytest.mark.parametrize("name", ["deferred.html", "bundled.html", "injected.html"])
async def test_it_finds_its_settings_however_it_was_put_in(shop: Shop, name: str) -> None:
    await shop.open(name)
    await shop.shows("#link", SUBSTITUTE)
    path = "/relay/visits" if name == "bundled.html" else "/v1/visits"
    assert shop.collector.all_told()[0].headers["path"] == path


@pytest.mark.parametrize(
    ("attributes", "visits", "signals"),
    [
        ({"src": "/deep/er/wf.js"}, "/deep/er/v1/visits", "/deep/er/v1/signals"),
        ({"src": "/wf.js?v=1#x"}, "/v1/visits", "/v1/signals"),
        ({"data-collector": "/relay/v1"}, "/relay/v1/visits", "/relay/v1/signals"),
        ({"data-visits": "/px/a", "data-signals": "/px/b/signals"}, "/px/a", "/px/b/signals"),
        ({"data-collector": "/relay", "data-visits": "pages"}, "/relay/pages", "/relay/signals"),
    ],
)
async def test_the_collectors_paths_are_settings(
    shop: Shop, attributes: dict[str, str], visits: str, signals: str
) -> None:
    shop.collector.attributes = attributes
    await shop.open()
    await shop.wait(lambda: bool(shop.collector.signals))
    assert {told.headers["path"] for told in shop.collector.all_told()} == {visits, signals}


async def test_a_collector_at_another_address_is_a_setting(shop: Shop) -> None:
    shop.collector.attributes = {"data-collector": shop.collector.url("/v1", "c.example")}
    await shop.open()
    assert shop.collector.all_told()[0].headers["host"].startswith("c.example:")


async def test_a_browser_driven_by_a_program_sees_the_real_addresses_and_nothing_is_told(shop: Shop) -> None:
    shop.collector.attributes = {"data-webdriver": ""}
    shop.collector.inline = (
        "<script>onWherefromLoaded = it => { it.email.add('info@company.com'); it.setParams({1: 2}) }</script>"
    )
    await shop.page.clock.install()
    await shop.open(settled=False)
    await shop.page.wait_for_function("window.wherefrom")
    await shop.run(
        """() => {
            wherefrom.email.enabled = true;
            wherefrom.email.refresh();
            wherefrom.onVisit(() => {});
            history.pushState({}, "", "/b");
        }"""
    )
    for _ in range(3):
        await shop.page.clock.fast_forward(70_000)
        await shop.quiet()
    assert await shop.text("#link") == "sales@company.com"
    assert shop.collector.all_told() == []
    assert await shop.run("() => [document.cookie, localStorage.length]") == ["", 0]


async def test_a_page_without_a_site_key_is_left_alone(shop: Shop) -> None:
    shop.collector.attributes = {"data-site": ""}
    await shop.open(settled=False)
    await shop.quiet()
    assert await shop.run("() => typeof wherefrom") == "undefined"
    assert shop.collector.all_told() == []


async def test_a_prerendered_page_waits_until_it_is_shown(shop: Shop) -> None:
    await shop.page.add_init_script(
        "Object.defineProperty(document, 'prerendering', { value: true, configurable: true })"
    )
    await shop.page.clock.install()
    await shop.open(settled=False)
    await shop.page.clock.fast_forward(100_000)
    await shop.quiet()
    assert shop.collector.all_told() == []
    await shop.run(
        """() => {
            Object.defineProperty(document, "prerendering", { value: false });
            document.dispatchEvent(new Event("prerenderingchange"));
        }"""
    )
    await shop.shows("#link", SUBSTITUTE)
    assert len(shop.collector.pageviews) == 1


async def test_nothing_is_written_before_the_page_has_loaded_unless_that_takes_for_ever(shop: Shop) -> None:
    """Frameworks hydrate meanwhile: they compare the page with what the server sent."""
    shop.collector.inline = """<script>
        window.onWherefromLoaded = wherefrom => wherefrom.on("email", () => {
            window.first ??= [document.querySelector("#link").textContent, wherefrom.email.substitute];
        });
    </script>"""
    await shop.page.goto(shop.collector.url("/slow.html"), wait_until="domcontentloaded")
    await shop.until("() => window.first")
    assert await shop.run("() => first") == ["sales@company.com", SUBSTITUTE]
    await shop.shows("#link", SUBSTITUTE)
    assert await shop.run("() => document.readyState") == "interactive"
