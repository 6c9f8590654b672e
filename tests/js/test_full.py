"""The core and the full script: which of them runs, and that the page is safe whichever does (feature A16)."""

from __future__ import annotations

import base64
import gzip
import hashlib
from pathlib import Path

import pytest

from tests.js.collector import FULL_SCRIPT, ROISTAT_SCRIPT, SCRIPT
from tests.js.conftest import Shop

SUBSTITUTE = "sales+k7f3q9x2@company.com"
TORN = "<!doctype html><meta charset=utf-8><title>Torn</title><!--wherefrom--><p id=text>sales@<wbr>company.com</p>"
LIMITS = {SCRIPT: 3072, FULL_SCRIPT: 8192, ROISTAT_SCRIPT: 1536}


def fetched(shop: Shop) -> list[str]:
    return [path for path in shop.collector.fetched if path.endswith(".js")]


def digest(script: Path) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(script.read_bytes()).digest()).decode()


@pytest.mark.parametrize("script", list(LIMITS), ids=lambda script: script.name)
def test_each_script_is_small_and_uses_nothing_that_a_strict_policy_forbids(script: Path) -> None:
    size = len(gzip.compress(script.read_bytes(), 9, mtime=0))
    print(f"{script.name}: {size} bytes gzipped, limit {LIMITS[script]}")
    assert size <= LIMITS[script]
    text = script.read_text()
    for forbidden in ("eval(", "Function(", ".style", "innerHTML", "outerHTML", "document.write"):
        assert forbidden not in text


async def test_a_page_without_an_address_loads_the_core_alone(shop: Shop) -> None:
    await shop.open("late.html")
    await shop.quiet()
    assert fetched(shop) == ["/wf.js"]


@pytest.mark.parametrize(
    "html",
    [
        "sales@company.com",
        "<a href='mailto:sales%40company.com'><i>Write</i></a>",
        "sales@<wbr>company.com",
        "sales@com&shy;pany.com",
        "<a-card></a-card>",
    ],
    ids=["text", "link", "torn", "torn-by-a-soft-hyphen", "in-a-shadow-root"],
)
async def test_the_first_address_on_a_page_brings_the_helper_before_anything_is_lent(shop: Shop, html: str) -> None:
    shop.collector.open.clear()
    await shop.open("late.html", settled=False)
    await shop.wait(lambda: bool(shop.collector.visits))
    await shop.run(
        """html => {
            customElements.define("a-card", class extends HTMLElement {
                constructor() { super().attachShadow({ mode: "open" }).innerHTML = "<p>sales@company.com</p>" }
            });
            place.innerHTML = html;
        }""",
        html,
    )
    await shop.until("() => !wherefrom.core")
    assert fetched(shop) == ["/wf.js", "/wf-full.js"]
    shop.collector.open.set()
    await shop.wait(lambda: "sales@company.com" in shop.collector.asked)
    await shop.until("() => (place.firstElementChild?.shadowRoot || place).innerHTML.includes('k7f3q9x2')")


async def test_a_page_that_lends_gets_a_helper_and_the_next_one_the_full_script(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    await shop.until("() => !wherefrom.core")
    assert fetched(shop) == ["/wf.js", "/wf-full.js"]
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    assert await shop.run("() => typeof wherefrom.consent") == "function"
    assert fetched(shop) == ["/wf.js", "/wf-full.js"]  # from the browser's cache
    assert shop.errors == shop.printed == []


async def test_an_option_on_the_tag_is_enough(shop: Shop) -> None:
    options = {
        "lend": "load",
        "frames": "",
        "spelt": "",
        "attributes": "title",
        "link-parameter": "x",
        "consent": "gpc",
    }
    for name, value in options.items():
        shop.collector.attributes = {f"data-{name}": value}
        await shop.page.context.clear_cookies()
        await shop.run("() => { try { localStorage.clear() } catch {} }")
        told = len(shop.collector.pageviews)
        await shop.open()
        await shop.shows("#link", SUBSTITUTE)
        assert (name, await shop.run("() => typeof wherefrom.consent")) == (name, "function")
        assert len(shop.collector.pageviews) == told + 1


async def test_a_campaigns_parameters_are_no_reason_to_load_more(shop: Shop) -> None:
    await shop.page.goto(shop.collector.url("/late.html?utm_content=a&utm_campaign=b&utm_medium=c&link=d&consent=e"))
    await shop.settle()
    assert fetched(shop) == ["/wf.js"]


@pytest.mark.parametrize(
    ("attributes", "full"),
    [
        ({"src": "/a/wf.js?v=1#x"}, "/a/wf-full.js"),
        ({"src": "/wf.1a2b3c4d.wf.js"}, "/wf.1a2b3c4d.wf-full.js"),
        ({"data-full": "/elsewhere/more-full.js"}, "/elsewhere/more-full.js"),
    ],
)
async def test_the_full_script_lies_beside_the_core_or_where_the_tag_says(
    shop: Shop, attributes: dict[str, str], full: str
) -> None:
    shop.collector.attributes = attributes
    await shop.open()
    await shop.until("() => !wherefrom.core")
    assert fetched(shop)[1] == full


async def test_where_the_full_script_is_missing_the_core_goes_on_alone(shop: Shop) -> None:
    shop.collector.missing = {"-full.js"}
    for _ in range(2):
        await shop.open()
        await shop.shows("#link", SUBSTITUTE)
    assert [view.get("visit") for view in shop.collector.pageviews] == [None, "token-100"]
    shop.collector.attributes = {"data-spelt": ""}
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)


async def test_an_address_that_is_torn_brings_the_helper_before_anything_is_lent(shop: Shop) -> None:
    shop.collector.pages["/torn"] = TORN
    await shop.open("torn")
    await shop.shows("#text", SUBSTITUTE)
    assert "sales@company.com" in shop.collector.asked
    await shop.run("() => { wherefrom.email.enabled = false }")
    await shop.shows("#text", "sales@company.com")
    await shop.run("() => { wherefrom.email.enabled = true }")
    await shop.shows("#text", SUBSTITUTE)
    shop.collector.enabled, shop.collector.targets = False, {}
    await shop.run("() => { wherefrom.email.refresh() }")
    await shop.shows("#text", "sales@company.com")


async def test_a_torn_address_is_seen_clicked_and_copied_like_any_other(shop: Shop) -> None:
    shop.collector.pages["/torn"] = TORN
    await shop.open("torn")
    await shop.shows("#text", SUBSTITUTE)
    await shop.run("() => getSelection().selectAllChildren(document.querySelector('#text'))")
    await shop.page.keyboard.press("Control+C")
    await shop.wait(lambda: {signal["kind"] for signal in shop.collector.signals} >= {"visible", "copy"})
    assert {signal["address"] for signal in shop.collector.signals} == {SUBSTITUTE}


@pytest.mark.parametrize("first", ["/wf.js", "/wf-full.js"])
@pytest.mark.parametrize("second", ["/wf.js", "/wf-full.js"])
async def test_put_in_twice_it_runs_once(shop: Shop, first: str, second: str) -> None:
    shop.collector.attributes = {"src": first}
    shop.collector.inline = shop.collector.tag()
    shop.collector.attributes = {"src": second}
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    await shop.run("() => document.addEventListener('click', event => event.preventDefault())")
    await shop.until("() => !wherefrom.core")
    await shop.page.click("#link")
    await shop.wait(lambda: len(shop.collector.signals) == 2)
    await shop.quiet()
    assert sorted(signal["kind"] for signal in shop.collector.signals) == ["mailto", "visible"]
    assert len(shop.collector.pageviews) == 1
    assert shop.printed == []


@pytest.mark.parametrize("script", [SCRIPT, FULL_SCRIPT], ids=lambda script: script.name)
async def test_a_script_with_its_digest_on_the_tag_runs_and_fetches_nothing_without_one(
    shop: Shop, script: Path
) -> None:
    shop.collector.attributes = {"src": f"/{script.name}", "integrity": digest(script), "crossorigin": "anonymous"}
    for _ in range(2):
        await shop.open()
        await shop.shows("#link", SUBSTITUTE)
    assert set(fetched(shop)) == {f"/{script.name}"}
    assert shop.printed == []


async def test_a_script_with_another_digest_than_the_tags_does_not_run(shop: Shop) -> None:
    shop.collector.attributes = {"integrity": digest(FULL_SCRIPT)}
    await shop.open(settled=False)
    await shop.quiet()
    assert await shop.text("#link") == "sales@company.com"
    assert shop.collector.all_told() == []


@pytest.mark.parametrize("nonce", [False, True])
async def test_the_full_script_comes_under_a_strict_policy_from_another_origin(shop: Shop, nonce: bool) -> None:
    elsewhere = shop.collector.url("", "w.example")
    allowed = "'nonce-abc'" if nonce else elsewhere
    shop.collector.attributes = {
        "src": f"{elsewhere}/wf.js",
        "data-consent": "gpc",
        **({"nonce": "abc"} if nonce else {}),
    }
    shop.collector.headers = {
        "Content-Security-Policy": f"default-src 'none'; script-src {allowed}; connect-src {elsewhere}; "
        "require-trusted-types-for 'script'; base-uri 'none'; form-action 'none'"
    }
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    await shop.wait(lambda: bool(shop.collector.signals))
    assert shop.printed == []


async def test_through_the_sites_own_proxy_path_everything_stays_on_its_host(shop: Shop) -> None:
    shop.collector.attributes = {"src": "/a/b/hello-wf.js", "data-consent": "gpc"}
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    await shop.wait(lambda: bool(shop.collector.signals))
    assert fetched(shop) == ["/a/b/hello-wf.js", "/a/b/hello-wf-full.js"]
    assert {told.headers["path"] for told in shop.collector.all_told()} == {"/a/b/v1/visits", "/a/b/v1/signals"}
    assert {told.headers["host"] for told in shop.collector.all_told()} == {f"shop.example:{shop.collector.port}"}


async def test_an_answer_that_takes_three_seconds_leaves_the_page_alone_and_is_used(shop: Shop) -> None:
    shop.collector.open.clear()
    await shop.open(settled=False)
    await shop.wait(lambda: bool(shop.collector.visits))
    await shop.page.wait_for_timeout(3000)
    assert await shop.text("#link") == "sales@company.com"
    shop.collector.open.set()
    await shop.shows("#link", SUBSTITUTE)
    assert shop.printed == []
