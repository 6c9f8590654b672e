"""Time zones by their IANA names. Pure."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from wherefrom.errors import BadInput

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}")


def parse_zone(name: str, field: str = "zone") -> ZoneInfo:
    """The time zone of this name; BadInput for what is none, or is not installed here."""
    bare = name.strip()
    try:
        if _NAME.fullmatch(bare):
            return ZoneInfo(bare)
    except (OSError, ValueError, KeyError):
        pass
    raise BadInput(
        f"“{name[:64]}” is no time zone known here",
        hint="write an IANA name, such as Europe/Berlin or UTC",
        field=field,
    )
