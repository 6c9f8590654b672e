"""The visit is carried over the site's other hosts by a parameter that is there while it is needed (feature A11)."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.js.conftest import Shop

SUBSTITUTE = "sales+k7f3q9x2@company.com"
PAGE = """<!doctype html><meta charset=utf-8><title>Shop</title>
<script>window.seen = location.href</script><!--wherefrom-->
<p id=link>sales@company.com</p>
<p><a id=other href="http://other.example:PORT/there?a=1%20b&c#d"><b id=inner>Other</b></a>
<a id=deep href="http://deep.other.example:PORT/there">Deep</a>
<a id=same href="/there">Same</a> <a id=sub href="http://blog.shop.example:PORT/there">Sub</a>
<a id=foreign href="http://elsewhere.example:PORT/there">Foreign</a>
<a id=alike href="http://notother.example:PORT/there">Alike</a>
<a id=mail href="mailto:press@elsewhere.org">Mail</a></p>
<form id=form action="http://other.example:PORT/there"><input name=q value=x><button id=send>Go</button></form>
<form id=post method=post action="http://other.example:PORT/there"><button id=sendpost>Go</button></form>"""
STAY = "() => document.addEventListener('click', event => event.preventDefault())"


def now() -> int:
    return int(time.time())


def base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return (base36(number // 36) if number >= 36 else "") + digits[number % 36]


@pytest.fixture
async def shops(shop: Shop) -> Shop:
    """A site of two domains; its first page is open, the visit is 100."""
    shop.collector.hosts = ["shop.example", "other.example"]
    page = PAGE.replace("PORT", str(shop.collector.port))
    shop.collector.pages |= {"/here": page, "/there": page}
    await shop.open("here")
    await shop.shows("#link", SUBSTITUTE)
    await shop.until("() => !wherefrom.core")  # the core has its helper
    return shop


async def href_in_use(shop: Shop, selector: str) -> str:
    """What the link's address is while a click on it is under way; the click leads nowhere."""
    await shop.run(
        """selector => {
            window.used = "";
            document.addEventListener("click", event => {
                window.used = document.querySelector(selector).href;
                event.preventDefault();
            }, { once: true });
        }""",
        selector,
    )
    before = await shop.href(selector)
    await shop.page.click(selector)
    await shop.until("() => used")
    await shop.until(
        "([selector, before]) => document.querySelector(selector).getAttribute('href') === before", [selector, before]
    )
    return str(await shop.run("() => used"))


async def test_a_click_carries_the_visit_to_the_other_domain_and_leaves_no_trace_in_its_address(shops: Shop) -> None:
    await shops.page.click("#other")
    await shops.wait(lambda: len(shops.collector.pageviews) == 2)
    second = shops.collector.pageviews[1]
    assert second["page"] == shops.collector.url("/there?a=1%20b&c#d", "other.example").replace("#d", "")
    assert (second["visit"], second["visitor"]) == ("token-100", "visitor-1")
    assert await shops.run("() => location.href") == shops.collector.url("/there?a=1%20b&c#d", "other.example")
    await shops.quiet()
    assert len(shops.collector.pageviews) == 2  # taking the parameter off is no page change
    await shops.shows("#link", SUBSTITUTE)
    assert "wf_visit=token-100" in await shops.run("() => document.cookie")


async def test_the_parameter_is_on_the_link_only_while_it_is_being_used(shops: Shop) -> None:
    used = await href_in_use(shops, "#other")
    assert used.startswith(shops.collector.url("/there?a=1%20b&c&wf_link=", "other.example"))
    assert used.endswith("#d")
    (value,) = parse_qs(urlsplit(used).query)["wf_link"]
    visit, visitor, at = value.split("~")
    assert (visit, visitor) == ("token-100", "visitor-1")
    assert abs(int(at, 36) - now()) < 60


async def test_only_links_to_hosts_of_the_site_that_share_no_cookies_carry_it(shops: Shop) -> None:
    await shops.run(
        """() => {
            window.carried = {};
            document.addEventListener("click", event => {
                const link = event.target.closest("a");
                carried[link.id] = link.href.includes("wf_link=");
                event.preventDefault();
            });
        }"""
    )
    for selector in ("#inner", "#deep", "#same", "#sub", "#foreign", "#alike", "#mail"):
        await shops.page.click(selector)
    assert await shops.run("() => carried") == {
        "other": True,
        "deep": True,
        "same": False,
        "sub": False,
        "foreign": False,
        "alike": False,
        "mail": False,
    }


async def test_a_middle_click_carries_it_too(shops: Shop) -> None:
    await shops.run(
        """() => {
            window.used = [];
            document.addEventListener("auxclick", event => {
                used.push(event.button + event.target.closest("a").search.includes("wf_link"));
                event.preventDefault();
            });
        }"""
    )
    await shops.page.click("#other", button="middle")
    assert await shops.run("() => used") == [2]  # 1 + true


async def test_the_browsers_menu_for_a_link_is_made_with_it(shops: Shop) -> None:
    """ "Open in a new tab" takes what the link's address is right after the event."""
    await shops.run(
        """() => addEventListener("contextmenu", event => {
            window.used = event.target.closest("a").href;
            event.preventDefault();
        })"""
    )
    before = await shops.href("#other")
    await shops.page.click("#inner", button="right")
    used = str(await shops.run("() => used"))
    assert used.startswith(shops.collector.url("/there?a=1%20b&c&wf_link=token-100~visitor-1~", "other.example"))
    await shops.until("href => document.querySelector('#other').getAttribute('href') === href", before)
    opened = await shops.page.context.new_page()
    await opened.goto(used)
    await shops.wait(lambda: len(shops.collector.pageviews) == 2)
    assert shops.collector.pageviews[1]["visit"] == "token-100"


async def test_a_form_that_the_page_submits_by_itself_carries_it(shops: Shop) -> None:
    """``form.submit()`` fires no submit event."""
    await shops.run("() => document.forms.form.submit()")
    await shops.wait(lambda: len(shops.collector.pageviews) == 2)
    second = shops.collector.pageviews[1]
    assert (second["visit"], second["page"]) == ("token-100", shops.collector.url("/there?q=x", "other.example"))


async def test_a_buttons_own_way_of_sending_a_form_counts(shops: Shop) -> None:
    await shops.run(
        """() => {
            sendpost.formMethod = "get";
            sendpost.click();
        }"""
    )
    await shops.wait(lambda: len(shops.collector.pageviews) == 2)
    assert shops.collector.pageviews[1]["visit"] == "token-100"


async def test_a_form_that_asks_carries_it_and_one_that_posts_does_not(shops: Shop) -> None:
    before = await shops.run("() => document.forms.form.outerHTML")
    sent = await shops.run(
        """() => {
            window.sent = [];
            document.addEventListener("submit", event => {
                event.preventDefault();
                sent.push([...new FormData(event.target).keys()].join());
            });
            send.click();
            sendpost.click();
            return sent;
        }"""
    )
    assert sent == ["q,wf_link", ""]
    await shops.until("html => document.forms.form.outerHTML === html", before)


async def test_a_submitted_form_leads_to_the_same_visit(shops: Shop) -> None:
    await shops.page.click("#send")
    await shops.wait(lambda: len(shops.collector.pageviews) == 2)
    second = shops.collector.pageviews[1]
    assert (second["visit"], second["page"]) == ("token-100", shops.collector.url("/there?q=x", "other.example"))


async def arrive(shop: Shop, value: str, name: str = "wf_link") -> None:
    """Opens a page of the other domain with the parameter."""
    told = len(shop.collector.pageviews)
    await shop.page.goto(shop.collector.url(f"/there?x=1&{name}={value}&y=2", "other.example"))
    await shop.wait(lambda: len(shop.collector.pageviews) > told)


async def test_a_stale_or_broken_parameter_is_removed_and_not_believed(shops: Shop) -> None:
    good = "token-555~visitor-9~{}"
    for age, value in [(200, good), (-200, good), (0, "~~{}"), (0, "x"), (0, "a~b~"), (0, "")]:
        await shops.page.context.clear_cookies()
        await arrive(shops, value.format(base36(now() - age)))
        last = shops.collector.pageviews[-1]
        assert last.get("visit") != "token-555"
        assert last["page"] == shops.collector.url("/there?x=1&y=2", "other.example")
        assert await shops.run("() => location.search") == "?x=1&y=2"


async def test_a_fresh_parameter_wins_over_an_older_visit_of_that_host(shops: Shop) -> None:
    await shops.open("there", host="other.example")
    await shops.quiet()
    await shops.run(
        """() => {
            const kept = JSON.parse(localStorage.wf_visit_lease);
            kept[4] -= 10_000;
            localStorage.wf_visit_lease = JSON.stringify(kept);
        }"""
    )
    await arrive(shops, f"token-555~visitor-9~{base36(now())}")
    last = shops.collector.pageviews[-1]
    assert (last["visit"], last["visitor"]) == ("token-555", "visitor-9")


async def test_a_visit_that_was_heard_of_later_than_the_parameter_was_made_goes_on(shops: Shop) -> None:
    await shops.open("there", host="other.example")
    await shops.quiet()
    await arrive(shops, f"token-555~visitor-9~{base36(now() - 60)}")
    assert shops.collector.pageviews[-1]["visit"] == "token-100"


async def test_the_parameters_name_is_a_setting(shops: Shop) -> None:
    shops.collector.attributes = {"data-link-parameter": "ref_x"}
    await shops.open("here")
    await shops.shows("#link", SUBSTITUTE)
    await shops.settle()
    assert re.search(r"&ref_x=token-100", await href_in_use(shops, "#other"))
    await arrive(shops, f"token-555~visitor-9~{base36(now() + 5)}", "ref_x")
    assert shops.collector.pageviews[-1]["visit"] == "token-555"


async def test_before_consent_nothing_is_carried_and_what_arrives_waits_for_it(shops: Shop) -> None:
    shops.collector.attributes = {"data-consent": "manual"}
    told = len(shops.collector.pageviews)
    await shops.page.goto(shops.collector.url(f"/there?wf_link=token-555~visitor-9~{base36(now())}", "other.example"))
    await shops.until("() => window.wherefrom")
    await shops.quiet()
    assert await shops.run("() => [location.search, document.cookie, localStorage.length]") == ["", "", 0]
    await shops.run("() => wherefrom.consent(true)")
    await shops.wait(lambda: len(shops.collector.pageviews) == told + 1)
    last = shops.collector.pageviews[-1]
    assert (last["visit"], last["referrer"]) == ("token-555", "")


async def test_a_site_with_one_host_carries_nothing(shops: Shop) -> None:
    shops.collector.hosts = []
    await shops.open("here")
    await shops.shows("#link", SUBSTITUTE)
    await shops.settle()
    assert "wf_link" not in await href_in_use(shops, "#other")
