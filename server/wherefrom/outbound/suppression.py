"""Addresses that are not to be mailed, as values (feature I04).

    a person says so (POST /u/…), a complaint, a person at the owner's ─▶ active ──undone, by whom and when──▶ past

``unsubscribed`` is what a person wants; the other reasons are what the owner had better not do. Rows are never removed:
what was undone stays there as the account of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from wherefrom.errors import Unprocessable

Reason = Literal["unsubscribed", "complained", "manual"]
ALL = ""
"""The scope of all mail; any other is the name of one list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """``scope`` is a list's name or ALL; ``send_id`` the letter it came by; ``undone_by`` "person", or the key's id as
    "key 7"."""

    site_id: int
    id: int
    email: str
    scope: str
    reason: Reason
    detail: str
    send_id: int | None
    created_at: datetime
    undone_at: datetime | None = None
    undone_by: str = ""


def refusal(one: Suppression) -> Unprocessable:
    """The error for a send that ``one`` forbids."""
    what = {
        "unsubscribed": "does not want this mail any more",
        "complained": "reported mail of this site as spam",
        "manual": "is not to be mailed",
    }[one.reason]
    scope = f"of the list “{one.scope}”" if one.scope else "of any list"
    return Unprocessable(
        f"{one.email} {what}: no letter {scope} may be sent (since {one.created_at:%Y-%m-%d})",
        hint="leave this person out; if they want mail again: POST …/suppressions/ID/undo",
        suppression=str(one.id),
        reason=one.reason,
        scope=one.scope,
    )
