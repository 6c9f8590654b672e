"""What came of one try to post: the receiver's answer, or why there is none."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from wherefrom.webhooks.retry import is_gone, is_success

EXCERPT_BYTES = 2048

Fault = Literal["", "inside", "name", "connect", "tls", "silence", "protocol", "broken", "status", "unsigned"]
"""What went wrong, for those who give advice: see ``advice.py``. "status": an answer came, and was no 2xx."""

Headers = tuple[tuple[str, str], ...]


class Answer(Struct, frozen=True):
    """``status`` None: there was no answer. ``error``: why it is no success, or a remark on one; "" when all is well.
    ``body``: what was read of it. ``retry_after``: the header as sent. ``sent``, ``headers``: those of the request as
    it went out, and those that came back."""

    status: int | None
    error: str
    body: bytes = b""
    retry_after: str | None = None
    fault: Fault = ""
    sent: Headers = ()
    headers: Headers = ()

    @property
    def accepted(self) -> bool:
        return self.status is not None and is_success(self.status)

    @property
    def gone(self) -> bool:
        return self.status is not None and is_gone(self.status)

    @property
    def excerpt(self) -> str:
        """The beginning of the body as text; fit to be kept."""
        return clean(self.body[:EXCERPT_BYTES].decode(errors="replace"))


def clean(text: str) -> str:
    """A receiver chooses parts of these texts: no NUL, which PostgreSQL cannot keep, and an end to their length."""
    return text.replace("\x00", "�")[:EXCERPT_BYTES]
