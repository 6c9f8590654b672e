"""How a site's sending account stands, in words and colours. But for ``read_sending`` pure: values in, values for the
template out. Its forms are in ``sending.py``.

Whether bounces are ever read can only be guessed: a mailbox is known by its user name, and what else arrives there its
server does not tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from wherefrom.addresses import Address, find_address, parse_address
from wherefrom.console.words import sentence
from wherefrom.db import Tx
from wherefrom.inbox.store.mailboxes import Mailbox
from wherefrom.outbound.sender import USUAL_PORTS
from wherefrom.outbound.sender_trial import Step
from wherefrom.outbound.store.outgoing import Queue, count_queue
from wherefrom.outbound.store.senders import Sender, find_sender
from wherefrom.substitution.target import Target

_STATUS = {"new": ("not tried yet", "warn"), "working": ("works", "good"), "failing": ("stopped", "bad")}
_SECURITY = {"tls": "TLS", "starttls": "STARTTLS", "none": "not encrypted"}
_STEPS = {"connect": "Connection", "login": "Log-in", "sender": "From address", "dkim": "DKIM record"}
_SEPARATORS = "+-=."


class Sending(Struct, frozen=True):
    """The account (None: there is none), its chip, and particulars. ``port`` is "" where it is the usual one.
    ``next_at``: nothing is tried before; ``bounce_hint`` "": nothing speaks against bounces being read."""

    account: Sender | None
    status: str
    kind: str
    details: tuple[str, ...]
    waiting: str
    waiting_since: datetime | None
    next_at: datetime | None
    port: str
    bounce_hint: str


class TrialStep(Struct, frozen=True):
    """A step as the template of diagnoses wants it; here all that are shown were tried."""

    ok: bool
    detail: str
    hint: str
    skipped: bool = False


class Trial(Struct, frozen=True):
    """What a test of the account found; the steps with their names in words."""

    ok: bool
    steps: tuple[tuple[str, TrialStep], ...]
    partly: bool = False


async def read_sending(
    tx: Tx, site_id: int, now: datetime, mailboxes: Sequence[Mailbox], targets: Sequence[Target]
) -> Sending:
    """As it stands now."""
    return describe(await find_sender(tx, site_id), await count_queue(tx, site_id), now, mailboxes, targets)


def describe(
    account: Sender | None, queue: Queue, now: datetime, mailboxes: Iterable[Mailbox], targets: Iterable[Target]
) -> Sending:
    """The account and its queue in words."""
    waiting = f"{queue.waiting} letter{' waits' if queue.waiting == 1 else 's wait'}" if queue.waiting else ""
    if account is None:
        return Sending(None, "none", "warn" if waiting else "", (), waiting, queue.oldest_at, None, "", "")
    status, kind = _STATUS[account.status]
    quiet = account.quiet_until if account.quiet_until is not None and account.quiet_until > now else None
    return Sending(
        account=account,
        status=status,
        kind=kind,
        details=tuple(_details(account, limited=quiet is not None and account.status != "failing")),
        waiting=waiting,
        waiting_since=queue.oldest_at,
        next_at=quiet if waiting or account.status == "failing" else None,
        port="" if account.port == USUAL_PORTS[account.security] else str(account.port),
        bounce_hint=bounce_hint(account, mailboxes, targets),
    )


def _details(one: Sender, *, limited: bool) -> list[str]:
    user = f"{one.username} at " if one.username else ""
    trust = ", trusting the certificates of a file on the service’s machine" if one.ca_file else ""
    named = f"{one.from_name} <{one.from_address}>" if one.from_name else one.from_address
    back = f"Bounces return to {one.bounce_address}, with a sign of the letter in each"
    details = [
        f"{user}{one.host}:{one.port}, {_SECURITY[one.security]}{'' if one.username else ', without log-in'}{trust}",
        f"Letters are from {named}" + (f", at most {one.per_hour} an hour" if one.per_hour else ""),
        back if one.bounce_address else f"Bounces return to {one.from_address}, without a sign of the letter",
    ]
    if one.status == "failing":
        details[:0] = [
            f"Stopped because: {one.status_detail}",
            *([sentence(one.status_hint)] if one.status_hint else []),
        ]
    elif limited:
        details.insert(0, "As many letters as are allowed an hour have gone: the others wait for their turn")
    return details


def bounce_hint(account: Sender, mailboxes: Iterable[Mailbox], targets: Iterable[Target]) -> str:
    """Why bounces may never be read, as far as user names and addresses on the pages tell; "" when one of them fits."""
    address = account.bounce_address or account.from_address
    read = [one for one in mailboxes if one.enabled]
    if not read:
        return f"No mailbox is read, so no bounce is ever seen. Connect the one in which letters to {address} arrive."
    place = parse_address(address)  # it was checked when it was set
    names = {_name(one.username) for one in read}
    on_pages = {one.address.lower() for one in targets if one.enabled}
    domains = {one.domain for one in targets if one.enabled and one.strategy == "catchall" and one.domain}
    if _keys(place) & (names | on_pages) or place.host in domains:
        return ""
    return (
        f"By their user names, none of the mailboxes that are read is that of {address}. Bounces are read only if its "
        "letters arrive in one of them all the same, as those of an alias do. If not, connect its mailbox, or let "
        "letters be forwarded."
    )


def _keys(address: Address) -> set[str]:
    """Of the mailboxes whose letters to ``address`` are: itself, without its separator, and without what is behind a
    plus; and what servers call them that know no hosts."""
    local = address.local.lower()
    locals_ = {local, local.rstrip(_SEPARATORS), local.partition("+")[0]}
    return {f"{one}@{address.host}" for one in locals_} | locals_


def _name(username: str) -> str:
    address = find_address(username)
    return username.lower() if address is None else address.key


def make_trial(steps: Sequence[Step]) -> Trial:
    """The steps in words. The record to publish stands on the page already."""
    return Trial(
        all(one.ok for one in steps),
        tuple((_STEPS[one.name], TrialStep(one.ok, one.detail, _hint(one))) for one in steps),
    )


def _hint(one: Step) -> str:
    if one.name == "dkim" and one.hint.startswith("publish: "):
        return "publish the record that is shown below; until the world knows it, hours may pass"
    return one.hint
