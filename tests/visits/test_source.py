"""Where a visit came from: one row per kind of source, then what no input may break."""

from __future__ import annotations

import base64
import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.visits.channel import Channel
from wherefrom.visits.source import (
    CLICK_IDS,
    DIRECT,
    PARAMETERS,
    ROISTAT_PARAMETERS,
    Source,
    find_source,
    join_marker,
    read_remembered,
    split_marker,
)

PAGE = "https://shop.example/offer"
HOSTS = ("shop.example",)


def source_of(query: str = "", referrer: str = "", stored: Source | None = None) -> Source:
    return find_source(PAGE + ("?" + query if query else ""), referrer, HOSTS, stored)


@pytest.mark.parametrize(
    ("query", "marker", "levels", "channel"),
    [
        ("wf=fb_new", "fb_new", ("fb", "new"), "social"),
        ("wf_source=flyer", "flyer", ("flyer",), "other"),
        ("wf=google_a%3Au%3Ab", "google_a:u:b", ("google", "a_b"), "paid_search"),
        ("utm_source=google&utm_medium=cpc", ":utm:google_cpc", ("google", "cpc"), "paid_search"),
        (
            "utm_source=google&utm_medium=cpc&utm_campaign=autumn&utm_content=banner&utm_term=chairs",
            ":utm:google_cpc_autumn_banner_chairs",
            ("google", "cpc", "autumn", "banner", "chairs"),
            "paid_search",
        ),
        ("utm_source=my_list&utm_medium=email", ":utm:my:u:list_email", ("my_list", "email"), "email"),
        ("utm_source=google&utm_campaign=x", ":utm:google__x", ("google", "", "x"), "paid_search"),
        ("utm_source=fb&utm_medium=cpc", ":utm:fb_cpc", ("fb", "cpc"), "paid_social"),
        ("utm_source=vk", ":utm:vk", ("vk",), "social"),
        ("utm_source=chatgpt.com", ":utm:chatgpt.com", ("chatgpt.com",), "ai"),
        ("utm_medium=referral&utm_source=blog", ":utm:blog_referral", ("blog", "referral"), "referral"),
        ("utm_source=x&utm_medium=banner", ":utm:x_banner", ("x", "banner"), "display"),
        ("utm_source=somebody", ":utm:somebody", ("somebody",), "other"),
        ("utm_campaign=autumn&gclid=1", ":utm:__autumn", ("", "", "autumn"), "paid_search"),
        ("gclid=abc", "ads_google", ("ads", "google"), "paid_search"),
        ("GCLID=abc", "ads_google", ("ads", "google"), "paid_search"),
        ("yclid=1", "ads_yandex", ("ads", "yandex"), "paid_search"),
        ("ysclid=1", "seo_yandex", ("seo", "yandex"), "organic_search"),
        ("fbclid=1", "social_facebook", ("social", "facebook"), "social"),
        ("msclkid=1", "ads_bing", ("ads", "bing"), "paid_search"),
        ("ttclid=1", "ads_tiktok", ("ads", "tiktok"), "paid_social"),
        ("twclid=1", "ads_twitter", ("ads", "twitter"), "paid_social"),
        ("li_fat_id=1", "ads_linkedin", ("ads", "linkedin"), "paid_social"),
        (
            "_openstat=direct.yandex.ru;123;456;yandex.ru:premium",
            ":openstat:direct.yandex.ru_123_456_yandex.ru:premium",
            ("direct.yandex.ru", "123", "456", "yandex.ru:premium"),
            "paid_search",
        ),
        (
            "_openstat=" + base64.urlsafe_b64encode("market.yandex.ru;шкаф;;".encode()).decode().rstrip("="),
            ":openstat:market.yandex.ru_шкаф",
            ("market.yandex.ru", "шкаф"),
            "paid_search",
        ),
        ("_openstat=notbase64", "direct", ("direct",), "direct"),
        ("from=partner", "from_partner", ("from", "partner"), "affiliate"),
        ("from=blog-42", "from_blog-42", ("from", "blog-42"), "referral"),
        ("from=2026-11-01", "direct", ("direct",), "direct"),
        ("from=%2Fcart", "direct", ("direct",), "direct"),
        ("utm_source=&gclid=", "direct", ("direct",), "direct"),
        ("", "direct", ("direct",), "direct"),
    ],
)
def test_a_tagged_url_gives_marker_levels_and_channel(
    query: str, marker: str, levels: tuple[str, ...], channel: str
) -> None:
    found = source_of(query)
    assert (found.marker, found.levels, found.channel) == (marker, levels, channel)


@pytest.mark.parametrize(
    ("referrer", "marker", "channel"),
    [
        ("https://www.google.com/", "seo_google", "organic_search"),
        ("https://www.google.co.uk/search?q=chairs", "seo_google", "organic_search"),
        ("https://google.de", "seo_google", "organic_search"),
        ("https://docs.google.com/d/1", "ref_docs.google.com", "referral"),
        ("https://google.shop.test/", "ref_google.shop.test", "referral"),
        ("https://notgoogle.com/", "ref_notgoogle.com", "referral"),
        ("https://yandex.ru/", "seo_yandex", "organic_search"),
        ("https://ya.ru/", "seo_yandex", "organic_search"),
        ("https://duckduckgo.com/", "seo_duckduckgo", "organic_search"),
        ("https://fr.search.yahoo.com/x", "seo_yahoo", "organic_search"),
        ("https://search.brave.com/", "seo_brave", "organic_search"),
        ("https://l.facebook.com/l.php?u=x", "social_facebook", "social"),
        ("https://t.co/abc", "social_twitter", "social"),
        ("https://away.vk.com/away.php", "social_vk", "social"),
        ("https://out.reddit.com/", "social_reddit", "social"),
        ("https://chatgpt.com/", "ai_chatgpt", "ai"),
        ("https://www.perplexity.ai/search/x", "ai_perplexity", "ai"),
        ("https://gemini.google.com/app", "ai_gemini", "ai"),
        ("https://mail.google.com/mail/u/0/", "mail_gmail", "email"),
        ("https://e.mail.ru/inbox/", "mail_mail.ru", "email"),
        ("https://go.mail.ru/search?q=x", "seo_mail.ru", "organic_search"),
        ("https://webmail.company.test/", "mail_company.test", "email"),
        ("https://mail.test/", "ref_mail.test", "referral"),
        ("android-app://com.google.android.gm/", "mail_gmail", "email"),
        ("android-app://com.google.android.googlequicksearchbox/https/www.google.com", "seo_google", "organic_search"),
        ("android-app://org.telegram.messenger/", "social_telegram", "social"),
        ("android-app://com.Slack/", "social_slack", "social"),
        ("android-app://com.somebody.app/", "ref_com.somebody.app", "referral"),
        ("https://www.blog.test/post?id=1", "ref_blog.test", "referral"),
        ("https://bücher.example/x", "ref_xn--bcher-kva.example", "referral"),
        ("http://10.0.0.7/intranet", "ref_10.0.0.7", "referral"),
    ],
)
def test_a_foreign_referrer_is_named_by_who_is_behind_it(referrer: str, marker: str, channel: str) -> None:
    found = source_of(referrer=referrer)
    assert (found.marker, found.channel, found.kind) == (marker, channel, "referrer")
    assert found.referrer == referrer


@pytest.mark.parametrize(
    "referrer",
    [
        "",
        "https://shop.example/",
        "https://shop.example:8443/other",
        "https://www.shop.example/",
        "https://blog.shop.example/post",
        "http://localhost:3000/",
        "http://127.0.0.1/",
        "http://[::1]:8000/",
        "http://app.localhost/",
        "https://checkout.stripe.com/pay/x",
        "https://www.paypal.com/",
        "https://accounts.google.com/",
        "about:blank",
        "javascript:alert(1)",
        "//elsewhere.test/",
        "http://[broken",
        "https://elsewhere.test:port/",
        "not a url",
    ],
)
def test_own_pages_local_ones_and_round_trips_are_no_source(referrer: str) -> None:
    assert source_of(referrer=referrer) == DIRECT


def test_a_sibling_is_own_even_when_only_one_subdomain_is_listed() -> None:
    found = find_source("https://a.company.co.uk/", "https://b.company.co.uk/", ("a.company.co.uk",), None)
    assert found.kind == "direct"


def test_neighbours_on_a_rented_domain_are_strangers() -> None:
    found = find_source("https://me.github.io/", "https://you.github.io/", ("me.github.io",), None)
    assert found.marker == "ref_you.github.io"
    found = find_source("https://mine.co.uk/", "https://other.co.uk/", ("mine.co.uk",), None)
    assert found.marker == "ref_other.co.uk"


def test_another_listed_host_is_own() -> None:
    found = find_source(PAGE, "https://pay.company.test/", ("shop.example", "company.test"), None)
    assert found.kind == "direct"


ORDER = [
    ("wf=own", "override"),
    ("utm_source=a", "utm"),
    ("gclid=b", "click_id"),
    ("_openstat=c;d", "openstat"),
    ("from=e", "from"),
]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_kinds_win_in_their_order(first: int) -> None:
    query = "&".join(text for text, _ in reversed(ORDER[first:]))
    assert source_of(query, "https://www.google.com/").kind == ORDER[first][1]


def test_the_referrer_comes_before_the_stored_source_and_that_before_direct() -> None:
    stored = source_of("utm_source=a")
    assert source_of(referrer="https://vk.com/", stored=stored).kind == "referrer"
    again = source_of(stored=stored)
    assert (again.kind, again.marker, again.utm_source) == ("stored", ":utm:a", "a")
    assert source_of().kind == "direct"


def test_utm_and_click_id_are_kept_whoever_makes_the_marker() -> None:
    found = source_of("wf=own&utm_source=a&utm_term=b&yclid=77", "https://vk.com/")
    assert (found.marker, found.utm_source, found.utm_term, found.utm_medium) == ("own", "a", "b", None)
    assert (found.click_id_name, found.click_id, found.referrer) == ("yclid", "77", "https://vk.com/")


def test_roistats_parameters_count_only_where_they_are_asked_for() -> None:
    page = PAGE + "?roistat=fb_new"
    assert find_source(page, "", HOSTS, None).kind == "direct"
    assert find_source(page, "", HOSTS, None, (*PARAMETERS, *ROISTAT_PARAMETERS)).marker == "fb_new"
    assert find_source(PAGE + "?rs=x_y", "", HOSTS, None, ROISTAT_PARAMETERS).levels == ("x", "y")


def test_tags_in_the_fragment_count() -> None:
    assert find_source(PAGE + "#utm_source=a&utm_medium=b", "", HOSTS, None).marker == ":utm:a_b"
    assert find_source(PAGE + "#/offer?utm_source=a", "", HOSTS, None).marker == ":utm:a"


def test_nooverride_keeps_a_stored_source_and_lets_a_first_one_be() -> None:
    stored = source_of("utm_source=a")
    kept = source_of("utm_source=b&utm_nooverride=1", stored=stored)
    assert (kept.kind, kept.marker, kept.keeps) == ("stored", ":utm:a", True)
    first = source_of("utm_source=b&utm_nooverride=1")
    assert (first.kind, first.marker, first.keeps) == ("utm", ":utm:b", True)
    assert source_of("utm_nooverride=0&utm_source=b", stored=stored).marker == ":utm:b"


def test_values_are_cleaned_and_cut() -> None:
    found = source_of("utm_source=a%00b%0Ac&utm_term=" + "x" * 1000 + "&utm_content=%ff%fe")
    assert found.utm_source == "a b c"
    assert found.utm_term == "x" * 255
    assert found.utm_content == "\ufffd\ufffd"
    assert source_of("utm_source=" + "x" * 254 + "%20and%20more").utm_source == "x" * 254  # a filter for it is trimmed


def test_of_repeated_parameters_the_first_one_counts() -> None:
    assert source_of("utm_source=a&utm_source=b").utm_source == "a"


def test_a_url_with_thousands_of_parameters_is_not_read_for_tags() -> None:
    assert source_of("&".join(f"a{n}=1" for n in range(1000)) + "&utm_source=x").kind == "direct"


def test_a_source_comes_back_from_json_as_it_was() -> None:
    found = source_of("wf=a_b&utm_source=c&gclid=d", "https://vk.com/")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Source) == found


@pytest.mark.parametrize(
    ("told", "marker"),
    [
        ("fb_new", "fb_new"),
        ({"marker": "fb_new", "utm_source": "fb"}, "fb_new"),
        ({"utm_source": "a", "utm_medium": "b"}, ":utm:a_b"),
        ({"marker": "\x00"}, None),
        ({"marker": 5}, None),
        ({}, None),
        ("", None),
        (None, None),
    ],
)
def test_what_a_browser_remembers_is_read_with_care(told: dict[str, object] | str | None, marker: str | None) -> None:
    found = read_remembered(told)
    assert (found.marker if found else None) == marker


def test_every_click_id_is_spelled_as_it_is_looked_up() -> None:
    assert [name for name in CLICK_IDS if name != name.lower()] == []


part = st.text(string.printable.strip().replace(":", "") + "äß愛", min_size=1, max_size=20)


@given(st.lists(part, min_size=1, max_size=5).map(tuple))
def test_a_marker_can_be_taken_apart_again(parts: tuple[str, ...]) -> None:
    """A colon inside a part may meet the escape; levels are kept beside the marker, so nothing is lost there."""
    assert split_marker(join_marker(":utm:", parts)) == parts


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_breaks_it(page: str, referrer: str) -> None:
    found = find_source(page, referrer, HOSTS, None)
    assert found.marker
    assert found.levels
    assert found.channel in list(Channel)


@given(st.text(max_size=60), st.sampled_from(["utm_source", "utm_medium", "wf", "from", "_openstat", "gclid"]))
def test_no_value_of_a_parameter_brings_in_control_characters(value: str, name: str) -> None:
    found = find_source(f"{PAGE}?{name}={value}", "", HOSTS, None)
    kept = msgspec.json.encode(found).decode()
    assert "\\u0000" not in kept
    assert "\x00" not in kept
