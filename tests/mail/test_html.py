"""HTML of strangers: what may reach a person's browser, and what text is made of it."""

import time
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.mail.html import MAX_RENDERED, sanitise
from wherefrom.mail.html_text import html_text


def rendered(html: str, images: Mapping[str, str] | None = None) -> str:
    return sanitise(html, images).html


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' jAvA\tscript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<svg onload=alert(1)><a xlink:href='javascript:alert(1)'>x</a></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe src='https://evil.example'></iframe>",
    "<object data='https://evil.example'></object><embed src='https://evil.example'>",
    "<form action='https://evil.example'><input name=password><button>go</button></form>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'><base href='https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example/x.css'><style>@import 'https://evil.example/x.css';</style>",
    "<div style='background:url(https://evil.example/x.png)'>x</div>",
    "<div style='position:fixed;top:0;left:0;width:100%;z-index:99'>x</div>",
    "<td background='https://evil.example/x.png'>x</td>",
    "<img srcset='https://evil.example/x.png 2x'>",
    "<video poster='https://evil.example/x.png' src='https://evil.example/x.mp4'></video>",
    "<img src='data:image/svg+xml;base64,PHN2Zy8+'>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<p id=login class=modal>x</p>",
]
FORBIDDEN = (
    *("<script", "<svg", "<math", "<iframe", "<object", "<embed", "<form", "<input", "<button", "<meta", "<base"),
    *("<link", "<style", "<video", "onerror=a", "onload", "javascript:", "evil.example", "position", "url(", "srcset"),
    *("svg+xml", " id=", " class=", "data:text"),
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_runs_fetches_or_leaves_its_box_gets_through(attack: str) -> None:
    safe = rendered(f"<p>before</p>{attack}<p>after</p>").lower()
    shown = safe.replace("&lt;", "")  # escaped text is harmless
    assert not [word for word in FORBIDDEN if word in shown]
    assert "before" in safe


@given(st.text(alphabet=st.sampled_from("<>/=\"' abcdimgstylescriptonerror:&;\x00"), max_size=200))
def test_no_soup_of_markup_gives_an_event_handler_or_a_script(soup: str) -> None:
    safe = rendered(soup).lower()
    assert "<script" not in safe
    assert "<img src" not in safe or "data:" in safe or "cid:" in safe


def test_remote_images_are_taken_out_and_counted() -> None:
    html = (
        '<img src="https://t.example/pixel.gif" alt="logo"><img src="//t.example/b.gif"><img src="cid:logo@x">'
        '<img src="data:image/png;base64,AAAA">'
    )
    safe = sanitise(html)
    assert safe.blocked == 2
    assert "t.example" not in safe.html
    assert 'alt="logo"' in safe.html
    assert "data:image/png;base64,AAAA" in safe.html
    assert "cid:" not in safe.html


def test_an_image_of_the_letter_is_shown_by_our_own_url() -> None:
    safe = sanitise('<img src="cid:logo@x"><img src="/a/other">', {"logo@x": "/a/token"})
    assert '<img src="/a/token">' in safe.html
    assert "/a/other" not in safe.html


def test_a_giant_data_image_is_left_out() -> None:
    assert "base64" not in rendered(f'<img src="data:image/png;base64,{"A" * 400_000}">')


def test_links_open_elsewhere_and_tell_nothing() -> None:
    safe = rendered('<a href="https://shop.example/?a=1&amp;b=2" target="_self" rel="opener">x</a>')
    assert 'href="https://shop.example/?a=1&amp;b=2"' in safe
    assert 'target="_blank"' in safe
    assert 'rel="noopener noreferrer nofollow"' in safe
    assert "_self" not in safe
    assert "opener nofollow" not in safe.replace("noopener noreferrer nofollow", "")


def test_mailto_stays_and_a_link_into_our_own_pages_goes() -> None:
    safe = rendered('<a href="mailto:a@b.example">m</a><a href="/logout">l</a><a href="//x.example">p</a>')
    assert 'href="mailto:a@b.example"' in safe
    assert "/logout" not in safe
    assert "x.example" not in safe


def test_looks_that_stay_in_their_box_are_kept() -> None:
    safe = rendered('<table bgcolor="#eee" width=100><tr><td style="color:red;font-size:12px">x</td></tr></table>')
    assert 'bgcolor="#eee"' in safe
    assert "color:red" in safe
    assert "<td" in safe


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 300_000,
        "".join(f"<p><b id={number}>" for number in range(20_000)),
        "".join(f"<b id={number}>" for number in range(30)) + "<p>x" * 300_000,
        "&" * 1_500_000,
        "<a" * 700_000,
        "<!--" * 400_000,
        "<table><tr><td>" * 100_000,
        "x" * (3 * MAX_RENDERED),
    ],
    ids=["divisions", "formatting", "formatting times blocks", "entities", "half tags", "comments", "tables", "length"],
)
def test_hostile_html_costs_no_more_than_seconds(html: str) -> None:
    begun = time.process_time()
    sanitise(html)
    html_text(html)
    assert time.process_time() - begun < 5


def test_text_reads_as_a_person_would() -> None:
    html = (
        "<title>t</title><style>p{color:red}</style><div style='display:none'>preheader</div>"
        "<p>Hello&nbsp;<a href='https://x.example'>you</a>,</p><p>first<br>second</p><ul><li>one<li>two</ul>"
        "<table width=600><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>"
    )
    assert html_text(html) == "Hello you,\n\nfirst\nsecond\n\n* one\n* two\na b\nc d"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("   ", ""),
        ("<!-- nothing -->", ""),
        ("no markup, 1 < 2", "no markup, 1 < 2"),
        ('<?xml version="1.0" encoding="utf-16"?><p>Größe</p>', "Größe"),
        ("<p>a\x00b</p>", "ab"),
        ("<div>" * 200 + "deep" + "</div>" * 200, "deep"),
        ("<div>" * 5_000 + "deeper", "deeper"),
        ("<b>a &amp; b</b>", "a & b"),
    ],
)
def test_text_of_odd_html(html: str, text: str) -> None:
    assert html_text(html) == text


@given(st.text(max_size=300))
def test_any_text_goes_through_both(html: str) -> None:
    rendered(html).encode("utf-8", "surrogatepass")
    assert "\x00" not in html_text(html)
