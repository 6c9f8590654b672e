"""The corpus of page forms: how addresses stand on pages, what must change there and what must not, to the byte.

A group is a text file of forms. A form is

    === its name
    HTML as it stands in the page
    --- then      statements run when the page has settled (``box`` is the form's element); may wait: await moment()
    --- read      an expression for what is compared; otherwise box.innerHTML
    --- shows     that, once the addresses are swapped; or
    --- stays     it is not changed at all

``VEIL:address`` stands for the address as Cloudflare veils it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Form:
    """``shows`` is None when everything stays."""

    group: str
    name: str
    html: str
    shows: str | None
    read: str
    then: str


def load_forms(group: str) -> list[Form]:
    """The forms of ``forms/GROUP.txt``, in their order."""
    text = _VEILED.sub(lambda found: veil(found[1]), (HERE / f"{group}.txt").read_text())
    return [_parse(group, part) for part in text.split("=== ")[1:]]


def veil(address: str) -> str:
    """As Cloudflare does it: a key byte, then each byte XORed with it, in hex."""
    key = 0x5A
    return f"{key:02x}" + "".join(f"{ord(letter) ^ key:02x}" for letter in address)


def _parse(group: str, part: str) -> Form:
    name, _, rest = part.partition("\n")
    html, *sections = re.split(r"^--- (\w+)\n", rest, flags=re.MULTILINE)
    told = {key: value.rstrip("\n") for key, value in zip(sections[::2], sections[1::2], strict=True)}
    assert ("shows" in told) != ("stays" in told), f"{group}: {name}"
    return Form(
        group, name, html.rstrip("\n"), told.get("shows"), told.get("read", "box.innerHTML"), told.get("then", "")
    )


_VEILED = re.compile(r"VEIL:([\w@.?=]+)")
