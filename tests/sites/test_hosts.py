"""Which hosts may be listed, and which page's host a list covers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.errors import BadInput
from wherefrom.sites.hosts import covers, find_host, parse_host, parse_hosts


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("company.com", "company.com"),
        (" Company.COM. ", "company.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("https://Faß.de/", "xn--fa-hia.de"),
        ("https://www.Company.com:8443/start?x=1#y", "www.company.com"),
        ("//company.com/a", "company.com"),
        ("company.com/contact", "company.com"),
        ("http://user:pass@company.com/", "company.com"),
        ("localhost:3000", "localhost"),
        ("127.0.0.1:8080", "127.0.0.1"),
        ("[::1]:8080", "::1"),
        ("::1", "::1"),
        ("intranet", "intranet"),
        ("my_shop.company.com", "my_shop.company.com"),
    ],
)
def test_a_host_is_read_as_owners_type_it(typed: str, host: str) -> None:
    assert parse_host(typed) == host


@pytest.mark.parametrize(
    "typed",
    ["", " ", "company..com", "com pany.com", "-a.com", "a@b", "company.com:port", "company.com:99999", "1.2.3", "[::1",
     "http://[::1", "a" * 64 + ".com", "x." * 130 + "com", "mailto:a@b.c", "1.2.3.4.5", "a.123"],
)  # fmt: skip
def test_what_is_no_host_is_refused_with_what_to_write(typed: str) -> None:
    with pytest.raises(BadInput, match="is no host name") as raised:
        parse_host(typed)
    assert "company.com" in raised.value.hint
    assert raised.value.extra == {"field": "hosts"}


def test_a_wildcard_is_refused_because_subdomains_are_included() -> None:
    with pytest.raises(BadInput) as raised:
        parse_host("*.company.com")
    assert "subdomains are included" in raised.value.hint


def test_hosts_are_kept_once_each() -> None:
    assert parse_hosts(["b.com", "A.com", "https://a.com/x", "a.com."]) == ("a.com", "b.com")


def test_a_site_without_a_host_or_with_too_many_is_refused() -> None:
    with pytest.raises(BadInput, match="at least one host"):
        parse_hosts([])
    with pytest.raises(BadInput, match="101 hosts"):
        parse_hosts(f"h{n}.com" for n in range(101))


@pytest.mark.parametrize(
    ("page", "covered"),
    [
        ("company.com", True),
        ("www.company.com", True),
        ("a.b.Company.com:8080", True),
        ("company.com.", True),
        ("evilcompany.com", False),
        ("company.com.evil.org", False),
        ("com", False),
        ("localhost:5173", True),
        ("shop.localhost", True),
        ("127.0.0.1:9", True),
        ("1.127.0.0.1", False),
        ("intranet", True),
        ("any.intranet", False),
        ("[::1]:80", True),
        ("xn--bcher-kva.example", True),
        ("www.bücher.example", True),
        ("", False),
        ("company.com/evil", False),
        ("company.com@evil.org", False),
    ],
)
def test_a_list_covers_its_hosts_and_their_subdomains_alone(page: str, covered: bool) -> None:
    listed = parse_hosts(["company.com", "localhost", "127.0.0.1", "intranet", "::1", "bücher.example"])
    assert covers(listed, page) is covered


LABELS = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)


@given(st.lists(LABELS, min_size=2, max_size=4).map(".".join), LABELS, st.integers(0, 65535))
def test_a_host_covers_itself_and_what_is_below_it_on_any_port(host: str, label: str, port: int) -> None:
    assert covers([host], f"{host}:{port}")
    assert covers([host], f"{label}.{host}")
    assert not covers([host], f"{label}{host}")
    assert not covers([f"{label}.{host}"], host)


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_hosts(text: str) -> None:
    host = find_host(text)
    assert host is None or find_host(host) == host
    assert covers(["company.com"], text) is (host is not None and f".{host}".endswith(".company.com"))
