"""What the collector answers a page: the wire form the script reads."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType


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
    target. A dropped hit has ``visit`` null, and ``enabled`` false: the page shows its real addresses.

    Only where there is something to say: ``off`` are path rules (``*`` stands for any characters) as
    ``location.pathname`` spells them, where the real address stands; ``hosts`` are all hosts of the site, when it has
    several; ``source_only`` says that ``visit`` stands for the source, that nothing may be kept in the browser, and
    that no sign is wanted: ``first_visit``, ``token`` and ``visitor`` are null."""

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
    off: list[str] | UnsetType = UNSET
    hosts: list[str] | UnsetType = UNSET
    source_only: bool | UnsetType = UNSET
