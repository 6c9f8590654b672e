"""How a site's setup stands, in words and colours. Pure: values in, values for the template out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from msgspec import Struct

from wherefrom.console.words import sentence
from wherefrom.errors import WherefromError
from wherefrom.inbox.server_folders import ServerFolder
from wherefrom.inbox.store.mailboxes import Mailbox
from wherefrom.mail.diagnosis import Diagnosis, Step
from wherefrom.substitution.target import Target
from wherefrom.substitution.use import PoolUse
from wherefrom.webhooks.breaker import breaker_state
from wherefrom.webhooks.endpoint import LETTER, Endpoint, EventName

_MAILBOX = {
    "new": ("not tried yet", "warn"),
    "connecting": ("connecting", "warn"),
    "ok": ("reading", "good"),
    "login_failed": ("log-in refused", "bad"),
    "connect_again": ("connect again", "bad"),
    "tls_failed": ("TLS failed", "bad"),
    "unreachable": ("cannot be reached", "bad"),
    "failed": ("failed", "bad"),
}
_SECURITY = {"tls": "TLS", "starttls": "STARTTLS", "none": "not encrypted"}
_ENDPOINT = {
    "enabled": ("on", "good"),
    "paused": ("paused", "warn"),
    "gone": ("off: the receiver said 410 Gone", "bad"),
    "failed": ("off: failed for days", "bad"),
}
_WHICH = {
    "matched": "letters with a visit",
    "all": "all letters",
    "first": "the first letter of each thread",
    "matched_first": "the first letter of each thread, when it has a visit",
}
EVENT_WORDS: dict[EventName, str] = {
    LETTER: "A letter came",
    "send.delivered": "Delivered",
    "send.failed": "Not handed over",
    "send.bounced": "Bounced",
    "send.opened": "Opened, the first time",
    "send.clicked": "Clicked, the first time",
    "send.unsubscribed": "Unsubscribed",
    "send.complained": "Reported as spam",
}
"""What an endpoint may be told of, as the form has it."""

_STEPS = {
    "token": "Token",
    "dns": "Name",
    "tcp": "Connection",
    "tls": "TLS",
    "login": "Log-in",
    "folder": "Folder",
    "capabilities": "Abilities",
    "idle": "IDLE",
    "probe": "Round trip",
}
_DROPS = {
    "bot": "Bots and crawlers, by their user agent",
    "webdriver": "Browsers run by programs",
    "no_consent": "Pages shown to visitors who have not agreed: the real address stood",
    "site_off": "Pages shown while the site was switched off",
    "foreign_origin": "Requests from pages of other hosts",
    "foreign_page": "Pages on hosts that are not listed",
    "oversized": "Requests beyond the size limit",
    "bad_json": "Requests that could not be read",
    "unknown_site": "Requests with an unknown site key",
    "bad_token": "Signs of visits that are not known",
    "too_often": "Visits and signs beyond what the settings allow a minute",
    "unavailable": "Requests while the service was too busy",
}


class Result(Struct, frozen=True):
    """A diagnosis and whose it is; ``steps`` with their names in words. ``partly``: good, but not all was tried."""

    mailbox_id: int
    ok: bool
    partly: bool
    steps: tuple[tuple[str, Step], ...]


class Chart(Struct, frozen=True):
    """Bars for the hours of some days: heights from 0 to 1, and whether the pool ran short in that hour. ``words`` say
    the same to those who do not see it."""

    bars: tuple[tuple[float, bool], ...]
    words: str


@dataclass(frozen=True, slots=True)
class Line:
    """A target, mailbox or endpoint: what it is, how it stands (``kind`` is a colour), and particulars."""

    id: int
    name: str
    status: str
    kind: str
    details: tuple[str, ...]
    at: datetime | None = None
    chart: Chart | None = None


@dataclass(frozen=True, slots=True)
class HookLine(Line):
    """A webhook's line. ``enabled``: it is posted to; ``given_up``: how many deliveries are kept for sending again;
    ``events``: what it is told of."""

    enabled: bool = True
    given_up: int = 0
    events: tuple[EventName, ...] = ()


@dataclass(frozen=True, slots=True)
class MailLine(Line):
    """A mailbox's line. ``by_token``: it was connected by signing in at its provider; ``ended``: that has to be done
    again. ``reading``: folders whose old mail is being read, with how many letters are read, of how many; ``tellable``:
    old letters of which no webhook was told."""

    by_token: bool = False
    ended: bool = False
    reading: tuple[tuple[str, int, int], ...] = ()
    tellable: int = 0


class FolderForm(Struct, frozen=True):
    """The folders to choose from for a mailbox; ``left_out``: how many more there are. ``problem``: why there is no
    choice, or why it was refused."""

    mailbox_id: int
    folders: tuple[ServerFolder, ...]
    left_out: int
    problem: WherefromError | None = None


class Need(Struct, frozen=True):
    """One of the four things a working site needs. ``state``: done, open or wrong."""

    number: int
    name: str
    words: str
    state: str
    anchor: str


def make_result(mailbox_id: int, diagnosis: Diagnosis) -> Result:
    """The diagnosis in words."""
    partly = diagnosis.ok and any(one.skipped for one in diagnosis.steps)
    return Result(
        mailbox_id, diagnosis.ok, partly, tuple((_STEPS.get(one.name, one.name), one) for one in diagnosis.steps)
    )


def target_line(one: Target, pool: Mapping[Any, int]) -> Line:
    """A target with an example of what visitors see; a pool with how full it is."""
    local, _, host = one.address.rpartition("@")
    if one.strategy == "plus":
        details = [f"Visitors see {local}{one.separator}{'CODE' if one.code_form == 'code' else '1042'}@{host}"]
    elif one.strategy == "catchall":
        details = [f"Visitors see {'CODE' if one.code_form == 'code' else 'anna.CODE'}@{one.domain}"]
    else:
        details = [_pool_words(pool)]
        if one.refused:
            details.append(f"{one.refused} times nothing was free and the real address was shown")
        if one.shared:
            details.append(f"{one.shared} times an address that was held was lent again")
    status, kind = ("substituted", "good") if one.enabled else ("off", "")
    if one.strategy == "pool" and one.enabled and not _lendable(pool):
        waits = any(_name(state) == "unverified" and count for state, count in pool.items())
        status, kind = ("waiting for proof", "warn") if waits else ("no address to lend", "bad")
    if one.enabled and one.proof == "waiting":
        status, kind = "waiting for proof", "warn"
        details.append("A letter to one of its codes is on its way; pages show the real address until it is back")
    if one.enabled and one.proof == "lost":
        status, kind = "mail does not arrive", "bad"
        details.append("Letters to its codes do not come back any more; pages show the real address")
    return Line(one.id, one.address, status, kind, tuple(details))


def rest_pool(line: Line) -> Line:
    """The line of a pool while the site knows sources only: nothing of it is lent."""
    words = "Nothing of it is lent: an address that stands for a source is never taken back, so a pool would run dry"
    return replace(line, status="real address stands", kind="warn", details=(*line.details, words))


def with_use(line: Line, use: PoolUse) -> Line:
    """A pool's line with how it was used: what was wanted, what would do, and the hours as bars."""
    days = (use.end - use.begin).days
    told = f"In the last {days} days at most {use.peak} were wanted at one time: {use.advised} addresses would do"
    if use.refused or use.shared:
        told += f"; {use.refused + use.shared} visits found nothing free"
    most = max([use.size, use.peak, 1])
    bars = tuple((min(hour.peak / most, 1.0), bool(hour.refused or hour.shared)) for hour in use.hours)
    short = line.kind == "good" and use.is_tight
    return replace(
        line,
        details=(*line.details, told),
        status="too small" if short else line.status,
        kind="warn" if short else line.kind,
        chart=Chart(bars, f"Addresses out in each of the last {len(bars)} hours, of {use.size}"),
    )


def _pool_words(pool: Mapping[Any, int]) -> str:
    counts = {_name(status): count for status, count in pool.items()}
    total = sum(counts.values())
    parts = [f"{counts[name]} {name}" for name in ("free", "leased", "cooling", "unverified", "retired")
             if counts.get(name)]  # fmt: skip
    return f"Pool of {total}" + (f": {', '.join(parts)}" if parts else "")


def _name(status: Any) -> str:
    return str(getattr(status, "value", status))


def _lendable(pool: Mapping[Any, int]) -> bool:
    counts = {_name(status): count for status, count in pool.items()}
    return any(counts.get(name) for name in ("free", "leased", "cooling"))


def mailbox_line(one: Mailbox, tellable: int = 0) -> MailLine:
    """A mailbox, how its connection stands, and how far old mail is read."""
    status, kind = _MAILBOX.get(one.status, (one.status, "")) if one.enabled else ("off", "")
    folders = ", ".join("Junk" if folder.name == "\\Junk" else folder.name for folder in one.folders)
    details = [f"{one.username} at {one.host}:{one.port}, {_SECURITY[one.security]}, reads {folders or 'no folder'}"]
    if one.enabled and one.status_detail:
        details.insert(0, sentence(one.status_detail))
    by_token = not one.password
    ended = by_token and one.status == "connect_again"
    reading = tuple(
        ("Junk" if folder.name == "\\Junk" else folder.name, folder.backlog_read, folder.backlog_letters)
        for folder in one.folders
        if one.enabled and (folder.is_behind or (folder.since != "new" and not folder.baselined))
    )
    shown = tuple(details)
    return MailLine(one.id, one.name, status, kind, shown, one.checked_at, None, by_token, ended, reading, tellable)


def signed_in(line: MailLine, provider: str) -> MailLine:
    """The line of a mailbox that is read by what ``provider`` granted."""
    return replace(line, details=(*line.details, f"Signed in at {provider}, so no password is kept"))


def endpoint_line(one: Endpoint, waiting: int, given_up: int, now: datetime) -> HookLine:
    """A webhook, how it stands, how much waits for it, and how much was given up."""
    status, kind = _ENDPOINT.get(one.status, (one.status, ""))
    if one.status == "enabled" and one.failing_since:
        status, kind = "failing", "bad"
    details = [_told_words(one)]
    if one.status_reason:
        details.insert(0, sentence(one.status_reason))
    elif one.status == "enabled" and breaker_state(one.failures, one.quiet_until, now) != "closed":
        details.insert(
            0, f"Failed {one.failures} times in a row: it is tried with one letter at a time, and then rests"
        )
    if waiting:
        details.append(f"{waiting} deliver{'y waits' if waiting == 1 else 'ies wait'}")
    if given_up:
        details.append(f"{given_up} deliver{'y was' if given_up == 1 else 'ies were'} given up and kept")
    if one.previous_until is not None and one.previous_until > now:
        details.append("The secret was changed: the old one signs beside the new one for a while")
    at = one.status_at if one.status in ("gone", "failed") else one.failing_since
    on = one.status == "enabled"
    return HookLine(one.id, one.url, status, kind, tuple(details), at, None, on, given_up, one.events)


def _told_words(one: Endpoint) -> str:
    """What goes there, and how."""
    letters = [_letters_words(one)] if LETTER in one.events else []
    sends = ", ".join(EVENT_WORDS[name].lower() for name in one.events if name != LETTER)
    told = "; ".join([*letters, *([f"of sends: {sends}"] if sends else [])])
    return f"Format {one.format}, {told}" + (f", at most {one.per_minute} a minute" if one.per_minute else "")


def _letters_words(one: Endpoint) -> str:
    """Which letters go there."""
    also = [words for words, goes in (("automatic ones", one.automatic), ("those in Junk", one.junk)) if goes]
    return _WHICH[one.which] + (f", also {' and '.join(also)}" if also else "")


def sum_drops(counts: Iterable[Any]) -> list[tuple[str, int]]:
    """Drop counts of several days by reason in words, the most frequent first."""
    found: dict[str, int] = {}
    for one in counts:
        name = _DROPS.get(one.reason, one.reason)
        found[name] = found.get(name, 0) + one.count
    return sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))


def list_needs(
    seen_at: datetime | None, targets: Sequence[Target], mailboxes: Sequence[Mailbox], endpoints: Sequence[Endpoint]
) -> list[Need]:
    """The way to a working site."""
    boxes = [one for one in mailboxes if one.enabled]
    bad_box = any(_MAILBOX.get(one.status, ("", "bad"))[1] == "bad" for one in boxes)
    bad_hook = any(one.status in ("gone", "failed") or one.failing_since for one in endpoints)
    on = [one for one in targets if one.enabled]
    return [
        Need(1, "Script", "seen on a page" if seen_at else "not seen yet", "done" if seen_at else "open", "script"),
        Need(2, "Addresses", f"{len(on)} substituted" if on else "none yet", "done" if on else "open", "addresses"),
        _need(3, "Mailboxes", boxes, bad_box, "mailboxes"),
        _need(4, "Webhooks", endpoints, bad_hook, "webhooks"),
    ]


def _need(number: int, name: str, there: Sequence[Any], bad: bool, anchor: str) -> Need:
    if bad:
        return Need(number, name, "needs attention", "wrong", anchor)
    return Need(number, name, f"{len(there)} connected" if there else "none yet", "done" if there else "open", anchor)
