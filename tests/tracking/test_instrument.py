"""A letter is edited at positions: links lead by way of us, everything else is byte for byte what it was."""

from __future__ import annotations

import html as markup
import time

import lxml.html
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.tracking.exempt import find_exemption, location
from wherefrom.tracking.instrument import MOST_LINKS, Links, add_pixel, wrap_html, wrap_text
from wherefrom.tracking.tags import find_tags

OURS = "https://t.example/c/"


def links() -> Links:
    return Links(lambda number, _: f"{OURS}{number}", (OURS,))


def wrap(page: str) -> tuple[str, list[str]]:
    made = links()
    return wrap_html(page, made), made.targets


def put_back(page: str, wrapped: str) -> str:
    """``wrapped`` with the old values of its links in their places again."""
    restored = wrapped
    for before, after in reversed(list(zip(find_tags(page), find_tags(wrapped), strict=True))):
        old, new = before.values.get("href"), after.values.get("href")
        if old is not None and new is not None and new.text.startswith(OURS):
            restored = restored[: new.start] + old.text + restored[new.end :]
    return restored


PIECES = st.sampled_from(
    [
        '<a href="https://shop.example/?a=1&amp;b=2">an offer</a>',
        "<A HREF = 'https://shop.example/it%27s'\n class=x>two</A>",
        "<a href=https://shop.example/bare?x=y>bare</a>",
        '<area shape=rect coords="0,0,9,9" href="https://shop.example/map">',
        '<a title="1 > 0" href="https://shop.example/after-a-bracket">x</a>',
        '<a href="mailto:a@b.example">write</a>',
        '<a href="#part">down</a>',
        '<a href="https://shop.example/u">Unsubscribe</a>',
        '<a data-no-track href="https://shop.example/no">as it is</a>',
        "<a name=here>",
        "</a>",
        "<!--[if mso]><a href='https://shop.example/mso'><![endif]-->",
        "<style>a > b { content: '<a href=\"https://shop.example/style\">' }</style>",
        "<p>Grüße 👋 &amp; <br/>1 < 2\r\n",
        "<td background='https://shop.example/bg.png'>",
        "<img src=\"https://shop.example/a.png\" alt='a > b'>",
        "{{name}} %%x%%",
    ]
)
PAGES = st.lists(PIECES, max_size=12).map("".join)


@given(PAGES)
def test_with_the_old_values_put_back_the_letter_is_the_old_one(page: str) -> None:
    wrapped, _ = wrap(page)
    assert put_back(page, wrapped) == page


@given(st.text(alphabet=st.sampled_from("<>a hre=f\"'/!-?:&;\nhttps.x"), max_size=120), PAGES)
def test_of_broken_markup_too_nothing_but_links_changes(noise: str, page: str) -> None:
    whole = noise + page
    wrapped, _ = wrap(whole)
    assert put_back(whole, wrapped) == whole


@given(PAGES)
def test_another_parser_finds_every_web_link_of_a_person_by_way_of_us(page: str) -> None:
    wrapped, targets = wrap(page)
    for before, after in zip(_hrefs(page), _hrefs(wrapped), strict=True):
        if after.startswith(OURS):
            assert targets[int(after.removeprefix(OURS)) - 1] == location(before)
        else:
            assert after == before
            assert before.startswith(("mailto:", "#")) or before.endswith(("/u", "/no"))


def _hrefs(page: str) -> list[str]:
    tree = lxml.html.fromstring(
        f"<html><body>{page}</body></html>".encode(), parser=lxml.html.HTMLParser(encoding="utf-8")
    )
    return [str(one) for one in tree.xpath("//a/@href | //area/@href")]


def test_entities_are_decoded_before_a_target_is_kept() -> None:
    _, targets = wrap('<a href="https://shop.example/?a=1&amp;b=&quot;2&quot;&#x26;c=3">x</a>')
    assert targets == ["https://shop.example/?a=1&b=%222%22&c=3"]


def test_the_same_place_twice_is_one_link() -> None:
    made = links()
    page = wrap_html(
        '<a href="https://a.example/">1</a><a href="https://b.example/">2</a><a href="https://a.example/">3</a>', made
    )
    text = wrap_text("https://b.example/", made)
    assert made.targets == ["https://a.example/", "https://b.example/"]
    assert page.count(f'"{OURS}1"') == 2
    assert text == f"{OURS}2"


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ('<a href="mailto:a@b.example">x</a>', "no web address"),
        ('<a href="tel:+49123">x</a>', "no web address"),
        ('<a href="#top">x</a>', "no web address"),
        ('<a href="/relative">x</a>', "no web address"),
        ('<a href="">x</a>', "no web address"),
        ('<a href="javascript:alert(1)">x</a>', "no web address"),
        ('<a href="{{unsubscribe_url}}">x</a>', "no web address"),
        ('<a href="https://shop.example/?id={{id}}">x</a>', "placeholder"),
        ('<a href="https://shop.example/*|CODE|*">x</a>', "placeholder"),
        ('<a data-no-track href="https://shop.example/">x</a>', "no-track"),
        ('<a rel="nofollow No-Track" href="https://shop.example/">x</a>', "no-track"),
        ('<a href="https://shop.example/unsubscribe?x=1">x</a>', "unsubscribe"),
        ('<a href="https://shop.example/7"><b>Un</b>subscribe here</a>', ""),
        ('<a href="https://shop.example/7"><b>Newsletter</b> abbestellen</a>', "unsubscribe"),
        ('<a href="https://shop.example/7">Отписаться</a>', "unsubscribe"),
        ('<a href="https://shop.example/7" title="Se désabonner"><img src=x></a>', "unsubscribe"),
        (f'<a href="{OURS}7">x</a>', "own"),
        ('<a href="https://[shop.example/">x</a>', "not understood"),
        ('<a href="https://shop.example/">Subscribe</a>', ""),
        ('<a href=" https://shop.example/\n">x</a>', ""),
    ],
)
def test_a_link_is_left_alone_for_a_reason(link: str, why: str) -> None:
    made = links()
    assert (wrap_html(link, made) == link) is bool(why)
    assert [one.why for one in made.kept] == ([why] if why else [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://shop.example/a?b=1&c=2.", f"See {OURS}1."),
        ("(https://shop.example/wiki/A_(b))", f"({OURS}1)"),
        ("<https://shop.example/>\r\n", f"<{OURS}1>\r\n"),
        (
            "To unsubscribe: https://shop.example/7\nhttps://shop.example/8",
            f"To unsubscribe: https://shop.example/7\n{OURS}1",
        ),
        ("ftp://shop.example/ and mailto:a@b.example", "ftp://shop.example/ and mailto:a@b.example"),
    ],
)
def test_addresses_of_the_text_part_are_replaced_and_nothing_else(text: str, expected: str) -> None:
    assert wrap_text(text, links()) == expected


@pytest.mark.parametrize(
    ("page", "before"),
    [
        ("<html><body><p>x</p></body></html>", "</body></html>"),
        ("<p>x", ""),
        ("<body>a</BODY >b", "</BODY >b"),
        ("<body><!-- </body> --></body>", "</body>"),
    ],
)
def test_the_pixel_stands_before_the_end_of_the_body(page: str, before: str) -> None:
    address = "https://t.example/o/x.gif"
    made = add_pixel(page, address)
    head, _, rest = made.partition("<img ")
    assert page == head + rest.partition("/>")[2]
    assert made.endswith(before)
    assert lxml.html.fromstring(made).xpath("//img/@src") == [address]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://bücher.example/ä b?q=ü#ö", "https://xn--bcher-kva.example/%C3%A4%20b?q=%C3%BC#%C3%B6"),
        ("https://shop.example/%C3%A4?x=%26", "https://shop.example/%C3%A4?x=%26"),
        ("https://shop.example/a\r\nset-cookie:x", "https://shop.example/aset-cookie:x"),
        ("https://shop.example:99999/", None),
        ("https://shop.example/\ud800", None),
    ],
)
def test_a_target_is_fit_for_a_header_and_leads_to_the_same_place(url: str, expected: str | None) -> None:
    assert location(url) == expected


@given(st.text(max_size=60))
def test_whatever_a_link_is_its_target_is_one_ascii_line(rest: str) -> None:
    target = location("https://shop.example/" + rest)
    assert target is None or (target.isascii() and target.isprintable() and " " not in target)


def test_a_letter_of_too_many_links_keeps_the_rest() -> None:
    page = "".join(f'<a href="https://shop.example/{n}">x</a>' for n in range(MOST_LINKS + 2))
    made = links()
    wrapped = wrap_html(page, made)
    assert (len(made.targets), wrapped.count('"https://shop.example/')) == (MOST_LINKS, 2)
    assert {one.why for one in made.kept} == {"too many links"}


@pytest.mark.parametrize(
    "unit",
    [
        "<!",
        "<a ",
        "<a",
        "<",
        "</",
        "<!--",
        "<?",
        "<a x='",
        '<a href="',
        "<script>",
        "<title>",
        "<a href=http://x.example/",
        "&#",
        "<a =",
    ],
)
def test_markup_made_to_be_slow_is_read_in_linear_time(unit: str) -> None:
    page = unit * (400_000 // len(unit))
    began = time.process_time()
    wrap(page)
    assert time.process_time() - began < 3  # the standard library's parser needs minutes for most of these


def test_the_words_of_a_link_end_with_it() -> None:
    page = '<a href="https://shop.example/">Offer</a> or <a href="https://shop.example/7">unsubscribe</a>'
    _, targets = wrap(page)
    assert targets == ["https://shop.example/"]


def test_an_exemption_is_told_of_the_address_as_a_browser_reads_it() -> None:
    assert find_exemption("\n https://shop.example/ ", "") == ""
    assert find_exemption("ht\ntps://shop.example/", "") == ""
    assert find_exemption(markup.unescape("mail&#116;o:x@y.example"), "") == "no web address"
