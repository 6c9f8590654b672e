"""Places by address from a real MMDB file made on the spot; what is kept of the address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from wherefrom.errors import SettingsError
from wherefrom.visits.geo import NOWHERE, GeoReader, Place
from wherefrom.visits.ip import stored_form

BERLIN = {
    "city": {"names": {"en": "Berlin", "de": "Berlin"}},
    "subdivisions": [{"iso_code": "BE", "names": {"en": "Land Berlin"}}],
    "country": {"iso_code": "DE", "names": {"en": "Germany"}},
}


def write(path: Path, entries: dict[str, Any], version: int = 6) -> Path:
    writer = MMDBWriter(version, "Test-City", languages=["en"], ipv4_compatible=version == 6)
    for network, entry in entries.items():
        writer.insert_network(IPSet([network]), entry)
    writer.to_db_file(str(path))
    return path


@pytest.fixture
def reader(tmp_path: Path) -> GeoReader:
    entries: dict[str, Any] = {
        "192.0.2.0/24": BERLIN,
        "198.51.100.0/25": {"country": {"iso_code": "FR", "names": {"fr": "la France"}}},
        "198.51.100.128/25": {"registered_country": {"iso_code": "JP", "names": {"en": "Japan"}}},
        "203.0.113.0/24": {"city": {}, "country": {"iso_code": ""}, "subdivisions": []},
        "2001:db8::/32": {"country": {"iso_code": "US", "names": {"en": "United States"}}},
    }
    return GeoReader(write(tmp_path / "city.mmdb", entries))


@pytest.mark.parametrize(
    ("ip", "place"),
    [
        ("192.0.2.77", Place("DE", "Germany", "Land Berlin", "Berlin")),
        ("::ffff:192.0.2.77", Place("DE", "Germany", "Land Berlin", "Berlin")),
        ("198.51.100.1", Place("FR", "la France", None, None)),
        ("198.51.100.200", Place("JP", "Japan", None, None)),
        ("2001:db8::1%eth0", Place("US", "United States", None, None)),
        ("203.0.113.1", NOWHERE),
        ("8.8.8.8", NOWHERE),
        ("unix:", NOWHERE),
        ("", NOWHERE),
    ],
)
def test_an_address_is_found_in_its_network(reader: GeoReader, ip: str, place: Place) -> None:
    assert reader.find(ip) == place
    assert reader.find(ip) == place  # now remembered


def test_an_ipv6_address_is_nowhere_in_a_database_of_ipv4(tmp_path: Path) -> None:
    reader = GeoReader(write(tmp_path / "four.mmdb", {"192.0.2.0/24": BERLIN}, version=4))
    assert reader.find("2001:db8::1") == NOWHERE
    assert reader.find("192.0.2.1").city == "Berlin"


@pytest.mark.parametrize("path", [None, ""])
def test_without_a_database_every_visitor_is_nowhere(path: str | None) -> None:
    assert GeoReader(path).find("192.0.2.1") == NOWHERE


def test_a_database_that_is_named_and_missing_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"geo\.file: .*no-such\.mmdb: there is no such file"):
        GeoReader(tmp_path / "no-such.mmdb")


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"\xab\xcd\xefMaxMind.com"])
def test_a_damaged_database_stops_the_start_and_says_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "damaged.mmdb"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"damaged\.mmdb: no MMDB file, or a damaged one") as caught:
        GeoReader(path)
    assert "geo.file empty" in caught.value.hint


def test_a_database_damaged_inside_costs_the_place_and_not_the_visit(tmp_path: Path) -> None:
    path = write(tmp_path / "inside.mmdb", {"192.0.2.0/24": BERLIN})
    content = bytearray(path.read_bytes())
    metadata = content.rindex(b"\xab\xcd\xefMaxMind.com")
    content[metadata - 60 : metadata] = b"\xff" * 60
    path.write_bytes(content)
    assert GeoReader(path).find("192.0.2.1").city is None


@pytest.mark.parametrize(
    ("ip", "whole", "truncated"),
    [
        ("192.0.2.77", "192.0.2.77", "192.0.2.0"),
        ("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2:3::4", "2001:db8:1::"),
        ("fe80::1%eth0", "fe80::1", "fe80::"),
        ("not an address", None, None),
        ("", None, None),
    ],
)
def test_the_policy_decides_what_is_kept_of_an_address(ip: str, whole: str | None, truncated: str | None) -> None:
    assert stored_form(ip, "whole") == whole
    assert stored_form(ip, "truncated") == truncated
    assert stored_form(ip, "none") is None
