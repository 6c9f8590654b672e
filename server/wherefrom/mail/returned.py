"""The letter that a report is about: what a bounce or a complaint returns of it, whole or its header alone. Pure.

Answers for its fields and for its text in a form in which addresses can be found again, whatever lines the transfer
encoding has cut them into. Refuses to know what in it is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from wherefrom.mail.charset import decode_words, one_line
from wherefrom.mail.fields import Fields, parse_fields
from wherefrom.mail.headers import parse_ids
from wherefrom.mail.letter import Attachment

TYPES = frozenset(("message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"))
"""RFC 3462, RFC 6533."""

_MOST_READ = 65_536


@dataclass(frozen=True, slots=True)
class Returned:
    """``message_id`` is without brackets, "" when it is not there. ``text`` is the beginning of the whole, header
    unfolded, soft line ends of quoted-printable taken out."""

    message_id: str
    subject: str
    fields: Fields = field(repr=False)
    text: str = field(repr=False)

    def every(self, name: str) -> list[str]:
        """The values of a field, each on one line."""
        return [one_line(value.decode("utf-8", "replace"), 2_000) for value in self.fields.every(name)]


def find_returned(files: Iterable[Attachment]) -> Returned | None:
    """The first file that is a letter or its header."""
    for one in files:
        if one.content_type in TYPES:
            return parse_returned(one.content)
    return None


def parse_returned(raw: bytes) -> Returned:
    """``raw`` as far as it can be read: an empty one gives no fields."""
    head = raw[:_MOST_READ].lstrip(b"\r\n")
    fields = parse_fields(head, 0, len(head))
    ids = parse_ids(fields.first("message-id") or b"")
    unfolded = b"\n".join(value for values in fields.values.values() for value in values)
    body = head[fields.end :].replace(b"=\r\n", b"").replace(b"=\n", b"").replace(b"=3D", b"=")
    return Returned(
        message_id=ids[0] if ids else "",
        subject=one_line(decode_words(fields.first("subject") or b"", []), 500),
        fields=fields,
        text=(unfolded + b"\n" + body).decode("ascii", "replace"),
    )
