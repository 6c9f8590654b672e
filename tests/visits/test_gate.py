"""Who may speak for a site, and which hits are dropped for which reason."""

from __future__ import annotations

import dataclasses
import itertools
from datetime import UTC, datetime

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from wherefrom.sites.site import Site
from wherefrom.visits.gate import SIGNAL_STEPS, Arrival, Caller, DropReason, find_reason, lets_in
from wherefrom.visits.hit import Hit

SITE = Site(1, "wf_key", "shop", True, ("shop.example", "localhost"), "", datetime(2026, 1, 1, tzinfo=UTC))
PAGE = "https://www.shop.example/offer?x=1"


def reason_of(
    origin: str | None, page: str = PAGE, fetch_site: str = "", site: Site | None = SITE
) -> DropReason | None:
    return find_reason(Arrival(site, page, Caller("192.0.2.1", "a browser", origin, fetch_site)))


@pytest.mark.parametrize(
    "origin",
    ["https://shop.example", "http://shop.example:8080", "https://WWW.SHOP.EXAMPLE", "http://localhost:3000", None],
)
def test_the_sites_own_pages_are_let_in(origin: str | None) -> None:
    assert reason_of(origin) is None


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.test", "null", "", "https://shop.example.evil.test", "https://notshop.example",
        "file://", "chrome-extension://abcdef", "https://", "shop.example", "https://[::1",
    ],
)  # fmt: skip
def test_a_foreign_origin_is_kept_out_whatever_page_it_claims(origin: str) -> None:
    assert reason_of(origin) is DropReason.FOREIGN_ORIGIN


def test_a_request_without_origin_is_judged_by_page_and_fetch_metadata() -> None:
    assert reason_of(None, fetch_site="same-origin") is None
    assert reason_of(None, fetch_site="cross-site") is DropReason.FOREIGN_ORIGIN
    assert reason_of(None, page="https://evil.test/") is DropReason.FOREIGN_PAGE


@pytest.mark.parametrize(
    "page", ["", "/offer", "https://evil.test/", "file:///home/me.html", "about:srcdoc", "https://"]
)
def test_a_page_must_be_on_a_host_of_the_site(page: str) -> None:
    assert reason_of("https://shop.example", page=page) is DropReason.FOREIGN_PAGE


def test_the_steps_answer_in_their_order() -> None:
    caller = Caller("192.0.2.1", "curl", "https://evil.test")
    arrival = Arrival(None, "https://evil.test/", caller, webdriver=True, bot="curl", consent=False)
    expected = [
        (arrival, DropReason.UNKNOWN_SITE),
        (arrival := replace(arrival, site=dataclasses.replace(SITE, enabled=False)), DropReason.FOREIGN_ORIGIN),
        (arrival := replace(arrival, caller=replace(caller, origin=None)), DropReason.FOREIGN_PAGE),
        (arrival := replace(arrival, page=PAGE), DropReason.SITE_OFF),
        (arrival := replace(arrival, site=SITE), DropReason.WEBDRIVER),
        (arrival := replace(arrival, webdriver=False), DropReason.BOT),
        (arrival := replace(arrival, bot=None), DropReason.NO_CONSENT),
        (replace(arrival, site=dataclasses.replace(SITE, without_consent="source")), None),
        (replace(arrival, consent=True), None),
    ]
    assert [find_reason(one) for one, _ in expected] == [reason for _, reason in expected]


def test_one_question_lets_in_what_all_steps_let_in() -> None:
    origins = [None, "", "null", "https://shop.example", "https://WWW.shop.example:8443", "https://evil.test"]
    fetch_sites, pages = ["", "same-site", "cross-site"], [PAGE, "", "https://evil.test/", PAGE + "x" * 2000]
    sites = [SITE, dataclasses.replace(SITE, enabled=False)]
    for site, origin, fetch_site, page, webdriver, bot, consent in itertools.product(
        sites, origins, fetch_sites, pages, [False, True], [None, "curl"], [UNSET, "none"]
    ):
        caller = Caller("192.0.2.1", "a browser", origin, fetch_site)
        arrival = Arrival(site, page, caller, webdriver, bot, consent is UNSET)
        hit = Hit(site=site.key, page=page, webdriver=webdriver, consent=consent)
        assert lets_in(site, hit, caller, bot) is (find_reason(arrival) is None)


def test_a_sign_needs_no_page_and_is_not_judged_by_its_agent() -> None:
    arrival = Arrival(SITE, "", Caller("192.0.2.1", "", "https://shop.example"), bot="no user agent")
    assert find_reason(arrival, SIGNAL_STEPS) is None
    foreign = replace(arrival, caller=Caller("192.0.2.1", "", "https://evil.test"))
    assert find_reason(foreign, SIGNAL_STEPS) is DropReason.FOREIGN_ORIGIN
