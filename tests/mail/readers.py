"""Letters as five readers see them, in one form, so that they can be compared with each other and with the truth."""

import email
import email.header
import email.utils
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default

import mailparser  # type: ignore[import-untyped]

from wherefrom.mail.parse import parse_letter


@dataclass(frozen=True)
class Seen:
    """What a reader finds: files by name, type and content. Texts are stripped of outer blanks."""

    subject: str
    from_: tuple[str, str]
    plain: str
    html: str
    files: tuple[tuple[str, bytes], ...]


def by_ours(raw: bytes) -> Seen:
    """Wherefrom's reader; its files are decoded here, though it need not."""
    letter = parse_letter(raw)
    sender = letter.from_
    return Seen(
        letter.subject,
        (sender.name, sender.address.text if sender.address else "") if sender else ("", ""),
        letter.text,
        _plain(letter.html or ""),
        tuple((one.name, one.content) for one in letter.attachments),
    )


def by_compat32(raw: bytes) -> Seen:
    """The standard library's older interface, used as its documentation does."""
    message = email.message_from_bytes(raw)
    name, address = email.utils.parseaddr(message.get("from", ""))
    texts, files = {"plain": "", "html": ""}, []
    for part in message.walk():
        if part.is_multipart():
            continue
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        if part.get_content_maintype() == "text" and not part.get_filename():
            texts[part.get_content_subtype()] += payload.decode(part.get_content_charset() or "ascii", "replace")
        else:
            files.append((_header(part.get_filename() or ""), payload))
    return Seen(
        _header(message.get("subject", "")),
        (_header(name), address),
        _plain(texts["plain"]),
        _plain(texts["html"]),
        tuple(files),
    )


def by_default_policy(raw: bytes) -> Seen:
    """The standard library's newer interface."""
    message = email.message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    found = message["from"].addresses if message["from"] else ()
    texts, files = {"plain": "", "html": ""}, []
    for part in message.walk():
        if part.is_multipart():
            continue
        content = part.get_content()
        if part.get_content_maintype() == "text" and not part.get_filename():
            texts[part.get_content_subtype()] += content
        else:
            files.append((part.get_filename() or "", content if isinstance(content, bytes) else content.encode()))
    sender = (found[0].display_name, found[0].addr_spec) if found else ("", "")
    return Seen(str(message["subject"] or ""), sender, _plain(texts["plain"]), _plain(texts["html"]), tuple(files))


def by_mail_parser(raw: bytes) -> Seen:
    """mail-parser's own object, the reference."""
    message = mailparser.parse_from_bytes(raw)
    people = message.from_ or [("", "")]
    files = tuple(
        (one["filename"], b64decode(one["payload"]) if one["binary"] else one["payload"].encode())
        for one in message.attachments
    )
    return Seen(
        message.subject, people[0], _plain("".join(message.text_plain)), _plain("".join(message.text_html)), files
    )


READERS: dict[str, Callable[[bytes], Seen]] = {
    "standard library, compat32": by_compat32,
    "standard library, policy.default": by_default_policy,
    "mail-parser": by_mail_parser,
    "wherefrom.mail.parse": by_ours,
}


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _header(value: str | email.header.Header) -> str:
    pieces = email.header.decode_header(value)
    return "".join(
        piece if isinstance(piece, str) else piece.decode(label or "ascii", "replace") for piece, label in pieces
    )
