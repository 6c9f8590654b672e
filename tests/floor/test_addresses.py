"""Addresses as values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.addresses import ascii_hostname, find_address, parse_address
from wherefrom.errors import BadInput


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        (" Sales@Company.COM ", "Sales@company.com"),
        ("sales+k7f3q9x2@company.com", "sales+k7f3q9x2@company.com"),
        ("info@Bücher.example", "info@xn--bcher-kva.example"),
        ("o'brien@x.ie", "o'brien@x.ie"),
        ("почта@пример.рф", "почта@xn--e1afmkfd.xn--p1ai"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_an_address_is_brought_to_its_normal_form(text: str, normal: str) -> None:
    assert parse_address(text).text == normal


@pytest.mark.parametrize(
    "text",
    ["", "@", "a@", "@b.c", "a b@c.d", "a@b..c", "a@-b.c", ".a@b.c", "a.@b.c", "a..b@c.d", "a@b c.d", "<a@b.c>",
     "a@b.c\nBcc: x@y.z", "a" * 65 + "@b.c", "a@" + "b." * 130 + "c", "a,b@c.d", "a@b_c.d"],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadInput):
        parse_address(text)
    assert find_address(text) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("faß.de", "xn--fa-hia.de"),
        ("FAẞ.de", "xn--fa-hia.de"),
        ("ΒΌΛΟΣ.example", "xn--nxasmq6b.example"),
        ("βόλος.example", "xn--nxasmm1c.example"),
        ("क्\u200dष.example", "xn--11b2ezcw70k.example"),
        ("日本。jp。", "xn--wgv71a.jp"),
        ("ＣＯＭＰＡＮＹ.com", "company.com"),
        ("so\u00adft.bücher.example", "soft.xn--bcher-kva.example"),
        ("☃.net", "xn--n3h.net"),
        ("Company.COM.", "company.com"),
        ("xn--fa-hia.de", "xn--fa-hia.de"),
    ],
)
def test_a_host_name_is_read_as_browsers_read_it(written: str, read: str) -> None:
    assert ascii_hostname(written) == read
    assert ascii_hostname(read) == read


@pytest.mark.parametrize(
    "written",
    ["", ".", "。", "\u00ad.de", "ü..de", "ü_a.de", "a\u200cü.de", "ü" * 70 + ".de", "ü." * 40 + "de", "xn--☃.de",
     "\u0301a.de", "\ud800.de", "ü／a.de", "ü！.de"],
)  # fmt: skip
def test_what_no_browser_opens_is_no_host_name(written: str) -> None:
    assert ascii_hostname(written) is None


@given(st.text(max_size=300))
def test_any_text_is_an_address_or_not_and_normal_forms_are_stable(text: str) -> None:
    address = find_address(text)
    if address is not None:
        assert parse_address(address.text) == address
        assert address.key == address.key.lower()
