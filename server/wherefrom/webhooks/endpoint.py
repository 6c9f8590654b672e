"""An endpoint: where a site's letters are posted, in which form, and which of them.

    enabled ⇄ paused            by a person
    enabled → gone              the receiver answered 410
    enabled → failed            five days of failure
    gone, failed → enabled      by a person

While an endpoint is not enabled its deliveries are still made, and wait: enabling it sends them. One that is not
wanted any more is removed, and with it what waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from wherefrom.events.snapshots import MessageReceived

Format = Literal["standard", "roistat"]
Which = Literal["matched", "all", "first", "matched_first"]
WITH_VISIT: tuple[Which, ...] = ("matched", "matched_first")
OF_THREAD: tuple[Which, ...] = ("first", "matched_first")
Attachments = Literal["objects", "urls"]
Status = Literal["enabled", "paused", "gone", "failed"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row, without its secrets.

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
