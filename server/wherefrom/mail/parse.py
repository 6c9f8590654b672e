"""Bytes in, letter out.

Answers for reading any bytes a mailbox may hold: each becomes a ``Letter`` or an ``UnreadableLetter``, in bounded time,
and never another exception. Refuses to know mailboxes, databases and what a letter is for.

    fields → structure (parts as places) → headers (people, hops, dates) + body (text, HTML, files) → Letter
"""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from wherefrom.mail.automatic import find_automatic, is_list
from wherefrom.mail.body import read_body
from wherefrom.mail.charset import decode_words, one_line
from wherefrom.mail.fields import Fields
from wherefrom.mail.headers import (
    MAX_RECIPIENTS,
    find_first_stamp,
    find_party,
    is_believable,
    list_recipients,
    parse_date,
    parse_ids,
)
from wherefrom.mail.letter import Attachment, Letter, Party, Recipient
from wherefrom.mail.paged import Octets
from wherefrom.mail.structure import Part, UnreadableLetter, parse_structure

__all__ = ["Attachment", "Letter", "Party", "Recipient", "UnreadableLetter", "parse_letter"]

_MAX_SUBJECT = 10_000  # characters


def parse_letter(raw: Octets) -> Letter:
    """The letter in ``raw``, or UnreadableLetter; no other exception for any bytes. Of one that is ``Paged`` no more
    than header blocks and texts is in memory; its attachments read from it, so keep it open for them."""
    if isinstance(raw, bytes) and b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")  # lines ended the way of old Macs
    structure = parse_structure(raw)
    root, defects = structure.root, structure.defects
    fields = root.fields
    hints = _charset_hints(root)
    received_at = find_first_stamp(fields)
    recipients = tuple(islice(list_recipients(fields, hints), MAX_RECIPIENTS + 1))
    if len(recipients) > MAX_RECIPIENTS:
        defects.add("too-many-recipients")
    body = read_body(raw, root, hints)
    replied_to = parse_ids(fields.first("in-reply-to") or b"")
    subject = one_line(decode_words(fields.first("subject") or b"", hints), _MAX_SUBJECT)
    return Letter(
        message_id=_message_id(fields, defects),
        subject=subject,
        from_=find_party(fields, ("from", "sender"), hints),
        reply_to=find_party(fields, ("reply-to",), hints),
        recipients=recipients[:MAX_RECIPIENTS],
        written_at=_written_at(fields, received_at, defects),
        received_header_at=received_at,
        in_reply_to=replied_to[0] if replied_to else None,
        references=parse_ids(b" ".join(fields.every("references"))),
        text=body.text,
        text_truncated=body.text_truncated,
        html=body.html,
        attachments=body.attachments,
        automatic=find_automatic(root, subject),
        is_list=is_list(fields),
        defects=tuple(sorted(defects | body.defects)),
    )


def _charset_hints(root: Part) -> list[str]:
    """Labels the letter's own texts carry: what its unlabelled header bytes are most likely in."""
    labels = (part.parameters.get("charset", "") for part in root.walk() if part.content_type.startswith("text/"))
    return list(dict.fromkeys(label.lower() for label in labels if label))[:5]


def _message_id(fields: Fields, defects: set[str]) -> str | None:
    value = fields.first("message-id")
    if value is None:
        defects.add("message-id-missing")
        return None
    found = parse_ids(value)
    if not found:
        defects.add("message-id-broken")
        return None
    return found[0]


def _written_at(fields: Fields, received_at: datetime | None, defects: set[str]) -> datetime | None:
    value = fields.first("date")
    if value is None:
        defects.add("date-missing")
        return None
    moment = parse_date(value[:1_000].decode("ascii", "replace"))
    if moment is None or (received_at is not None and not is_believable(moment, received_at)):
        defects.add("date-absurd")
        return None
    return moment
