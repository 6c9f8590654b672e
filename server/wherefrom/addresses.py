"""E-mail addresses as values: one normal form, one key to compare by."""

from __future__ import annotations

import re
from dataclasses import dataclass

from wherefrom.errors import BadInput

_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,64}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?|xn--[a-z0-9-]{1,59}")
_MAX_LENGTH = 254  # RFC 5321 4.5.3.1.3: a path of 256 octets with its brackets


@dataclass(frozen=True, slots=True)
class Address:
    """``local`` as written, ``host`` in lower-case ASCII (IDNA)."""

    local: str
    host: str

    @property
    def text(self) -> str:
        return f"{self.local}@{self.host}"

    @property
    def key(self) -> str:
        """What addresses are compared by. RFC 5321 lets a host tell ``A@`` from ``a@``; in practice none does, and
        mail programs change the case."""
        return self.text.lower()


def parse_address(text: str) -> Address:
    """Reads a bare address such as ``sales@company.com``; BadInput says what is wrong with it."""
    bare = text.strip()
    local, at, host = bare.rpartition("@")
    if not at:
        raise BadInput(f"“{_short(bare)}” is no e-mail address: it has no @")
    if not _LOCAL.fullmatch(local) or local.startswith(".") or local.endswith(".") or ".." in local:
        raise BadInput(f"“{_short(bare)}” is no e-mail address: the part before the @ is not valid")
    ascii_host = ascii_hostname(host)
    if ascii_host is None:
        raise BadInput(f"“{_short(bare)}” is no e-mail address: “{_short(host)}” is no host name")
    if len(local.encode()) > 64 or len(local) + 1 + len(ascii_host) > _MAX_LENGTH:
        raise BadInput(f"“{_short(bare)}” is too long for an e-mail address")
    return Address(local, ascii_host)


def find_address(text: str) -> Address | None:
    """As ``parse_address``, with None for what is no address."""
    try:
        return parse_address(text)
    except BadInput:
        return None


def ascii_hostname(host: str) -> str | None:
    """``host`` in lower-case ASCII, or None when it is no host name. ``Bücher.Example`` → ``xn--bcher-kva.example``."""
    name = host.strip().rstrip(".").lower()
    if not name or len(name) > 253:
        return None
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError:
            return None
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        return None
    return name


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"
