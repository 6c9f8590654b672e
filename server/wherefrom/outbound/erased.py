"""The address of a person who was erased, where it must be known again: in what forbids to mail it. Pure.

An erased person who wanted no mail must not get mail when somebody imports an old list. So the suppression stays, with
a keyed hash in place of the address: whoever has the database alone can neither read nor guess it, and the service
knows it again when the address is handed in.
"""

from __future__ import annotations

from wherefrom.tokens import Tokens

PREFIX = "erased:"
"""No address begins so: a colon is not allowed before the @ (``addresses.parse_address``)."""


def erased_form(tokens: Tokens, site_id: int, email: str) -> str:
    """What stands in place of ``email`` (lower case). Of each site another, so that sites cannot be compared."""
    return PREFIX + tokens.mac("erased", f"{site_id}\n{email}".encode()).hex()
