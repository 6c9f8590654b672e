"""What header fields say: people, recipients, hops, dates, ids. The home of mail-parser.

mail-parser reads addresses, Received fields and dates with care for forged and damaged ones. Its message object is not
used: it decodes every part twice over, and answers a misspelt attribute with an empty string. What it finds is
converted here, once, into frozen values. What is written by the book is read by ``sound``, which is ten times faster:
so mail-parser is imported when the first odd field comes.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice

from wherefrom.addresses import Address, find_address
from wherefrom.mail.charset import decode_text, decode_words, one_line
from wherefrom.mail.fields import Fields
from wherefrom.mail.letter import ROLES, Party, Recipient, Role
from wherefrom.mail.sound import find_for, find_mailboxes, find_moment

MAX_RECIPIENTS = 500
MAX_HOPS = 30
_MAX_ADDRESS_FIELD = 65_536  # bytes
_MAX_HOP = 4_096  # bytes of one Received field
_MAX_REFERENCES = 100
_MAX_NAME = 500

# Who writes it: the final server (Fastmail, Exim, Postfix), its forwarders (Gmail writes two), a collector, the writer.
_WRITERS: dict[Role, tuple[str, ...]] = {
    "delivered-to": ("delivered-to", "x-delivered-to"),
    "x-original-to": ("x-original-to", "original-recipient", "x-original-delivered-to"),
    "envelope-to": ("envelope-to", "x-rcpt-to", "x-real-to"),
    "x-forwarded-to": ("x-forwarded-to", "x-forwarded-for", "resent-to", "x-ms-exchange-forwardingloop"),
    "x-envelope-to": ("x-envelope-to", "x-resolved-to", "apparently-to"),
    "to": ("to",),
    "cc": ("cc",),
}
_TYPED = re.compile(rb"\Arfc822\s*;", re.IGNORECASE)  # Original-Recipient: rfc822;a@b.example (RFC 3798)
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\\\"'=]{1,64}@[^\s@<>()\[\],;:\\\"'=]{1,253}")
_ENCODED_RUN = re.compile(r"=\?[^?\s]{1,75}\?[BbQq]\?[^?]*\?=(?:\s+=\?[^?\s]{1,75}\?[BbQq]\?[^?]*\?=)*")
_CODED_NAME = re.compile(
    rb"((?:=\?[A-Za-z0-9_.:-]{1,40}\?[BbQq]\?[!->@-~]*\?=[ \t]*)+)<([A-Za-z0-9.+_=-]+@[A-Za-z0-9.-]+)>"
)
_MAX_CODED = 1_000  # bytes
_STAND_IN = re.compile("\ue000(\\d+)\ue001")
_ANGLED_ID = re.compile(r"<([^<>]{1,998})>")
_FOR = re.compile(rb"for(?<![\w.-]for)\s+<?([^\s<>;]+)")  # begins with a literal, which is found in no time
_ZONE_COLON = re.compile(r"(?<=[0-9] )([+-]\d\d):(\d\d)(?![\d:])")
_ISO_DATE = re.compile(r"\s*\d{4}-\d\d-\d\dT")
_UNQUOTED_COMMA = re.compile(r"\s*([^\"<>@:;()\\]*,[^\"<>@:;()\\]*?)\s*(<[^<>@\s]+@[^<>@\s]+>)\s*")
_SINGLE_QUOTES = re.compile(r"(?<![\w.])'([^\s'\"<>()@,;:]+@[A-Za-z0-9.-]+)'")
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
# A writer's clock may be in another zone and wrong by that; a letter may wait in an outbox for weeks, not for months.
_MOST_AHEAD = timedelta(hours=26)
_MOST_BEHIND = timedelta(days=60)


def parse_people(value: bytes, hints: Sequence[str] = ()) -> list[Party]:
    """The people of an address field, in order. What is no address at all gives a Party with only a name."""
    coded = _CODED_NAME.fullmatch(value) if value.startswith(b"=?") and len(value) < _MAX_CODED else None
    if coded and (address := _address(coded[2].decode("ascii"))):  # how most names beyond ASCII come
        return [Party(one_line(decode_words(coded[1], hints), _MAX_NAME), address)]
    text = decode_text(value[:_MAX_ADDRESS_FIELD], None, hints)[0]
    if not text.isascii():
        text = text.replace("\ue000", "").replace("\ue001", "")
    # Encoded words stand aside while delimiters are looked for: what they hide may be commas and brackets.
    words: list[str] = []

    def stand_in(match: re.Match[str]) -> str:
        words.append(decode_words(match[0].encode("utf-8", "replace"), hints))
        return f"\ue000{len(words) - 1}\ue001"

    def restore(shown: str) -> str:
        return one_line(_STAND_IN.sub(lambda match: words[int(match[1])], shown), _MAX_NAME)

    if "=?" in text:
        text = _ENCODED_RUN.sub(stand_in, text)
    plain = find_mailboxes(text) or find_mailboxes(text := _mend(text))
    if plain is not None and (addresses := [_address(written) for _, written in plain]) and all(addresses):
        return [Party(restore(name), address) for (name, _), address in zip(plain, addresses, strict=True)]
    from mailparser.utils import get_addresses  # type: ignore[import-untyped]

    defects: list[dict[str, str]] = []
    people = [
        Party(restore(name), address)
        for name, written in get_addresses(text, defects=defects)
        if (address := _address(written))
    ]
    for defect in defects:
        if not defect["recovered"]:
            people += _rescue(restore(defect["raw"]))
    return people


def _mend(text: str) -> str:
    """What everybody understands, put into the form the standard has for it."""
    if ";" in text and '"' not in text and ":" not in text:
        text = text.replace(";", ",")  # Outlook's way of parting recipients
    text = _SINGLE_QUOTES.sub(r"\1", text)
    named = _UNQUOTED_COMMA.fullmatch(text) if len(text) < _MAX_NAME and text.count("@") == 1 else None
    return f'"{named[1]}" {named[2]}' if named else text


def _rescue(text: str) -> list[Party]:
    """mail-parser makes no mailbox of ambiguous text, and rightly so for who wrote. But a recipient is compared with
    codes nobody can guess, so each address in it is taken, nameless."""
    found = [address for written in _ADDRESS.findall(text) if (address := _address(written))]
    return [Party("", address) for address in found] or ([Party(text, None)] if text else [])


def find_party(fields: Fields, names: Sequence[str], hints: Sequence[str]) -> Party | None:
    """The first person in the first field of ``names`` that names anybody."""
    for name in names:
        for value in fields.every(name):
            people = parse_people(value, hints)
            if people:
                return people[0]
    return None


def list_recipients(fields: Fields, hints: Sequence[str]) -> Iterator[Recipient]:
    """Every (address, role) once, the most trustworthy role first. The caller caps how many."""
    for rank, role in enumerate(ROLES):
        seen: set[str] = set()
        for name, address in _list_named(fields, role, hints):
            if address.key not in seen:
                seen.add(address.key)
                yield Recipient(address, role, len(ROLES) - rank, name)


def _list_named(fields: Fields, role: Role, hints: Sequence[str]) -> Iterator[tuple[str, Address]]:
    if role == "received-for":
        yield from (("", address) for address in _list_for_addresses(fields))
        return
    for name in _WRITERS[role]:
        for value in fields.values.get(name, ()):
            for person in parse_people(_TYPED.sub(b"", value, count=1) if b";" in value else value, hints):
                if person.address:
                    yield from ((person.name, address) for address in _with_bare_local(person.address))


def _with_bare_local(address: Address) -> tuple[Address, ...]:
    """qmail puts the virtual domain before the name: ``company.example-sales@company.example`` was for ``sales@``."""
    prefix = f"{address.host}-"
    if not address.local.lower().startswith(prefix):
        return (address,)
    bare = find_address(f"{address.local[len(prefix) :]}@{address.host}")
    return (bare, address) if bare else (address,)


def _list_for_addresses(fields: Fields) -> list[Address]:
    """Whom the newest ``MAX_HOPS`` hops say the letter was for, the newest first, each once."""
    found: dict[str, Address] = {}
    for value in islice(fields.every("received"), MAX_HOPS):
        hinted = _FOR.search(value[:_MAX_HOP].lower())
        if not hinted or hinted[1].decode("latin-1") in found:
            continue  # telling clauses from comments costs 70 µs a field, so only where it can tell something
        text = decode_text(value[:_MAX_HOP], None)[0]
        written = _ADDRESS.search(find_for(text) or _for_clause(text, hinted[1].decode("latin-1")))
        address = _address(written[0]) if written else None
        if address:
            found.setdefault(address.key, address)
    return list(found.values())


def _for_clause(text: str, hinted: str) -> str:
    from mailparser.exceptions import MailParserError  # type: ignore[import-untyped]
    from mailparser.utils import parse_received

    try:
        return str(parse_received(text).get("for", ""))
    except MailParserError:
        return hinted


def find_first_stamp(fields: Fields) -> datetime | None:
    """When the first hop, which is the last field, took the letter; of broken stamps the next hop's."""
    newest = list(islice(fields.every("received"), MAX_HOPS))
    stamps = (parse_date(decode_text(value[:_MAX_HOP].rpartition(b";")[2], None)[0]) for value in reversed(newest))
    return next((stamp for stamp in stamps if stamp), None)


def _parse_odd_date(text: str) -> datetime | None:
    from mailparser.dates import parse_mail_date  # type: ignore[import-untyped]

    moment: datetime | None = parse_mail_date(text).value
    return moment


def parse_date(text: str) -> datetime | None:
    """An aware UTC datetime between 1990 and 2100, or None. Reads what RFC 5322 allows and what people write."""
    moment = find_moment(text) or _parse_odd_date(_ZONE_COLON.sub(r"\1\2", text.strip()))
    if moment is None and _ISO_DATE.match(text):
        try:
            moment = datetime.fromisoformat(text.strip()).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    elif moment is None:
        try:
            moment = email.utils.parsedate_to_datetime(text.strip()[:200])
            moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return moment if _EARLIEST <= moment < _LATEST else None


def is_believable(written_at: datetime, received_at: datetime) -> bool:
    """Can a letter that a server took at ``received_at`` have been written at ``written_at``?"""
    return received_at - _MOST_BEHIND <= written_at <= received_at + _MOST_AHEAD


def parse_ids(value: bytes) -> tuple[str, ...]:
    """The message ids of a field, without brackets, each once; of many the first and the newest."""
    text = decode_text(value[:_MAX_ADDRESS_FIELD], None)[0]
    ids = ["".join(found.split()) for found in _ANGLED_ID.findall(text)]
    if not ids and "@" in text and len(text.split()) == 1:
        ids = [one_line(text.strip("<>"), 998)]  # brackets forgotten
    unique = tuple(dict.fromkeys(one_line(found, 998) for found in ids if found))
    return unique if len(unique) <= _MAX_REFERENCES else (unique[0], *unique[1 - _MAX_REFERENCES :])


@lru_cache(maxsize=1_024)  # the mailbox's own addresses stand in each of its letters, three times over
def _address(written: str) -> Address | None:
    local, _, host = written.strip().rpartition("@")
    if local.startswith('"') and local.endswith('"'):
        local = local[1:-1]
    return find_address(f"{local}@{host}")
