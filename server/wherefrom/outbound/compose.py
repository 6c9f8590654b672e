"""A letter as bytes: header and MIME parts, in ASCII, before it is signed. Pure.

    text alone ─▶ text/plain          HTML (and its text, or one made of it) ─▶ multipart/alternative

Every body is quoted-printable or base64, whichever is shorter, so that no server on the way has a reason to write it
anew: that would break the signature. The same letter is the same bytes at every try.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from wherefrom.mail.html_text import html_text
from wherefrom.outbound.fields import address_field, raw_field, text_field

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_FROM = re.compile(rb"^From ", re.MULTILINE)  # mailboxes on disk quote such a line
_BASE64_LINE = 57  # bytes that make a line of 76


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """``headers`` are written after those of the letter itself; ``structured`` are ours, ASCII with a grammar of their
    own. Addresses are bare and in ASCII."""

    from_address: str
    from_name: str
    to_address: str
    to_name: str
    reply_to: str
    subject: str
    date: datetime
    message_id: str
    html: str
    text: str
    structured: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


def compose(draft: Draft) -> bytes:
    """The whole letter, its lines ended by CRLF."""
    fields = [
        address_field("From", draft.from_address, draft.from_name),
        address_field("To", draft.to_address, draft.to_name),
        text_field("Subject", draft.subject),
        raw_field("Date", format_datetime(draft.date.astimezone(UTC))),
        raw_field("Message-ID", draft.message_id),
        raw_field("MIME-Version", "1.0"),
    ]
    if draft.reply_to:
        fields.append(address_field("Reply-To", draft.reply_to))
    fields += [raw_field(name, value) for name, value in draft.structured]
    for name, value in draft.headers:
        structured = name in ("References", "In-Reply-To")
        fields.append(raw_field(name, " ".join(value.split())) if structured else text_field(name, value))
    raw = b"".join(fields) + _body(draft)
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def _body(draft: Draft) -> bytes:
    """What follows the letter's own fields: those of the content, an empty line, the content."""
    text = draft.text or (html_text(draft.html) if draft.html.strip() else "")
    if not draft.html.strip():
        return _part("plain", text)
    if not text.strip():  # a picture alone
        return _part("html", draft.html)
    boundary = (
        "=_" + hashlib.sha256(f"{draft.message_id}\0{text}\0{draft.html}".encode("utf-8", "replace")).hexdigest()[:40]
    )
    return b"".join(
        [
            raw_field("Content-Type", f'multipart/alternative; boundary="{boundary}"'),
            b"\r\n",
            *(
                b"--" + boundary.encode() + b"\r\n" + part + b"\r\n"
                for part in (_part("plain", text), _part("html", draft.html))
            ),
            b"--" + boundary.encode() + b"--\r\n",
        ]
    )


def _part(subtype: str, content: str) -> bytes:
    encoding, body = _encode(content)
    head = raw_field("Content-Type", f"text/{subtype}; charset=utf-8")
    return head + raw_field("Content-Transfer-Encoding", encoding) + b"\r\n" + body


def _encode(content: str) -> tuple[str, bytes]:
    """Its transfer encoding and its bytes, without a line end that is not its own."""
    data = _LINE_ENDS.sub("\r\n", content).encode("utf-8", "replace")
    # With a line end at its end, because by the first one it finds it decides how to write its own.
    quoted = binascii.b2a_qp(data + b"\r\n", quotetabs=False, istext=True).removesuffix(b"\r\n")
    quoted = _FROM.sub(b"=46rom ", quoted)
    if len(quoted) <= len(data) * 4 // 3 + 2 * len(data) // _BASE64_LINE + 4:
        return "quoted-printable", quoted
    lines = (data[at : at + _BASE64_LINE] for at in range(0, len(data), _BASE64_LINE))
    return "base64", b"\r\n".join(base64.b64encode(line) for line in lines)
