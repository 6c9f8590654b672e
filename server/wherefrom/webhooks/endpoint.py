"""An endpoint: where a site's events are posted, in which form, and which of them.

    enabled ⇄ paused            by a person
    enabled → gone              the receiver answered 410
    enabled → failed            five days of failure
    gone, failed → enabled      by a person

While an endpoint is not enabled its deliveries are still made, and wait: enabling it sends them. One that is not
wanted any more is removed, and with it what waits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct

from wherefrom.errors import BadInput
from wherefrom.events.snapshots import MessageReceived

Format = Literal["standard", "roistat"]
EventName = Literal[
    "message.received",
    "send.delivered",
    "send.failed",
    "send.bounced",
    "send.opened",
    "send.clicked",
    "send.unsubscribed",
    "send.complained",
]
"""What an endpoint may be told of; all other events are told in the console alone."""

EVENT_NAMES: tuple[EventName, ...] = get_args(EventName)
Which = Literal["matched", "all", "first", "matched_first"]
WITH_VISIT: tuple[Which, ...] = ("matched", "matched_first")
OF_THREAD: tuple[Which, ...] = ("first", "matched_first")
LETTER: EventName = "message.received"
Attachments = Literal["objects", "urls"]
Status = Literal["enabled", "paused", "gone", "failed"]


class Endpoint(Struct, frozen=True):
    """One row, without its secrets.

    ``events``: what is told, in the order of ``EVENT_NAMES``; what follows up to ``junk`` is about letters.

    ``which``: letters with a visit, all, the first of each thread (with a visit or not), or both. ``automatic`` and
    ``junk`` say whether automatic mail and letters found in Junk go too. ``attachments``: in format ``roistat``,
    objects or plain URLs. ``deal_path``: see ``deal.py``. ``status_at``: when the status last changed.
    ``failing_since``: nothing was accepted since this failure; else None; ``failures`` in a row since then.
    ``quiet_until``: nothing is started before (see ``breaker.py``). ``per_minute``: posts started a minute at most,
    None for no limit. ``previous_until``: the secret was changed, and the old one signs beside the new one until then.
    """

    site_id: int
    id: int
    url: str
    format: Format
    which: Which
    automatic: bool
    junk: bool
    attachments: Attachments
    deal_path: str
    status: Status
    status_reason: str
    failing_since: datetime | None
    created_at: datetime
    status_at: datetime | None = None
    failures: int = 0
    quiet_until: datetime | None = None
    per_minute: int | None = None
    previous_until: datetime | None = None
    events: tuple[EventName, ...] = (LETTER,)


def choose_events(chosen: Iterable[EventName], format: Format) -> tuple[EventName, ...]:
    """What an endpoint of ``format`` is to be told, each once. BadInput for nothing, and for what the format cannot
    say."""
    wanted: Collection[EventName] = set(chosen)
    events = tuple(one for one in EVENT_NAMES if one in wanted)
    if not events:
        raise BadInput(
            "no event is chosen, so nothing would ever be posted",
            hint=f"choose some of {', '.join(EVENT_NAMES)}; or pause the endpoint",
            field="events",
        )
    foreign = [one for one in events if one != LETTER]
    if format == "roistat" and foreign:
        raise BadInput(
            f"format roistat has names for received letters alone, and none for {', '.join(foreign)}",
            hint=f"choose {LETTER} alone, or format standard; a second endpoint may take the rest",
            field="events",
        )
    return events


def wants(endpoint: Endpoint, letter: MessageReceived) -> bool:
    """Whether this letter is posted to this endpoint."""
    message = letter.message
    if message.historic and not message.released:
        return False
    if message.automatic and not endpoint.automatic:
        return False
    if message.folder_kind == "junk" and not endpoint.junk:
        return False
    if message.moved_from_junk and endpoint.junk:
        return False  # it was posted when it was in Junk
    if letter.visit is None and endpoint.which in WITH_VISIT:
        return False
    return message.first_of_thread or endpoint.which not in OF_THREAD
