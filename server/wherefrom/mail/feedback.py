"""Feedback reports: what a provider says a person did with a letter (ARF, RFC 5965). Pure.

    multipart/report ┬ text for people
                     ├ message/feedback-report: Feedback-Type, Original-Mail-From, Original-Rcpt-To …
                     └ message/rfc822, text/rfc822-headers: the letter, often with the person's address taken out

Answers for the fields. Refuses to believe them, and to know which letter of ours it is.
"""

from __future__ import annotations

import re

from msgspec import Struct

from wherefrom.addresses import Address, find_address
from wherefrom.mail.charset import one_line
from wherefrom.mail.fields import Fields, parse_fields
from wherefrom.mail.letter import Letter
from wherefrom.mail.returned import Returned, find_returned

_TYPE = "message/feedback-report"
_MOST_READ = 65_536
_MOST_RECIPIENTS = 20
_IN_BRACKETS = re.compile(r"<([^<>]*)>")
_WORD = re.compile(r"[a-z0-9-]{1,40}")


class Feedback(Struct, frozen=True):
    """``kind`` is the report's in lower case: abuse, fraud, virus, other, not-spam, opt-out, auth-failure …; "" where
    it is missing. ``recipients`` are as the provider shows them, which may be nobody's."""

    kind: str
    recipients: tuple[Address, ...]
    mail_from: str
    reported_by: str
    returned: Returned | None


def find_feedback(letter: Letter) -> Feedback | None:
    """The report that ``letter`` is; None for any other letter."""
    report = next((one for one in letter.attachments if one.content_type == _TYPE), None)
    if report is None:
        return None
    raw = report.content[:_MOST_READ].lstrip(b"\r\n \t")
    fields = parse_fields(raw, 0, len(raw))
    kind = _WORD.match(_value(fields, "feedback-type").lower())
    return Feedback(
        kind=kind[0] if kind else "",
        recipients=_addresses(fields),
        mail_from=_value(fields, "original-mail-from"),
        reported_by=_value(fields, "user-agent") or _value(fields, "reporting-mta").partition(";")[2].strip(),
        returned=find_returned(letter.attachments),
    )


def _addresses(fields: Fields) -> tuple[Address, ...]:
    written = fields.every("original-rcpt-to")[:_MOST_RECIPIENTS]
    return tuple(found for one in written if (found := find_address(_bare(one))) is not None)


def _bare(value: bytes) -> str:
    text = one_line(value.decode("utf-8", "replace"), 1_000)
    kind, parted, rest = text.partition(";")
    text = rest if parted and kind.strip().lower() == "rfc822" else text
    bracketed = _IN_BRACKETS.search(text)
    return (bracketed[1] if bracketed else text).strip()


def _value(fields: Fields, name: str) -> str:
    return one_line((fields.first(name) or b"").decode("utf-8", "replace"), 1_000)
