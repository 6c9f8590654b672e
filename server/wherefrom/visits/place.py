"""Where a visitor is, as a value."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """Names are English. ``country_code`` is ISO 3166-1 alpha-2."""

    country_code: str | None = None
    country: str | None = None
    region: str | None = None
    city: str | None = None


NOWHERE = Place()
