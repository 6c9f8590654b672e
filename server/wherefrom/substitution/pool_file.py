"""Reads a pool's addresses from a text: one a line, ``#`` begins a comment, empty lines do not count."""

from __future__ import annotations

import re

from wherefrom.addresses import Address, parse_address
from wherefrom.errors import BadInput

MOST_ADDRESSES = 10_000
_MOST_FAULTS = 5
_COMMENT = re.compile(r"(^|\s)#.*")  # a # inside an address is part of it (RFC 5322 atext)


def parse_pool(text: str) -> dict[int, Address]:
    """The addresses by the number of their line, in order. BadInput names every line that is wrong (five at most), the
    lines that repeat an address, an empty list, or one of more than 10,000."""
    found: dict[int, Address] = {}
    seen: dict[str, int] = {}
    faults: list[tuple[int, str]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        bare = _COMMENT.sub("", line).strip()
        if not bare:
            continue
        try:
            address = parse_address(bare)
        except BadInput as error:
            faults.append((number, error.detail))
            continue
        first = seen.setdefault(address.key, number)
        if first != number:
            faults.append((number, f"{address.text} is in line {first} already"))
        found[number] = address
    if faults:
        raise refuse_lines(faults)
    if not found:
        raise BadInput("there is no address in the pool", hint="write one address a line", field="pool")
    if len(found) > MOST_ADDRESSES:
        raise BadInput(
            f"{len(found)} addresses are too many at once, {MOST_ADDRESSES} are the most",
            hint="add them in several pieces",
            field="pool",
        )
    return found


def refuse_lines(faults: list[tuple[int, str]], hint: str = "one address a line; nothing was added") -> BadInput:
    """The error that names these lines."""
    shown = "; ".join(f"line {number}: {fault}" for number, fault in faults[:_MOST_FAULTS])
    more = f"; and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
    return BadInput(shown + more, hint=hint, field="pool", lines=[number for number, _ in faults])
