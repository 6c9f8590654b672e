"""Where a visitor is, by IP address, from a local MMDB file (feature C05). No third party is asked.

Reads any city or country database with the field names of GeoLite2 (DB-IP and IP2Location publish the same). Without
a file every answer is empty, which is fine everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import maxminddb
import structlog

from wherefrom.errors import SettingsError
from wherefrom.visits.ip import parse_ip

log = structlog.get_logger(__name__)

_MOST_CACHED = 16_384
_HINT = "get a city database in MMDB form (wherefrom geo install), or leave geo.file empty to do without"


class Place(NamedTuple):
    """Names are English. ``country_code`` is ISO 3166-1 alpha-2."""

    country_code: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None


NOWHERE = Place()


class GeoReader:
    """``path`` None or "" means no database. SettingsError when there is one named that cannot be read."""

    def __init__(self, path: str | Path | None) -> None:
        self._reader = _open(Path(path)) if path else None
        self._cached: Callable[[str], Place] = lru_cache(_MOST_CACHED)(self._look_up)

    def find(self, ip: str) -> Place:
        """The place of ``ip``; ``NOWHERE`` when it is not in the database or no address."""
        return self._cached(ip) if self._reader is not None else NOWHERE

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def _look_up(self, ip: str) -> Place:
        address = parse_ip(ip)
        if address is None or self._reader is None:
            return NOWHERE
        try:
            entry = self._reader.get(str(address))
        except (maxminddb.InvalidDatabaseError, ValueError) as fault:  # ValueError: IPv6 in an IPv4 database
            log.warning("geo database cannot answer", fault=str(fault))
            return NOWHERE
        return _place(entry) if isinstance(entry, dict) else NOWHERE


def _open(path: Path) -> maxminddb.Reader:
    try:
        return maxminddb.open_database(str(path))
    except FileNotFoundError:
        raise SettingsError(f"geo.file: {path}: there is no such file", hint=_HINT) from None
    except OSError as error:
        raise SettingsError(f"geo.file: {path}: cannot be read: {error.strerror or error}", hint=_HINT) from None
    except (maxminddb.InvalidDatabaseError, ValueError) as error:
        raise SettingsError(f"geo.file: {path}: no MMDB file, or a damaged one: {error}", hint=_HINT) from None


def _place(entry: dict[str, Any]) -> Place:
    country = entry.get("country") or entry.get("registered_country") or {}
    regions = entry.get("subdivisions") or [{}]
    return Place(
        (country.get("iso_code") or None),
        _name(country, 100),
        _name(regions[0], 200),
        _name(entry.get("city") or {}, 200),
    )


def _name(part: dict[str, Any], longest: int) -> str | None:
    names = part.get("names") or {}
    name = names.get("en") or next(iter(names.values()), None)
    return name[:longest] if name else None
