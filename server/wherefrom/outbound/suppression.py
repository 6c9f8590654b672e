"""Addresses that are not to be mailed, as values (feature I04).

    a person says so (POST /u/…), a complaint, a hard bounce, a person at the owner's
        └─▶ active, since when and by whom ──undone, when and by whom──▶ past

``unsubscribed`` is what a person wants; the other reasons are what the owner had better not do. Each reason stands for
itself: who takes back an unsubscription has not taken back a complaint. Rows are never removed: they are the account of
what was decided (``Change``).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Literal, get_args

from msgspec import Struct

from wherefrom.errors import Unprocessable

Reason = Literal["unsubscribed", "complained", "bounced", "manual"]
REASONS: tuple[Reason, ...] = get_args(Reason)
ALL = ""
"""The scope of all mail; any other is the name of one list."""


class Suppression(Struct, frozen=True, kw_only=True):
    """``scope`` is a list's name or ALL; ``send_id`` the letter it came by. ``created_by`` and ``undone_by``: "person"
    (who got the letter), "mailbox" (a report in it), "server" (that refused the letter), "api" (a notice), or an API
    key as "key 7"."""

    site_id: int
    id: int
    email: str
    scope: str
    reason: Reason
    detail: str
    send_id: int | None
    created_at: datetime
    created_by: str = ""
    undone_at: datetime | None = None
    undone_by: str = ""


class Change(Struct, frozen=True):
    """A suppression that was made or undone: when, and by whom."""

    at: datetime
    by: str
    undone: bool
    of: Suppression


class Flags(Struct, frozen=True):
    """The two flags of an address (I04). ``unsubscribed``: the person wants no mail at all; ``lists`` are those they
    left one by one. ``suppressed``: it is not to be mailed for another reason, which is in ``reasons``."""

    unsubscribed: bool = False
    suppressed: bool = False
    lists: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


def make_flags(active: Collection[Suppression]) -> Flags:
    """The flags that the active suppressions of one address come to. One that is not the person's own will, of a list,
    suppresses that list alone and raises no flag."""
    unsubscribed = sorted({one.scope for one in active if one.reason == "unsubscribed"})
    others = {one.reason for one in active if one.reason != "unsubscribed" and one.scope == ALL}
    return Flags(
        unsubscribed=ALL in unsubscribed,
        suppressed=bool(others),
        lists=tuple(one for one in unsubscribed if one != ALL),
        reasons=tuple(one for one in REASONS if one in others),
    )


def refusal(one: Suppression) -> Unprocessable:
    """The error for a send that ``one`` forbids."""
    what = {
        "unsubscribed": "does not want this mail any more",
        "complained": "reported mail of this site as spam",
        "bounced": "takes no mail: letters came back for good",
        "manual": "is not to be mailed",
    }[one.reason]
    again = "the address takes mail again" if one.reason == "bounced" else "they want mail again"
    scope = f"of the list “{one.scope}”" if one.scope else "of any list"
    return Unprocessable(
        f"{one.email} {what}: no letter {scope} may be sent (since {one.created_at:%Y-%m-%d})",
        hint=f"leave this person out; if {again}: POST …/suppressions/ID/undo",
        suppression=str(one.id),
        reason=one.reason,
        scope=one.scope,
    )
