"""Files of certificates that are trusted instead of the system's authorities.

Whoever may name one, by the network too, must not learn by it which files the machine has: one that is not there, one
that may not be read and one that holds no certificate are told in the same words, and none is read without end.
"""

from __future__ import annotations

import os
import ssl
import stat

from wherefrom.errors import BadInput

_MOST_BYTES = 4_000_000  # all authorities of a system take a twentieth


def check_ca_file(name: str) -> None:
    """BadInput unless ``name`` is empty, or a PEM file of certificates that this process may read."""
    if name and not _holds_certificates(name):
        raise BadInput(
            "ca_file names no file of certificates: it is not there, may not be read by the service, or is no PEM",
            hint="leave ca_file empty to trust the system's authorities",
            field="ca_file",
        )


def _holds_certificates(name: str) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        there = os.stat(name)
        if not stat.S_ISREG(there.st_mode) or there.st_size > _MOST_BYTES:
            return False
        context.load_verify_locations(cafile=name)
    except (OSError, ValueError):  # SSLError is an OSError; ValueError: a NUL in the name
        return False
    return bool(context.cert_store_stats()["x509"])
