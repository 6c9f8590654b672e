"""Everything that is known of one letter, in words: where it came from and why, the visit, what the webhooks made of
it. Pure: values in, values for the template out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from wherefrom.console import words
from wherefrom.inbox.store.details import CandidateRow, MessageDetail
from wherefrom.inbox.store.rows import HistoryRow
from wherefrom.inbox.words import percent
from wherefrom.inbox.writer import Writer
from wherefrom.visits.trail_store import Intent, Pageview
from wherefrom.visits.visit import Visit
from wherefrom.webhooks.endpoint import OF_THREAD, WITH_VISIT, Endpoint
from wherefrom.webhooks.money import money_words
from wherefrom.webhooks.store.deliveries import Attempt, Delivery

_LEVEL_KIND = {"sure": "good", "likely": "warn", "guess": "warn", "none": ""}
_RULES = ("code", "pool", "thread", "sender", "quoted")
_RULE_NAMES = {"code": "Code", "pool": "Pool", "thread": "Thread", "sender": "Sender", "quoted": "Quoted"}
_HEADER_NAMES = {"to": "To", "cc": "Cc"}
_DELIVERY = {
    "pending": ("waiting", "warn"),
    "delivered": ("delivered", "good"),
    "exhausted": ("given up", "bad"),
    "cancelled": ("called off", ""),
}
_INTENTS = {
    "visible": "saw",
    "mailto": "clicked",
    "copy": "copied",
    "select": "selected",
}
_DEVICES = {"desktop": "Desktop", "phone": "Phone", "tablet": "Tablet"}


class Reason(Struct, frozen=True):
    """A rule's name ("" when the words name none) and what it says."""

    rule: str
    words: str


class Where(Struct, frozen=True):
    """The answer to "where from?". ``confidence`` None: nothing matched. ``kind`` is a colour."""

    headline: str
    words: str
    kind: str
    level: str
    rule: str
    confidence: float | None
    percent: str
    reasons: tuple[Reason, ...]
    others: tuple[str, ...]


class Posted(Struct, frozen=True):
    """A delivery with its attempts, the last one first."""

    id: int
    url: str
    status: str
    kind: str
    words: str
    next_at: datetime | None
    resendable: bool
    attempts: tuple[Attempt, ...]


class Step(Struct, frozen=True):
    """Something the visitor did. ``page`` is a URL, or "" for a sign that names none."""

    at: datetime
    words: str
    page: str
    is_sign: bool


def tell_where(detail: MessageDetail, visit: Visit | None) -> Where:
    """Source, confidence and reasons of the letter's match."""
    row = detail.row
    matched = row.visit_id is not None
    level = words.level(row.confidence, matched)
    source = words.source_words(row.source_levels, row.marker)
    if not matched:
        headline = "Unknown"
    elif visit is None:
        headline = f"Visit {row.visit_id}, which has been erased"
    else:
        headline = source or "Direct"
    return Where(
        headline=headline,
        words=words.level_words(level),
        kind=_LEVEL_KIND[level],
        level=level,
        rule=words.rule_words(row.rule or "none"),
        confidence=row.confidence if matched else None,
        percent=percent(row.confidence),
        reasons=tuple(_reason(one) for one in detail.reasons),
        others=tuple(_candidate(one) for one in _runners_up(detail)),
    )


class Known(Struct, frozen=True):
    """The contact who wrote, why they are known, and the subject of the letter that led them here, "" for none."""

    id: int
    name: str
    details: str
    why: str
    subject: str


def tell_contact(writer: Writer | None, subject: str) -> Known | None:
    """``subject`` is that of the writer's send."""
    if writer is None:
        return None
    person = writer.person
    why = "the letter came from their address" if writer.by == "sender" else "the visit came by a link in a letter"
    if writer.by == "sender" and writer.send_id is not None:
        why += ", the visit by a link in a letter"
    more = [person.email] if person.name else []
    more += [f"reference {person.reference}"] if person.reference else []
    led = subject if writer.send_id is not None else ""
    return Known(person.id, person.name or person.email, ", ".join(more), why, led)


def _reason(text: str) -> Reason:
    rule, colon, rest = text.partition(": ")
    return Reason(_RULE_NAMES[rule], rest) if colon and rule in _RULES else Reason("", text)


def _runners_up(detail: MessageDetail) -> Sequence[CandidateRow]:
    """Without the answer, and without what else speaks for the visit that was the answer."""
    answer = detail.row.visit_id
    return [one for one in detail.candidates if one.visit_id != answer]


def _candidate(one: CandidateRow) -> str:
    return f"Visit {one.visit_id}, {percent(one.confidence)}: {one.reason}"


def list_receivers(detail: MessageDetail) -> list[tuple[str, list[str]]]:
    """Receivers by the header they stood in: To, Cc, and what only the servers on the way noted."""
    found: dict[str, dict[str, None]] = {}
    named = {one.address.lower() for one in detail.addresses if one.role in _HEADER_NAMES}
    for one in detail.addresses:
        if one.role in _HEADER_NAMES:
            shown = f"{one.name} <{one.address}>" if one.name and one.name != one.address else one.address
            found.setdefault(_HEADER_NAMES[one.role], {})[shown] = None
        elif one.address.lower() not in named:
            found.setdefault("Delivered to", {})[one.address] = None
    order = ("To", "Cc", "Delivered to")
    return [(name, list(found[name])) for name in order if name in found]


def list_facts(visit: Visit) -> list[tuple[str, str, bool]]:
    """What is known of the visit: name, value, and whether the value is a web address to open."""
    if visit.kind == "source":
        return _source_facts(visit)
    place = ", ".join(dict.fromkeys(part for part in (visit.city, visit.region, visit.country) if part))
    machine = ", ".join(part for part in (_DEVICES.get(visit.device, ""), visit.os, visit.browser) if part)
    facts = [
        ("Landing page", visit.landing_page, _is_web(visit.landing_page)),
        ("Referrer", visit.referrer or "none", _is_web(visit.referrer)),
        ("Pages seen", str(visit.pageviews), False),
        ("Place", place, False),
        ("IP address", visit.ip or "", False),
        ("Device", machine, False),
        ("Language", visit.language or "", False),
        ("Time zone", words.zone_words(visit.timezone or ""), False),
        ("Google client", visit.google_client_id or "", False),
        ("Yandex client", visit.ym_uid or "", False),
    ]
    return [fact for fact in facts if fact[1]]


def _source_facts(visit: Visit) -> list[tuple[str, str, bool]]:
    """Of a source there is less to tell: that, and why."""
    facts = [
        ("Stands for", "all who came by this source; of the person who wrote nothing is kept", False),
        ("Landed on", visit.domain, False),
        ("Referrer", visit.referrer, _is_web(visit.referrer)),
        ("Pages seen", f"{visit.pageviews} by all of them", False),
    ]
    return [fact for fact in facts if fact[1]]


def list_source(visit: Visit) -> list[tuple[str, str]]:
    """The source in all its parts."""
    click = f"{visit.click_id_name} {visit.click_id}" if visit.click_id else ""
    parts = [
        ("Channel", words.channel_words(visit.channel)),
        ("Marker", visit.marker),
        ("Levels", " / ".join(visit.source_levels) if len(visit.source_levels) > 1 else ""),
        ("utm_source", visit.utm_source),
        ("utm_medium", visit.utm_medium),
        ("utm_campaign", visit.utm_campaign),
        ("utm_term", visit.utm_term),
        ("utm_content", visit.utm_content),
        ("Click id", click),
    ]
    return [(name, value) for name, value in parts if value]


def _deed(sign: Intent) -> str:
    return f"{_INTENTS.get(sign.kind, sign.kind)} {sign.address or 'the address'}"


def list_path(pages: Iterable[Pageview], signs: Iterable[Intent], most: int = 40) -> list[Step]:
    """The visitor's way to the letter, in order."""
    steps = [Step(one.seen_at, one.title, one.page, False) for one in pages]
    steps += [Step(one.seen_at, _deed(one), "", True) for one in signs]
    return sorted(steps, key=lambda step: step.at)[:most]


def deal_words(row: HistoryRow) -> str:
    """Number, status and worth of the letter's deal in one line; "" when there is none."""
    return " · ".join(filter(None, [row.deal_number, row.deal_status, money_words(row.deal_value, row.deal_currency)]))


def list_posted(
    deliveries: Iterable[Delivery], endpoints: Iterable[Endpoint], attempts: dict[int, list[Attempt]], now: datetime
) -> list[Posted]:
    """Each delivery in words."""
    by_id = {one.id: one for one in endpoints}
    return [_posted(one, by_id.get(one.endpoint_id), attempts.get(one.id, []), now) for one in deliveries]


def _posted(one: Delivery, endpoint: Endpoint | None, attempts: list[Attempt], now: datetime) -> Posted:
    status, kind = _DELIVERY.get(one.status, (one.status, ""))
    waiting = one.status == "pending"
    return Posted(
        id=one.id,
        url=endpoint.url if endpoint else "an endpoint that was removed",
        status=status,
        kind=kind,
        words=_posted_words(one, endpoint, attempts, now),
        next_at=one.next_at if waiting and one.next_at > now and attempts else None,
        resendable=endpoint is not None and one.status != "cancelled",
        attempts=tuple(reversed(attempts)),
    )


def _posted_words(one: Delivery, endpoint: Endpoint | None, attempts: list[Attempt], now: datetime) -> str:
    tries = f"{one.attempts} attempt{'' if one.attempts == 1 else 's'}"
    if one.status == "delivered":
        return f"Accepted after {tries}"
    if one.status == "exhausted":
        return f"Given up after {tries}: resend it when the receiver is well again"
    if one.status == "cancelled":
        return "Called off, because its endpoint was removed"
    if endpoint is not None and endpoint.status != "enabled":
        return f"Waits until the endpoint is enabled again; it is {endpoint.status} now"
    if not attempts or one.next_at <= now:
        rests = endpoint is not None and endpoint.quiet_until is not None and endpoint.quiet_until > now
        if endpoint is not None and rests and endpoint.failures:
            return f"Waits: the endpoint has failed {endpoint.failures} times in a row and rests before the next try"
        return "Waits for its turn: the endpoint takes no more just now" if rests else "On its way"
    last = attempts[-1]
    return f"{tries} failed, the last with {last.status_code or last.error or 'no answer'}"


def list_about(detail: MessageDetail, mailbox: str) -> list[tuple[str, str]]:
    """What helps to find the letter elsewhere, or to see why it looks odd."""
    row = detail.row
    facts = [
        ("Number here", str(row.id)),
        ("Mailbox", mailbox),
        ("Folder", row.folder_kind),
        ("UID", str(detail.uid)),
        ("Size", words.size(row.size) + (", cut off at the limit" if row.truncated else "")),
        ("Message-ID", detail.message_id or "none"),
        ("Answers", detail.in_reply_to or ""),
        ("Thread", "first letter" if row.first_of_thread else "a later letter"),
        ("Automatic", row.automatic),
        ("Defects", ", ".join(detail.defects)),
    ]
    return [fact for fact in facts if fact[1]]


def why_not_posted(detail: MessageDetail, endpoints: Sequence[Endpoint]) -> str:
    """Why no webhook was told of this letter."""
    if not endpoints:
        return "No webhook is set up, so no CRM was told of this letter."
    row = detail.row
    if row.status == "arriving":
        return "Not posted yet: the rest of the letter is still on its way from the mail server."
    if row.historic:
        return "Not posted: it came before its mailbox was connected. The setup page sends such letters when asked to."
    if row.automatic and not any(one.automatic for one in endpoints):
        return "Not posted: it is automatic mail, which no endpoint asks for."
    if row.folder_kind == "junk" and not any(one.junk for one in endpoints):
        return "Not posted: it was found in Junk, and no endpoint asks for such letters."
    if row.visit_id is None and all(one.which in WITH_VISIT for one in endpoints):
        return "Not posted: it has no visit, and the endpoints ask for matched letters only."
    if not row.first_of_thread and all(one.which in OF_THREAD for one in endpoints):
        return "Not posted: it is a later letter of its thread, and the endpoints ask for the first only."
    return "Not posted to any endpoint."


def _is_web(url: str) -> bool:
    """Only what is surely a page becomes a link: a visitor's browser told us, and it can tell anything."""
    return url.startswith(("http://", "https://"))


def list_moments(detail: MessageDetail) -> list[tuple[str, datetime]]:
    """Moments worth knowing beside the arrival."""
    found = [("Written", detail.row.written_at), ("Stored", detail.stored_at), ("Matched", detail.matched_at)]
    return [(name, at) for name, at in found if at is not None]
