"""What is left of texts when a person is taken out of them. Pure.

Links of letters go on leading where they led, so only what names the person is cut out of their addresses: the e-mail
address wherever it stands, and the name where it is a whole parameter. A path that happens to hold the name is left,
because without it the link would lead elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote, quote_plus

PERSONAL = frozenset({"email", "name", "reference", "contact_reference", "contact_id", "subject", "detail", "url"})
"""Fields of what is told of a letter that say who the person is, or what they were written."""


@dataclass(frozen=True)
class Who:
    """The person: address in lower case, and name, "" for none."""

    email: str
    name: str

    @cached_property
    def _address(self) -> re.Pattern[str]:
        forms = {self.email, self.email.replace("@", "%40"), quote(self.email, safe=""), quote_plus(self.email)}
        return re.compile("|".join(map(re.escape, sorted(forms, key=len, reverse=True))), re.IGNORECASE)

    @cached_property
    def _parameter(self) -> re.Pattern[str] | None:
        if not self.name:
            return None
        forms = {self.name, quote(self.name, safe=""), quote_plus(self.name)}
        return re.compile(f"(?<==)(?:{'|'.join(map(re.escape, forms))})(?=[&;#]|$)", re.IGNORECASE)

    def cut_from_text(self, text: str) -> str:
        """``text`` without the address."""
        return self._address.sub("", text)

    def cut_from_url(self, url: str) -> str:
        """``url`` without the address, and without the name where it is a parameter."""
        bare = self.cut_from_text(url)
        return bare if self._parameter is None else self._parameter.sub("", bare)

    def cut_from_told(self, value: Any) -> Any:
        """What was told of a letter to the person, of the same shape: fields that are personal are empty, and the
        address stands nowhere."""
        if isinstance(value, dict):
            return {
                key: "" if key in PERSONAL and isinstance(one, str) else self.cut_from_told(one)
                for key, one in value.items()
            }
        if isinstance(value, list):
            return [self.cut_from_told(one) for one in value]
        return self.cut_from_text(value) if isinstance(value, str) else value

    def is_in(self, value: Any) -> bool:
        """Whether the address stands anywhere in it."""
        if isinstance(value, dict):
            return any(map(self.is_in, value.values()))
        if isinstance(value, list):
            return any(map(self.is_in, value))
        return isinstance(value, str) and self._address.search(value) is not None


def without_contact(value: Any, contact_id: int) -> Any:
    """What was told of a letter, without the contact who wrote it; all else as it is."""
    if isinstance(value, dict):
        return {
            key: None if key == "contact" and _is(one, contact_id) else without_contact(one, contact_id)
            for key, one in value.items()
        }
    return [without_contact(one, contact_id) for one in value] if isinstance(value, list) else value


def _is(value: Any, contact_id: int) -> bool:
    return isinstance(value, dict) and value.get("id") == str(contact_id)
