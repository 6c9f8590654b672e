"""Unguessable things: ids, codes, signed tokens, sealed secrets. One key makes them all.

Ids are not secret; codes and tokens are. A signed token is readable by its holder (it is not sealed), and worthless
once altered. Sealed text (``encrypt``) is for mailbox passwords and endpoint secrets at rest.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import threading
import time
from datetime import datetime
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from wherefrom.clock import to_ms
from wherefrom.errors import SettingsError

CODE_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""31 letters and digits without 0, 1, i, l, o: what people misread when they copy an address from paper."""

_LETTERS = bytes(ord(f"{CODE_ALPHABET}-"[byte & 31]) for byte in range(256))
_NO_LETTERS = bytes(byte for byte in range(256) if byte & 31 == 31)
"""Five bits of a random byte make a letter; one value in 32 is none, and drawn again."""

_ID_EPOCH_MS = 1_735_689_600_000  # 2025-01-01: leaves 69 years in 41 bits
_LAST_IN_MS = (1 << 12) - 1
_URL_SAFE, _FROM_URL_SAFE = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
_KEY_BYTES = 32
_SHA256_BLOCK = 64
_MAC_BYTES = 16


class Ids:
    """Makes 63-bit ids that grow with time: 41 bits of milliseconds, 10 of node, 12 of sequence.

    The node is drawn at random for each process, so that hosts sharing one database need no registry of nodes. Two
    processes with the same node would have to draw the same sequence in the same millisecond to collide; the primary
    key then refuses the second.
    """

    def __init__(self, node: int | None = None) -> None:
        self._node = secrets.randbelow(1 << 10) if node is None else node
        self._lock = threading.Lock()
        self._last_ms = 0
        self._sequence = 0

    def pass_by(self, moment: datetime) -> None:
        """Ids from now on are later than those of ``moment``, whatever the clock says."""
        with self._lock:
            self._last_ms = max(self._last_ms, to_ms(moment) - _ID_EPOCH_MS + 1)

    def next(self) -> int:
        with self._lock:
            now = time.time_ns() // 1_000_000 - _ID_EPOCH_MS
            if now > self._last_ms:
                self._last_ms, self._sequence = now, 0
            elif self._sequence < _LAST_IN_MS:
                self._sequence += 1
            else:
                self._last_ms, self._sequence = self._last_ms + 1, 0
            return (self._last_ms << 22) | (self._node << 12) | self._sequence


def random_code(length: int = 8) -> str:
    """A code of ``length`` letters: 8 carry 39.6 bits."""
    letters = b""
    while len(letters) < length:
        letters += os.urandom(length + 2).translate(_LETTERS, _NO_LETTERS)
    return letters[:length].decode()


def random_token(nbytes: int = 24) -> str:
    """URL-safe text carrying ``nbytes`` of randomness."""
    return secrets.token_urlsafe(nbytes)


def hash_token(token: str) -> str:
    """SHA-256 in hex: how a random token is kept, so that a stolen database opens no session."""
    return hashlib.sha256(token.encode()).hexdigest()


class Tokens:
    """Signs and seals with keys derived from one ``key`` of at least 32 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) < _KEY_BYTES:
            raise SettingsError(f"the secret key has {len(key)} bytes, it needs at least {_KEY_BYTES}")
        signing = hmac.digest(key, b"wherefrom sign", "sha256").ljust(_SHA256_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in signing))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in signing))
        tagging = hmac.digest(key, b"wherefrom tag", "sha256")
        self._tagging = hashlib.blake2s(key=tagging, digest_size=_MAC_BYTES)
        sealing = hmac.digest(key, b"wherefrom seal", "sha256")
        self._fernet = Fernet(base64.urlsafe_b64encode(sealing))

    def sign(self, purpose: str, value: str, *, expires_at: datetime | None = None) -> str:
        """``value`` and its expiry with a 128-bit MAC that holds for ``purpose`` alone; URL-safe. The MAC is keyed
        BLAKE2s (RFC 7693): each page of a new visitor shows two, and HMAC takes twice the time."""
        until = "" if expires_at is None else format(to_ms(expires_at), "x")
        body = _encode(value.encode())
        mac = _encode(self._tag(f"{purpose}\n{body}\n{until}"))
        return f"{body}.{until}.{mac}"

    def verify(self, purpose: str, token: str, now: datetime) -> str | None:
        """The signed value; None when the token is forged, damaged, meant for another purpose or expired. Letters
        keep tokens for years: those signed by HMAC-SHA-256, as all were once, hold too."""
        parts = token.split(".")
        if len(parts) != 3 or not token.isascii():
            return None
        body, until, mac = parts
        signed = f"{purpose}\n{body}\n{until}"
        if not hmac.compare_digest(mac, _encode(self._tag(signed))) and not hmac.compare_digest(
            mac, _encode(self._hmac(signed))
        ):
            return None
        if until and int(until, 16) < to_ms(now):
            return None
        return binascii.a2b_base64(body.encode().translate(_FROM_URL_SAFE) + b"==").decode()  # too much "=" is no harm

    def encrypt(self, text: str) -> str:
        """Sealed form of ``text`` (Fernet: AES-128-CBC with HMAC-SHA256)."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, sealed: str) -> str:
        """The text of ``sealed``; SettingsError when it was sealed with another key."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SettingsError(
                "a secret in the database was sealed with another key",
                hint="start with the key file this database was made with, or enter the password anew",
            ) from None

    def mac(self, purpose: str, value: bytes) -> bytes:
        """The 128-bit MAC of ``value`` for ``purpose`` alone: for signed things whose letters are not ours to choose,
        such as addresses. Compare in constant time."""
        return self._hmac(f"{purpose}\n{value.hex()}")

    def pseudonym(self, purpose: str, value: str) -> str:
        """22 letters that stand for ``value`` for ever, and tell nothing of it; for ``purpose`` alone."""
        return _encode(self._hmac(f"{purpose}\n{_encode(value.encode())}\n"))

    def _tag(self, message: str) -> bytes:
        tagging = self._tagging.copy()
        tagging.update(message.encode())
        return tagging.digest()

    def _hmac(self, message: str) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()  # RFC 2104, with the key hashed once and not each time
        inner.update(message.encode())
        outer.update(inner.digest())
        return outer.digest()[:_MAC_BYTES]


def _encode(raw: bytes) -> str:
    """URL-safe base64 without padding; the library's own takes twice the time."""
    return binascii.b2a_base64(raw, newline=False).rstrip(b"=").translate(_URL_SAFE).decode()


def load_key(path: Path) -> bytes:
    """The key kept in ``path`` as URL-safe base64; made there with mode 0600 when the file is absent."""
    try:
        if not path.exists():
            _write_new_key(path)
        key = base64.urlsafe_b64decode(path.read_text().strip())
    except OSError as error:
        raise SettingsError(
            f"data.key_file: {path}: cannot be read or made: {error.strerror or error}",
            hint="name a file that the service's user may read and write",
        ) from None
    except ValueError:
        raise _damaged(path, "it is not URL-safe base64") from None
    if len(key) < _KEY_BYTES:
        raise _damaged(path, f"it has {len(key)} bytes, at least {_KEY_BYTES} are needed")
    return key


def _damaged(path: Path, why: str) -> SettingsError:
    return SettingsError(
        f"data.key_file: {path}: the secret key is damaged: {why}",
        hint="restore the file from a backup; sealed passwords cannot be read without it",
    )


def _write_new_key(path: Path) -> None:
    """Two processes may start at once: the key appears whole, by a link, and the second one takes the first's."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
