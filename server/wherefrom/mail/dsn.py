"""Delivery status notifications: what a mail server says became of a letter (RFC 3464, RFC 6533). Pure.

    multipart/report ┬ text for people
                     ├ message/delivery-status ┬ per-message fields: Reporting-MTA, Original-Envelope-Id …
                     │                         └ per-recipient fields, one block each: Final-Recipient, Action, Status …
                     └ message/rfc822, text/rfc822-headers: the letter, or its header

Answers for what is written there, also where it is written badly; a receipt, an absence notice and a text about a
bounce are none. Refuses to judge (that is policy), and to believe: whoever can write to a mailbox can write all this.
"""

from __future__ import annotations

import re
from typing import Literal, get_args

from msgspec import Struct

from wherefrom.addresses import Address, find_address
from wherefrom.mail.charset import one_line
from wherefrom.mail.fields import Fields, parse_fields
from wherefrom.mail.letter import Letter
from wherefrom.mail.returned import Returned, find_returned

Action = Literal["failed", "delayed", "delivered", "relayed", "expanded"]
ACTIONS: tuple[Action, ...] = get_args(Action)

MOST_RECIPIENTS = 100
"""Of one report; a letter of ours goes to one person."""

_TYPES = ("message/delivery-status", "message/global-delivery-status")
_MOST_READ = 262_144
_LONGEST = 1_000
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\d|\.\d)")
_ANSWER = re.compile(r"(?<![\d.])[245]\d\d[ \-]+#?\(?(?=[245]\.\d)")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_IN_BRACKETS = re.compile(r"<([^<>]*)>")
_BETWEEN = re.compile(rb"\n(?:[ \t]*\r?\n)+")
_COMMENT = re.compile(r"\([^()]*\)")


class Outcome(Struct, frozen=True):
    """What became of the letter for one recipient. ``action`` None: not told, or a word the standard has not.
    ``status`` is RFC 3463's of the Status field ("5.1.1"), "" for none. ``diagnostic`` is the other server's answer
    without its type, which is ``answered_by`` ("smtp")."""

    original: str
    final: str
    action: Action | None
    status: str
    diagnostic: str
    answered_by: str = ""
    remote: str = ""

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All readings of the two recipient fields: some servers leave the xtext of RFC 3461 in."""
        written = (self.final, self.original, unquote_xtext(self.original))
        return tuple(dict.fromkeys(found for one in written if (found := find_address(one)) is not None))


class Dsn(Struct, frozen=True):
    """A notification. ``returned`` is the letter it is about, where it is returned."""

    recipients: tuple[Outcome, ...]
    returned: Returned | None
    envelope_id: str = ""
    reported_by: str = ""


def find_dsn(letter: Letter) -> Dsn | None:
    """The notification that ``letter`` is; None for any other letter."""
    report = next((one for one in letter.attachments if one.content_type in _TYPES), None)
    if report is None:
        return None
    blocks = _blocks(report.content[:_MOST_READ])
    recipients = tuple(_outcome(one) for one in blocks if _names_anybody(one))[:MOST_RECIPIENTS]
    return Dsn(
        recipients=recipients,
        returned=find_returned(letter.attachments),
        envelope_id=_first(blocks, "original-envelope-id"),
        reported_by=_first(blocks, "reporting-mta").partition(";")[2].strip(),
    )


def find_status(text: str) -> str:
    """The enhanced status in a server's answer: ``550 5.1.1 unknown`` → "5.1.1". What follows a reply code counts
    before what begins the text; a number somewhere in it does not."""
    answer = _ANSWER.search(text)
    found = _STATUS.match(text, answer.end()) if answer else _STATUS.match(text.lstrip(" #("))
    return ".".join(str(int(one)) for one in found.groups()) if found else ""


def unquote_xtext(text: str) -> str:
    """RFC 3461 4: ``ann+2Bnews@x`` → ``ann+news@x``."""
    return _XTEXT.sub(lambda found: chr(int(found[1], 16)), text)


def _blocks(raw: bytes) -> list[Fields]:
    """Groups of fields, parted by empty lines; some servers write more than one between them."""
    parts = _BETWEEN.split(raw.strip(), maxsplit=2 * MOST_RECIPIENTS)[: 2 * MOST_RECIPIENTS]
    blocks = (parse_fields(part + b"\n\n", 0, len(part) + 2) for part in parts)
    return [one for one in blocks if one.values]


def _names_anybody(block: Fields) -> bool:
    return any(block.every(name) for name in ("final-recipient", "original-recipient", "x-actual-recipient"))


def _outcome(block: Fields) -> Outcome:
    action = _word(block, "action")
    if action == "failed" and block.every("will-retry-until"):
        action = "delayed"  # it says of itself that it is not final
    status = _STATUS.search(_value(block, "status"))
    answered_by, parted, diagnostic = _value(block, "diagnostic-code").partition(";")
    return Outcome(
        original=_recipient(block, "original-recipient"),
        final=_recipient(block, "final-recipient"),
        action=action if action in ACTIONS else None,
        status=".".join(str(int(one)) for one in status.groups()) if status else "",
        diagnostic=(diagnostic if parted else answered_by).strip(),
        answered_by=answered_by.strip().lower() if parted else "",
        remote=_value(block, "remote-mta").partition(";")[2].strip(),
    )


def _recipient(block: Fields, name: str) -> str:
    """``rfc822; <ann@firm.example>`` → ``ann@firm.example``. Without a type, the whole is taken for an address."""
    kind, parted, written = _value(block, name).partition(";")
    if parted and kind.strip().lower() not in ("rfc822", "utf-8", "utf8", "smtp", "internet"):
        return ""
    text = written if parted else kind
    bracketed = _IN_BRACKETS.search(text)
    return (bracketed[1] if bracketed else _COMMENT.sub("", text)).strip()


def _first(blocks: list[Fields], name: str) -> str:
    return next((_value(one, name) for one in blocks if one.every(name)), "")


def _word(block: Fields, name: str) -> str:
    words = _COMMENT.sub(" ", _value(block, name)).replace(";", " ").split()
    return words[0].lower() if words else ""


def _value(block: Fields, name: str) -> str:
    return one_line((block.first(name) or b"").decode("utf-8", "replace"), _LONGEST)
