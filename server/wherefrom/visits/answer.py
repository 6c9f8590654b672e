"""What the collector answers a page: the wire form the script reads."""

from __future__ import annotations

from msgspec import Struct


class Geo(Struct, frozen=True):
    city: str | None = None
    country: str | None = None
    region: str | None = None


class Substitute(Struct, frozen=True):
    """``expires_in`` seconds the page may show ``address`` without a further sign of life."""

    address: str
    expires_in: int


class Answer(Struct, frozen=True, kw_only=True):
    """``visit`` and ``first_visit`` are public visit numbers, as strings; ``token`` and ``visitor`` are to be sent back
    with the next page; ``new`` says that a visit began with this page; ``heartbeat`` in seconds. ``substitutes`` by
    target. A dropped hit has ``visit`` null, and ``enabled`` false: the page shows its real addresses."""

    visit: str | None = None
    first_visit: str | None = None
    token: str | None = None
    visitor: str | None = None
    new: bool = False
    marker: str | None = None
    geo: Geo = Geo()
    enabled: bool = False
    substitutes: dict[str, Substitute] = {}
    heartbeat: int
