"""DKIM keys and signatures (RFC 6376, RFC 8463): makes keys, reads them, says what is to be published, signs. The home
of dkimpy.

    key pair ─▶ private half, sealed in the database      ─▶ a DKIM-Signature field before each letter
             └▶ public half, as a TXT record of the domain ─▶ whoever gets the letter

Signed are the fields a reader believes, those of the way out among them (RFC 8058 4 wants that). From and Subject are
signed once more than they are there, so that nobody adds a second one. Relaxed in both parts: blanks may change.
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from msgspec import Struct

from wherefrom.addresses import ascii_hostname
from wherefrom.errors import BadInput, Unavailable

Algorithm = Literal["rsa", "ed25519"]

RSA_BITS = 2048
_FEWEST_BITS, _MOST_BITS = 1024, 4096  # fewer are not believed (RFC 8301 3.2), more do not fit a DNS answer
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_LONGEST_KEY = 20_000
_SIGNED = (
    *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    *("Reply-To", "In-Reply-To", "References", "List-ID", "List-Unsubscribe", "List-Unsubscribe-Post"),
)
_OVERSIGNED = ("From", "Subject")
_STRING = 255  # bytes of one string of a TXT record
_KEY_HINT = "give a PEM file's text (PKCS#1 or PKCS#8, without a password), or leave it out to have one made"


class DkimKey(Struct, frozen=True, kw_only=True):
    """A key as it is stored. ``public`` is base64, as in the record; ``sealed`` the private half: PEM of RSA, the seed
    in base64 of Ed25519."""

    domain: str
    selector: str
    algorithm: Algorithm
    bits: int
    public: str
    sealed: str
    created_at: datetime

    @property
    def record_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """The TXT record's value."""
        return f"v=DKIM1; k={self.algorithm}; p={self.public}"

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file, cut into strings that are short enough."""
        strings = [f'"{self.record[at : at + _STRING]}"' for at in range(0, len(self.record), _STRING)]
        return f"{self.record_name}. IN TXT ( {' '.join(strings)} )"


class PrivateKey(Struct, frozen=True, kw_only=True):
    """A private half, as ``sign`` takes it, with what may be known of it."""

    algorithm: Algorithm
    bits: int
    public: str
    secret: str


def make_key(algorithm: Algorithm) -> PrivateKey:
    """A new key."""
    if algorithm == "ed25519":
        return _ed25519(ed25519.Ed25519PrivateKey.generate())
    return _rsa(rsa.generate_private_key(65537, RSA_BITS))


def read_key(text: str) -> PrivateKey:
    """A key somebody has already: PEM, or the 32 bytes of an Ed25519 seed in base64. BadInput says what is wrong."""
    plain = text.strip()
    if len(plain) > _LONGEST_KEY:
        raise BadInput("private_key is too long for a key", hint=_KEY_HINT, field="private_key")
    try:
        if not plain.startswith("-----"):
            return _ed25519(ed25519.Ed25519PrivateKey.from_private_bytes(base64.b64decode(plain, validate=True)))
        key = serialization.load_pem_private_key(plain.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        raise BadInput("private_key is no private key that can be read", hint=_KEY_HINT, field="private_key") from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return _ed25519(key)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadInput("private_key is neither RSA nor Ed25519", hint=_KEY_HINT, field="private_key")
    if not _FEWEST_BITS <= key.key_size <= _MOST_BITS:
        raise BadInput(
            f"private_key has {key.key_size} bits; receivers take {_FEWEST_BITS} to {_MOST_BITS}",
            hint="leave it out to have one of 2048 made",
            field="private_key",
        )
    return _rsa(key)


def parse_domain(text: str) -> str:
    """A domain that signs, in ASCII. BadInput."""
    domain = ascii_hostname(text)
    if domain is None or "." not in domain:
        raise BadInput(
            f"domain “{text[:80]}” is no domain", hint="the one behind the @ of from_address", field="domain"
        )
    return domain


def parse_selector(text: str) -> str:
    """A selector: labels of letters, digits and hyphens, in lower case. BadInput."""
    selector = text.strip().lower()
    if not _SELECTOR.fullmatch(selector) or len(selector) > 100:
        raise BadInput(
            f"selector “{text[:80]}” is none", hint="letters, digits and hyphens, such as wherefrom", field="selector"
        )
    return selector


def sign(raw: bytes, domain: str, selector: str, algorithm: Algorithm, secret: str) -> bytes:
    """The DKIM-Signature field of a letter, with its line end; to be put before it. Takes milliseconds of a processor,
    an RSA key some ten."""
    import dkim  # type: ignore[import-untyped]  # late: with its resolver it takes 7 MB, of use to who signs alone

    field: bytes = dkim.sign(
        raw,
        selector.encode(),
        domain.encode(),
        secret.encode(),
        canonicalize=(b"relaxed", b"relaxed"),
        signature_algorithm=f"{algorithm}-sha256".encode(),
        include_headers=[name.encode() for name in _to_sign(raw)],
    )
    return field if field.endswith(b"\r\n") else field + b"\r\n"


def look_up(name: str, timeout: float = 5.0) -> str | None:
    """The TXT record of ``name`` as the world sees it, None when there is none. Unavailable when nobody answers.
    Waits: call it in a thread."""
    import dkim  # late, as above

    try:
        found: str | bytes | None = dkim.get_txt(name.encode(), timeout)
    except (dkim.DnsTimeoutError, OSError, UnicodeError) as error:
        raise Unavailable(
            f"no name server answers for {name}: {error}", hint="Try again; if it stays, check this machine's network."
        ) from None
    return found.decode("ascii", "replace") if isinstance(found, bytes) else found


def is_published(key: DkimKey, record: str) -> bool:
    """Whether the record says the same key, in whatever order and with whatever blanks."""
    tags = dict(tag.partition("=")[::2] for tag in re.sub(r"\s", "", record).split(";"))
    return tags.get("p") == key.public and tags.get("k", "rsa") == key.algorithm and tags.get("v", "DKIM1") == "DKIM1"


def _to_sign(raw: bytes) -> list[str]:
    head = raw.partition(b"\r\n\r\n")[0]
    there = {line.partition(b":")[0].lower().decode("latin-1") for line in head.split(b"\r\n") if line[:1].strip()}
    return [name for name in _SIGNED if name.lower() in there] + list(_OVERSIGNED)


def _rsa(key: rsa.RSAPrivateKey) -> PrivateKey:
    form = serialization.PrivateFormat.TraditionalOpenSSL
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    return PrivateKey(algorithm="rsa", bits=key.key_size, public=base64.b64encode(der).decode(), secret=pem.decode())


def _ed25519(key: ed25519.Ed25519PrivateKey) -> PrivateKey:
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    seed = base64.b64encode(key.private_bytes_raw()).decode()
    return PrivateKey(algorithm="ed25519", bits=256, public=public, secret=seed)
