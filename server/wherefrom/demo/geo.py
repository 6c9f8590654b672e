"""A small city database made on the spot, so that the demo shows geography without anybody's licence.

The networks are the documentation ranges of RFC 5737: no real visitor ever comes from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet


@dataclass(frozen=True, slots=True)
class City:
    """One place a visit may come from; ``network`` is a documentation range, ``ip`` lies in it."""

    name: str
    region: str
    country: str
    code: str
    network: str
    ip: str


CITIES = (
    City("Berlin", "Land Berlin", "Germany", "DE", "192.0.2.0/27", "192.0.2.10"),
    City("New York", "New York", "United States", "US", "192.0.2.32/27", "192.0.2.42"),
    City("Tokyo", "Tokyo", "Japan", "JP", "192.0.2.64/27", "192.0.2.74"),
    City("São Paulo", "São Paulo", "Brazil", "BR", "198.51.100.0/27", "198.51.100.10"),
    City("Almaty", "Almaty", "Kazakhstan", "KZ", "203.0.113.0/27", "203.0.113.10"),
)


def write_cities(path: Path) -> None:
    """Writes ``CITIES`` to ``path`` in MMDB form, with the fields of a GeoLite2 city database."""
    writer = MMDBWriter(6, "Wherefrom-Demo-City", languages=["en"], description="made-up places", ipv4_compatible=True)
    for city in CITIES:
        writer.insert_network(
            IPSet([city.network]),
            {
                "city": {"names": {"en": city.name}},
                "subdivisions": [{"iso_code": city.code, "names": {"en": city.region}}],
                "country": {"iso_code": city.code, "names": {"en": city.country}},
            },
        )
    writer.to_db_file(str(path))
