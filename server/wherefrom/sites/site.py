"""A site: one tracked website, the tenant. Its public key stands in the page's script tag; anybody may read it.

Answers for the value and its rules. Refuses to know its targets, visits and mailboxes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from wherefrom.errors import BadInput
from wherefrom.tokens import random_code

KEY_PREFIX = "wf_"
Compat = Literal["", "roistat"]
Mode = Literal["visits", "source"]
WithoutConsent = Literal["real", "source"]

_KEY_LETTERS = 20  # 99 bits: the key is public, but nobody should meet another site's by trying
_NAME = re.compile(r"\w[\w .-]{0,98}\w|\w")


@dataclass(frozen=True, slots=True)
class Site:
    """``hosts`` are normal forms in alphabetical order. ``enabled`` False: pages show real addresses and no visit is
    kept. ``compat`` "roistat": the script also answers to that product's names.

    ``mode`` "source": a substitute stands for the source, not for the visitor, and of persons nothing is kept (C09).
    ``without_consent`` is what a page shows whose visitor has not agreed: the "real" address, or a substitute that
    stands for the "source" (C08). ``off_paths`` are rules as in ``paths``: there the real address stands (A15).
    ``zone`` is the IANA name of the time zone its days begin in (``zone.py``)."""

    id: int
    key: str
    name: str
    enabled: bool
    hosts: tuple[str, ...]
    compat: Compat
    created_at: datetime
    mode: Mode = "visits"
    without_consent: WithoutConsent = "real"
    off_paths: tuple[str, ...] = ()
    zone: str = "UTC"


def make_key() -> str:
    """A new public key: ``wf_`` and 20 unambiguous letters."""
    return KEY_PREFIX + random_code(_KEY_LETTERS)


def parse_name(text: str) -> str:
    """A site's name, trimmed. BadInput for one that could not be told from an id or a key in a URL or a command."""
    name = " ".join(text.split())
    if not _NAME.fullmatch(name):
        raise BadInput(
            f"“{name[:120]}” does not do as a site's name",
            hint="use 1 to 100 letters, digits, spaces, dots, dashes, with a letter or digit at both ends",
            field="name",
        )
    if name.isdecimal() or name.startswith(KEY_PREFIX):
        raise BadInput(
            f"“{name}” would be taken for a site's {'id' if name.isdecimal() else 'key'}",
            hint="choose a name with a letter in it that does not begin with wf_",
            field="name",
        )
    return name
