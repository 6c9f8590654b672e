"""Where a visitor is, by IP address, from a local MMDB file (feature C05). No third party is asked.

Reads any city or country database with the field names of GeoLite2 (DB-IP and IP2Location publish the same). Without
a file every answer is empty, which is fine everywhere, and this module need not be imported (3 MB with its libraries).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import structlog
from geoip2.database import Reader
from geoip2.errors import AddressNotFoundError
from geoip2.models import City, Country
from maxminddb import InvalidDatabaseError

from wherefrom.errors import SettingsError
from wherefrom.visits.ip import parse_ip
from wherefrom.visits.place import NOWHERE, Place

log = structlog.get_logger(__name__)

_MOST_CACHED = 16_384
_HINT = "get a city database in MMDB form, or leave geo.file empty to do without"
_LOCALES = ("en", "de", "es", "fr", "pt-BR", "ru", "ja", "zh-CN")  # English where there is an English name


class GeoReader:
    """``path`` None or "" means no database. SettingsError when there is one named that cannot be read."""

    def __init__(self, path: str | Path | None) -> None:
        self._reader = _open(Path(path)) if path else None
        self._ask = _question(self._reader) if self._reader is not None else None
        self._cached: Callable[[str], Place] = lru_cache(_MOST_CACHED)(self._look_up)

    def find(self, ip: str) -> Place:
        """The place of ``ip``; ``NOWHERE`` when it is not in the database or no address."""
        return self._cached(ip) if self._reader is not None else NOWHERE

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def _look_up(self, ip: str) -> Place:
        address = parse_ip(ip)
        if address is None or self._ask is None:
            return NOWHERE
        try:
            return _place(self._ask(str(address)))
        except AddressNotFoundError:
            return NOWHERE
        except (InvalidDatabaseError, ValueError, TypeError) as fault:  # ValueError: IPv6 in an IPv4 database
            log.warning("geo database cannot answer", fault=str(fault))
            return NOWHERE


def _open(path: Path) -> Reader:
    try:
        return Reader(str(path), locales=_LOCALES)
    except FileNotFoundError:
        raise SettingsError(f"geo.file: {path}: there is no such file", hint=_HINT) from None
    except OSError as error:
        raise SettingsError(f"geo.file: {path}: cannot be read: {error.strerror or error}", hint=_HINT) from None
    except (InvalidDatabaseError, ValueError) as error:
        raise SettingsError(f"geo.file: {path}: no MMDB file, or a damaged one: {error}", hint=_HINT) from None


def _question(reader: Reader) -> Callable[[str], Country]:
    """The look-up that fits the database's kind; a city's answer is a country's with more in it."""
    kind = reader.metadata().database_type
    if "Enterprise" in kind:
        return reader.enterprise
    return reader.city if "City" in kind else reader.country


def _place(found: Country) -> Place:
    country = found.country if found.country.iso_code or found.country.name else found.registered_country
    region, city = (found.subdivisions, found.city) if isinstance(found, City) else ((), None)
    return Place(
        country.iso_code,
        _cut(country.name, 100),
        _cut(region[0].name, 200) if region else None,
        _cut(city.name, 200) if city else None,
    )


def _cut(name: str | None, longest: int) -> str | None:
    return name[:longest] if name else None
