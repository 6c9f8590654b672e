"""Standard Webhooks signatures: the three headers that prove a body came from here and is not a replay.

    webhook-id         msg_<delivery id>, the same over all attempts: the receiver's key against doubles
    webhook-timestamp  seconds since 1970 of this attempt
    webhook-signature  v1,<base64 HMAC-SHA256 of "id.timestamp.body">; two of them while a secret is changed

The arithmetic is the ``standardwebhooks`` package's, the one receivers verify with. Knows no endpoint and no HTTP.
"""

from __future__ import annotations

import base64
import secrets as randomness
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

SECRET_PREFIX = "whsec_"  # noqa: S105  the specification's prefix, no secret
_SECRET_BYTES = 32  # the specification asks for 24 to 64


def new_secret() -> str:
    """A fresh secret, ``whsec_`` and 32 random bytes in base64."""
    return SECRET_PREFIX + base64.b64encode(randomness.token_bytes(_SECRET_BYTES)).decode()


def webhook_id(delivery_id: int) -> str:
    """The id a receiver sees; it has no full stop, which would make the signed text ambiguous."""
    return f"msg_{delivery_id}"


def sign_headers(secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers for one attempt.

    ``secrets``: ``whsec_…`` texts, the newest first; each gives one signature, so a receiver holding either accepts.
    ``at``: aware moment of the attempt. ``body``: the very bytes that are sent, UTF-8.
    """
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, at, text) for secret in secrets),
    }
