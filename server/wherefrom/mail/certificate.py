"""What a mail server's certificate says: for which names, until when, by whose word. Trusts nothing, decides nothing:
``wire`` does. It is read to tell people what to do about one that is refused.
"""

from __future__ import annotations

import contextlib
import ssl
from datetime import datetime

from msgspec import Struct

from wherefrom.mail.failures import MailboxError
from wherefrom.mail.wire import open_socket, resolve

_MOST_NAMES = 6


class Certificate(Struct, frozen=True):
    """``names``: the hosts it was made for. ``issuer``: who vouches for it, "" where it does not say."""

    names: tuple[str, ...]
    issuer: str
    ends_at: datetime

    def days_left(self, now: datetime) -> int:
        """Whole days until it ends; below 0 when it has ended."""
        return (self.ends_at - now).days

    @property
    def name_words(self) -> str:
        """Its names, fit for a sentence."""
        shown = [name[:100] for name in self.names[:_MOST_NAMES]]
        more = len(self.names) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "") if shown else "no host at all"


def read_certificate(der: bytes) -> Certificate:
    """Of its DER bytes. ValueError when they are none."""
    from cryptography import x509  # late: who connects well reads none
    from cryptography.x509.oid import NameOID

    found = x509.load_der_x509_certificate(der)
    names: list[str] = []
    with contextlib.suppress(x509.ExtensionNotFound, ValueError):
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [*alternatives.get_values_for_type(x509.DNSName)]
        names += [str(one) for one in alternatives.get_values_for_type(x509.IPAddress)]
    if not names:
        names = [str(one.value) for one in found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    issuer = [
        str(one.value)
        for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
        for one in found.issuer.get_attributes_for_oid(kind)
    ]
    return Certificate(tuple(map(_plain, names)), _plain(issuer[0]) if issuer else "", found.not_valid_after_utc)


def fetch_certificate(host: str, port: int, timeout: float) -> Certificate | None:
    """The one a server shows that begins with TLS, trusted or not; None when none is to be had. Sends nothing."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with open_socket(resolve(host, port, timeout), host, port, timeout) as connection:
            connection.settimeout(timeout)
            with context.wrap_socket(connection, server_hostname=host) as safe:
                return read_certificate(safe.getpeercert(binary_form=True) or b"")
    except (MailboxError, OSError, ValueError):
        return None


def _plain(text: str) -> str:
    """Strangers wrote it."""
    return "".join(char for char in text if char.isprintable())[:200]
