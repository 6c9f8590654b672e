"""Who is looking, as a value: device, system, browser, and whether it is a person at all (features C07, A12)."""

from __future__ import annotations

from typing import Literal, NamedTuple

LONGEST = 512
"""Characters of a user agent that are looked at and kept."""

Device = Literal["desktop", "phone", "tablet", "other"]


class Agent(NamedTuple):
    """``os`` and ``browser`` are families with a short version: "Windows 10", "iOS 17", "Chrome 126"; "" when they
    are not known. ``bot`` says why it is taken for a machine, None for a person. ``text`` is the header as it may be
    kept."""

    device: Device
    os: str
    browser: str
    bot: str | None
    text: str
