"""Which source a hit has when nobody is remembered, what tells two sources apart, and what of it is kept."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.sites.site import Site
from wherefrom.visits.source import PARAMETERS, Source, read_remembered
from wherefrom.visits.source_visit import SourceEntry, begin_source_visit, find_shared_source
from wherefrom.visits.visit import Visit

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
SHOP = Site(1, "wf_key", "shop", True, ("shop.example", "shop.test"), "", NOW)
PAGE = "https://www.shop.example/offer"


def entry(page: str = PAGE, referrer: str = "", told: Source | None = None, number: int = 7) -> SourceEntry:
    return SourceEntry(
        site=SHOP, now=NOW, number=number, url=page, referrer=referrer, pageview=True, addresses=(), told=told,
        parameters=PARAMETERS,
    )  # fmt: skip


def begun(page: str = PAGE, referrer: str = "", told: Source | None = None) -> Visit:
    return begin_source_visit(entry(page, referrer, told))


@pytest.mark.parametrize(
    ("page", "referrer", "marker", "channel"),
    [
        (PAGE, "", "direct", "direct"),
        (PAGE, "https://www.google.com/search?q=me", "seo_google", "organic_search"),
        (PAGE + "?utm_source=fb&utm_medium=cpc", "https://l.facebook.com/", ":utm:fb_cpc", "paid_social"),
        (PAGE + "?gclid=ABC", "", "ads_google", "paid_search"),
        (PAGE + "?wf=flyer_autumn", "", "flyer_autumn", "other"),
        # a further page: the tags of the one before are read, whichever of the site's hosts it is on
        (PAGE + "/2", PAGE + "?utm_source=fb&utm_medium=cpc", ":utm:fb_cpc", "paid_social"),
        (PAGE + "/2", "https://shop.test/?gclid=ABC", "ads_google", "paid_search"),
        (PAGE + "?wf=poster", PAGE + "?utm_source=fb", "poster", "other"),
        # nothing is remembered of how that page was come by
        (PAGE + "/2", PAGE, "internal", "other"),
        (PAGE + "/2", "https://shop.test/", "internal", "other"),
        (PAGE + "/2", "https://checkout.stripe.com/pay", "internal", "other"),
    ],
)
def test_a_page_is_judged_by_itself_and_the_page_before(page: str, referrer: str, marker: str, channel: str) -> None:
    found = find_shared_source(entry(page, referrer))
    assert (found.marker, found.channel.value) == (marker, channel)


def test_what_the_page_remembers_counts_where_it_tells_nothing_itself() -> None:
    told = read_remembered({"marker": "fb_new", "utm_source": "fb"})
    assert find_shared_source(entry(referrer=PAGE, told=told)).marker == "fb_new"
    assert find_shared_source(entry(told=told)).marker == "fb_new"
    assert find_shared_source(entry(PAGE + "?utm_source=a", told=told)).marker == ":utm:a"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((PAGE,), ("https://www.shop.example/contact?page=2#here",)),
        ((PAGE + "?utm_source=a&gclid=ONE",), (PAGE + "?utm_source=a&gclid=TWO",)),
        ((PAGE, "https://www.google.com/search?q=one"), (PAGE, "https://google.de/")),
        ((PAGE + "?utm_source=a", "https://one.example/"), (PAGE + "?utm_source=a", "https://two.example/")),
    ],
)
def test_who_came_by_one_source_share_it(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert begun(*one).source_key == begun(*other).source_key


TAGS = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


@given(st.lists(st.dictionaries(st.sampled_from(TAGS), st.sampled_from(["a", "b", "a_b", "_"])), max_size=6))
def test_two_sets_of_tags_are_two_sources_and_the_same_set_is_one(sets: list[dict[str, str]]) -> None:
    pages = [PAGE + "?" + "&".join(f"{name}={value}" for name, value in tags.items()) for tags in sets]
    told = {tuple(sorted(tags.items())) for tags in sets}
    assert len({begun(page).source_key for page in pages}) == len(told)


def test_sources_differ_by_marker_channel_and_landing_host() -> None:
    keys = [
        begun().source_key,
        begun("https://shop.test/offer").source_key,
        begun(PAGE + "?wf=google_cpc").source_key,
        begun(PAGE + "?utm_source=google&utm_medium=cpc").source_key,
        begun(PAGE + "?wf=google_cpc&utm_source=google&utm_medium=cpc").source_key,
        begun(PAGE, "https://google.com/").source_key,
    ]
    assert len(set(keys)) == 6
    assert all(len(key or "") == 64 for key in keys)


def test_of_a_page_only_its_source_and_host_are_kept() -> None:
    visit = begun(
        PAGE + "/secret?utm_source=fb&utm_campaign=autumn&fbclid=CLICK&email=me@home.example",
        "https://l.facebook.com/l.php?u=secret",
    )
    assert visit == Visit(
        kind="source", source_key=visit.source_key, site_id=1, id=7, visitor_id=0, first_visit=7, started_at=NOW,
        last_seen_at=NOW, pageviews=1, landing_page="", referrer="", domain="www.shop.example",
        marker=":utm:fb__autumn", channel="social", source_levels=["fb", "", "autumn"], utm_source="fb",
        utm_campaign="autumn", device="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("referrer", "kept"),
    [
        ("https://www.google.com/search?q=me", "https://www.google.com/"),
        ("https://user:word@blog.example:8443/post/7?x=1#y", "https://blog.example/"),
        ("android-app://com.google.android.gm/inbox", "android-app://com.google.android.gm/"),
        (PAGE, ""),
    ],
)
def test_of_a_referrer_that_is_the_source_the_host_is_kept(referrer: str, kept: str) -> None:
    assert begun(PAGE, referrer).referrer == kept
