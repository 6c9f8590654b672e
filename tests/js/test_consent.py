"""Consent: before it nothing is told, kept or changed; without it only the source counts; taken back, all is as it was
(features C08, C09)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.js.conftest import Shop

SUBSTITUTE = "sales+k7f3q9x2@company.com"
OF_SOURCE = "sales+source77@company.com"
REAL = "sales@company.com"
KEPT = "() => [document.cookie, ...Object.keys(localStorage), ...Object.keys(sessionStorage)].filter(Boolean)"
GPC = "<script>Object.defineProperty(navigator, 'globalPrivacyControl', {{ value: {} }})</script>"
TCF = """<script>
window.purposes = {};
window.listeners = [];
window.__tcfapi = (command, version, callback) => {
    if (command === "addEventListener" && version === 2) { listeners.push(callback); tell("cmpuishown") }
};
window.tell = (eventStatus, one, more) => listeners.forEach(listener =>
    listener({ eventStatus, gdprApplies: true, purpose: { consents: { 1: one } }, ...more }, true));
</script>"""
GCM = """<script>
window.dataLayer = window.dataLayer || [];
function gtag() { dataLayer.push(arguments) }
gtag("consent", "default", { ad_storage: "denied", analytics_storage: "denied" });
</script>"""


async def begin(shop: Shop, voters: str, inline: str = "", **attributes: str) -> None:
    """Opens the page with a tag that asks ``voters``."""
    shop.collector.attributes = {
        "data-consent": voters,
        **{name.replace("_", "-"): v for name, v in attributes.items()},
    }
    shop.collector.inline = inline
    await shop.open(settled=False)
    await shop.until("() => window.wherefrom")
    await shop.quiet()


async def assert_untouched(shop: Shop) -> None:
    assert await shop.text("#link") == REAL
    assert shop.collector.all_told() == []
    assert await shop.run(KEPT) == []
    assert shop.printed == []


async def assert_given(shop: Shop) -> None:
    await shop.shows("#link", SUBSTITUTE)
    assert shop.collector.visits[0]["pageview"]
    assert "consent" not in shop.collector.visits[0]


async def test_without_a_word_about_consent_nothing_is_asked_of_it(shop: Shop) -> None:
    await shop.open()
    await assert_given(shop)


@pytest.mark.parametrize("value", ["undefined", "false"])
async def test_gpc_counts_as_yes_unless_it_is_set(shop: Shop, value: str) -> None:
    await begin(shop, "gpc", GPC.format(value))
    await assert_given(shop)


async def test_gpc_set_is_a_no(shop: Shop) -> None:
    await begin(shop, "gpc", GPC.format("true"))
    await assert_untouched(shop)


async def test_tcf_counts_from_the_moment_its_first_purpose_is_agreed_to(shop: Shop) -> None:
    await begin(shop, "tcf", TCF)
    await assert_untouched(shop)
    await shop.run("() => tell('useractioncomplete', false)")
    await shop.quiet()
    await assert_untouched(shop)
    await shop.run("() => tell('useractioncomplete', true)")
    await assert_given(shop)
    await shop.run("() => tell('useractioncomplete', false)")
    await shop.shows("#link", REAL)
    assert await shop.run(KEPT) == []


async def test_tcf_says_yes_where_the_law_does_not_apply_and_may_load_late(shop: Shop) -> None:
    await begin(shop, "tcf")
    await assert_untouched(shop)
    code = TCF.removeprefix("<script>").removesuffix("</script>")
    await shop.run(f"() => {{ {code} }}")
    await shop.until("() => listeners.length")
    await shop.run("() => tell('tcloaded', undefined, { gdprApplies: false })")
    await assert_given(shop)


async def test_consent_mode_counts_from_the_update_on(shop: Shop) -> None:
    await begin(shop, "gcm", GCM)
    await assert_untouched(shop)
    await shop.run("() => gtag('consent', 'update', { ad_storage: 'granted' })")
    await shop.quiet()
    await assert_untouched(shop)
    assert await shop.run("() => dataLayer.length") == 2
    await shop.run("() => { gtag('event', 'x'); gtag('consent', 'update', { analytics_storage: 'granted' }) }")
    await assert_given(shop)
    await shop.run("() => gtag('consent', 'update', { analytics_storage: 'denied' })")
    await shop.shows("#link", REAL)
    assert await shop.run(KEPT) == []


async def test_the_pages_own_word_counts_before_the_script_loads_and_after(shop: Shop) -> None:
    await begin(shop, "manual")
    await assert_untouched(shop)
    await shop.run("() => wherefrom.consent(true)")
    await assert_given(shop)
    await shop.page.context.clear_cookies()
    await shop.run("() => localStorage.clear()")
    asked = len(shop.collector.visits)
    await begin(shop, "manual", "<script>window.wherefrom = { consent: true }</script>")
    await shop.shows("#link", SUBSTITUTE)
    assert len(shop.collector.visits) > asked


async def test_all_who_are_asked_must_say_yes(shop: Shop) -> None:
    await begin(shop, "gpc, gcm manual", GCM)
    await shop.run("() => wherefrom.consent(true)")
    await shop.quiet()
    await assert_untouched(shop)
    await shop.run("() => gtag('consent', 'update', { analytics_storage: 'granted' })")
    await assert_given(shop)


async def test_a_name_that_nobody_knows_never_says_yes(shop: Shop) -> None:
    await begin(shop, "gpc tfc")
    await assert_untouched(shop)


async def test_before_consent_nothing_happens_however_long_the_page_stands_and_whatever_is_done_on_it(
    shop: Shop,
) -> None:
    await shop.page.clock.install()
    await begin(shop, "manual")
    await shop.run(
        """() => {
            document.addEventListener("click", event => event.preventDefault());
            history.pushState({}, "", "/b");
            wherefrom.setParams({ plan: "big" });
            wherefrom.email.refresh();
            getSelection().selectAllChildren(document.body);
        }"""
    )
    await shop.page.click("#link")
    await shop.page.keyboard.press("Control+C")
    for _ in range(3):
        await shop.page.clock.fast_forward(70_000)
        await shop.quiet()
    await assert_untouched(shop)
    await shop.run("() => wherefrom.consent(true)")
    await assert_given(shop)
    view = shop.collector.visits[0]
    assert (view["page"], view["params"]) == (shop.collector.url("/b"), {"plan": "big"})


async def test_taken_back_everything_kept_is_gone_and_the_originals_stand(shop: Shop) -> None:
    await begin(shop, "manual", "<script>window.wherefrom = { consent: true }</script>")
    await shop.shows("#link", SUBSTITUTE)
    await shop.quiet()
    assert await shop.run(KEPT) != []
    told = len(shop.collector.all_told())
    shown = await shop.run("() => { wherefrom.consent(false); return document.body.innerHTML }")
    assert SUBSTITUTE not in shown
    assert await shop.run(KEPT) == []
    await shop.quiet()
    assert len(shop.collector.all_told()) == told
    assert await shop.run("() => [wherefrom.visit, wherefrom.email.addresses]") == [None, {}]


async def test_it_can_be_taken_back_where_nobody_was_asked_before(shop: Shop) -> None:
    shop.collector.attributes = {"src": "/wf-full.js"}
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    await shop.run("() => wherefrom.consent(false)")
    await shop.shows("#link", REAL)
    assert await shop.run(KEPT) == []
    await shop.run("() => wherefrom.consent(true)")
    await shop.shows("#link", SUBSTITUTE)


async def test_an_answer_that_comes_after_consent_was_taken_back_is_not_kept(shop: Shop) -> None:
    shop.collector.open.clear()
    await begin(shop, "manual", "<script>window.wherefrom = { consent: true }</script>")
    await shop.wait(lambda: len(shop.collector.visits) == 1)
    await shop.run("() => wherefrom.consent(false)")
    shop.collector.open.set()
    await shop.quiet()
    assert await shop.text("#link") == REAL
    assert await shop.run(KEPT) == []


async def test_what_was_agreed_to_on_the_page_before_is_kept_until_somebody_says_no(shop: Shop) -> None:
    await begin(shop, "tcf", TCF)
    await shop.run("() => tell('useractioncomplete', true)")
    await shop.shows("#link", SUBSTITUTE)
    await shop.quiet()
    await begin(shop, "tcf", TCF)
    assert await shop.text("#link") == REAL
    assert "wf_visit=token-100" in " ".join(await shop.run(KEPT))
    await shop.run("() => tell('tcloaded', true)")
    await shop.shows("#link", SUBSTITUTE)
    await shop.wait(lambda: len(shop.collector.pageviews) == 2)
    assert shop.collector.pageviews[1]["visit"] == "token-100"
    await begin(shop, "tcf", TCF)
    await shop.run("() => tell('tcloaded', false)")
    await shop.until("() => document.cookie === '' && !localStorage.length")


async def assert_about_nobody(shop: Shop, body: dict[str, Any]) -> None:
    assert set(body) == {"site", "page", "referrer", "title", "addresses", "pageview", "consent"}
    assert body["consent"] == "none"
    assert await shop.run(KEPT) == []
    assert shop.collector.signals == []


async def test_without_consent_a_site_may_ask_for_the_substitutes_of_the_source(shop: Shop) -> None:
    await shop.page.context.add_cookies([{"name": "_ga", "value": "GA1.1.1.2", "url": shop.collector.url("/")}])
    await shop.page.clock.install()
    await begin(shop, "manual", data_without_consent="source")
    await shop.page.context.clear_cookies()
    await shop.shows("#link", OF_SOURCE)
    await shop.run("() => document.addEventListener('click', event => event.preventDefault())")
    await shop.page.click("#link")
    await shop.page.clock.fast_forward(130_000)
    await shop.quiet()
    (body,) = shop.collector.visits
    await assert_about_nobody(shop, body)
    assert body["addresses"][0] == REAL


async def test_consent_after_that_makes_it_a_visit_and_taking_it_back_a_source_again(shop: Shop) -> None:
    await begin(shop, "manual", data_without_consent="source")
    await shop.shows("#link", OF_SOURCE)
    await shop.run("() => wherefrom.consent(true)")
    await shop.shows("#link", SUBSTITUTE)
    assert shop.collector.visits[-1]["pageview"]
    await shop.wait(lambda: bool(shop.collector.signals))
    assert await shop.run("() => wherefrom.visit") == "100"
    await shop.run("() => wherefrom.consent(false)")
    await shop.shows("#link", OF_SOURCE)
    assert await shop.run(KEPT) == []
    assert set(shop.collector.visits[-1]) >= {"consent"}
    assert "visit" not in shop.collector.visits[-1]


@pytest.mark.parametrize("script", ["/wf.js", "/wf-full.js"])
async def test_a_site_that_counts_sources_only_keeps_nothing_in_the_browser(shop: Shop, script: str) -> None:
    shop.collector.source_only = True
    shop.collector.attributes = {"src": script}
    await shop.page.clock.install()
    await shop.open()
    await shop.shows("#link", OF_SOURCE)
    await shop.run("() => document.addEventListener('click', event => event.preventDefault())")
    await shop.page.click("#link")
    await shop.page.clock.fast_forward(130_000)
    await shop.quiet()
    assert await shop.run(KEPT) == []
    assert shop.collector.signals == []
    assert len(shop.collector.visits) == 1


async def test_a_site_that_turns_to_sources_only_takes_what_it_had_kept(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    await shop.quiet()
    shop.collector.source_only = True
    await shop.open()
    await shop.shows("#link", OF_SOURCE)
    assert await shop.run(KEPT) == []


async def test_a_consent_that_cannot_be_asked_for_is_none(shop: Shop) -> None:
    """The core alone knows nothing of consent: without the full script it stands still."""
    shop.collector.missing = {"-full.js"}
    shop.collector.attributes = {"data-consent": "gpc"}
    await shop.open(settled=False)
    await shop.quiet()
    assert await shop.text("#link") == REAL
    assert shop.collector.all_told() == []
    assert await shop.run("() => typeof wherefrom") == "undefined"
