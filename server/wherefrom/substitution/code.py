"""Coded substitutes: how they are made, and how one is told from other addresses.

| form | shape | bits an impostor must guess |
| --- | --- | --- |
| code | 8 letters of the alphabet of ``tokens`` with a digit and a letter among them | 39.5 |
| name | one of 64 names, a dot, 7 such letters | 40.5 |
| visit | the bare visit number | none: leases on it are marked guessable |

Every code has a digit, so that ``sales.hartmann@`` is not taken for one, and a letter, so that none is taken for a
visit number. All are lower case and compared in lower case, because mail programs change the case.

A coded address belongs to **one** visit for ever: a returning visitor's new visit gets a new code. Reusing the address
would leave a letter that is written near the border of two visits to a guess; so there is nothing to give back while
nobody else holds it, and an address kept in an address book still leads to the visit it was copied in. (Addresses of a
pool do go back to the visitor who had them, see ``pool``.)
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterable
from typing import Literal

from wherefrom.addresses import find_address, parse_address
from wherefrom.errors import BadInput
from wherefrom.substitution.names import NAMES
from wherefrom.substitution.target import Target
from wherefrom.tokens import CODE_ALPHABET, random_code

Kind = Literal["target", "coded", "pool"]

CODE_LETTERS, NAMED_LETTERS = 8, 7
_MOST_VISIT_DIGITS = 12

_CODE = re.compile(rf"(?=.*[0-9])(?=.*[a-z])[{CODE_ALPHABET}]{{{CODE_LETTERS}}}")
_NAMED_CODE = re.compile(rf"(?=.*[0-9])(?=.*[a-z])[{CODE_ALPHABET}]{{{NAMED_LETTERS}}}")
_VISIT = re.compile(r"[1-9][0-9]{0,18}")


def make_substitute(target: Target, visit_id: int) -> str:
    """A substitute of a ``plus`` or ``catchall`` target for this visit, drawn anew at each call (except in form
    ``visit``)."""
    local, _, host = target.address.rpartition("@")
    if target.strategy == "plus":
        tag = str(visit_id) if target.code_form == "visit" else make_code(CODE_LETTERS)
        return f"{local}{target.separator}{tag}@{host}"
    if target.strategy == "catchall":
        name = f"{secrets.choice(NAMES)}." if target.code_form == "name" else ""
        return f"{name}{make_code(NAMED_LETTERS if name else CODE_LETTERS)}@{target.domain}"
    raise ValueError(f"addresses of strategy {target.strategy} are not coded")


def make_code(length: int) -> str:
    """``length`` unguessable letters with a digit and a letter among them."""
    while True:
        code = random_code(length)
        if not code.isalpha() and not code.isdecimal():
            return code


def is_guessable(target: Target) -> bool:
    """Whether anybody can write down another visit's substitute."""
    return target.code_form == "visit"


def is_made_for(target: Target, address: str, visit_id: int) -> bool:
    """Whether ``address`` is what ``target``, as it is set now, would give this visit: an owner who changed the
    separator or the domain had a reason not to have the old form shown again."""
    tag = _tag(target, address.lower())
    if tag is None:
        return False
    if target.strategy == "catchall":
        return _is_named(tag) if target.code_form == "name" else bool(_CODE.fullmatch(tag))
    return tag == str(visit_id) if target.code_form == "visit" else bool(_CODE.fullmatch(tag))


def recognise(targets: Iterable[Target], address: str, pool: Collection[str] = ()) -> Kind | None:
    """What ``address`` is to the site: a target's own, one of the ``pool`` addresses (lower case, all the site's), one
    shaped like a code of any target, or None. A code's shape says nothing about whether it was ever given out."""
    parsed = find_address(address)
    if parsed is None:
        return None
    listed = list(targets)
    if any(target.key == parsed.key for target in listed):
        return "target"
    if parsed.key in pool:
        return "pool"
    return "coded" if any(_is_coded(target, parsed.key) for target in listed) else None


def check_length(target: Target) -> None:
    """BadInput when the target's longest substitute would break RFC 5321 (64 octets before the @, 254 in all)."""
    if target.strategy == "pool":
        return
    local, _, host = target.address.rpartition("@")
    digits = _MOST_VISIT_DIGITS if target.code_form == "visit" else CODE_LETTERS
    longest = f"{local}{target.separator}{'2' * digits}@{host}"
    if target.strategy == "catchall":
        longest = f"{max(NAMES, key=len)}.{'2' * NAMED_LETTERS}@{target.domain}"
    try:
        parse_address(longest)
    except BadInput:
        raise BadInput(
            f"substitutes of {target.address} would be longer than mail allows (64 octets before the @, 254 in all)",
            hint="use a shorter address, or strategy pool",
            field="address",
        ) from None


def _is_coded(target: Target, key: str) -> bool:
    tag = _tag(target, key)
    if tag is None:
        return False
    if target.strategy == "catchall":
        return bool(_CODE.fullmatch(tag)) or _is_named(tag)
    return bool(_CODE.fullmatch(tag) or _VISIT.fullmatch(tag))


def _is_named(tag: str) -> bool:
    name, _, code = tag.partition(".")
    return name in NAMES and bool(_NAMED_CODE.fullmatch(code))


def _tag(target: Target, key: str) -> str | None:
    """The part of ``key`` that tells visits apart, if it is made as this target makes substitutes."""
    local, _, host = key.rpartition("@")
    if target.strategy == "catchall":
        return local if host == target.domain else None
    if target.strategy != "plus":
        return None
    stem, _, own_host = target.key.rpartition("@")
    if host != own_host or not local.startswith(stem + target.separator):
        return None
    return local[len(stem) + 1 :]
