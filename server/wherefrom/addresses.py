"""E-mail addresses as values: one normal form, one key to compare by."""

from __future__ import annotations

import re

import idna
from msgspec import Struct

from wherefrom.errors import BadInput

_LOCAL = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,64}")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?|xn--[a-z0-9-]{1,59}")
_MAX_LENGTH = 254  # RFC 5321 4.5.3.1.3: a path of 256 octets with its brackets
_MAX_HOST = 253


class Address(Struct, frozen=True):
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
    """``host`` in lower-case ASCII, or None when it is no host name. ``Bücher.Example`` → ``xn--bcher-kva.example``.

    Reads names as browsers do (UTS 46, non-transitional): ``faß.de`` is ``xn--fa-hia.de``, another domain than fass.de.
    """
    name = host.strip()
    if len(name) > _MAX_HOST:
        return None
    if name.isascii():
        name = name.lower().rstrip(".")
    else:  # no lower() here: it writes a final Σ as ς, where the mapping has σ
        try:
            mapped = idna.uts46_remap(name, std3_rules=True).rstrip(".")
            name = ".".join(_ascii_label(label) for label in mapped.split("."))
        except UnicodeError:  # idna.IDNAError is one
            return None
    if len(name) > _MAX_HOST or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        return None
    return name


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.alabel(label).decode("ascii")
    except (
        idna.InvalidCodepoint
    ):  # ☃ and the like: IDNA 2008 has no symbols, but some are registered and browsers open them
        return "xn--" + label.encode("punycode").decode("ascii")


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "…"
