"""The addresses in letters: who held them, and which are the site's own. Asked for many letters at once.

What is asked here are rows that no letter changes, so it is the same for a letter whether it is asked before the
letters ahead of it are written or after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from wherefrom.addresses import find_address
from wherefrom.db import Tx
from wherefrom.inbox.store import mailboxes
from wherefrom.mail.letter import Letter
from wherefrom.substitution.code import recognise
from wherefrom.substitution.store import Holder, find_holders, list_pool_keys, list_targets
from wherefrom.substitution.target import Target

_HISTORY = timedelta(days=60)
_QUOTED_TEXT = 100_000
_MOST_QUOTED = 50
_ADDRESS = re.compile(r"[^\s<>()\[\],;:\"'@]{1,64}@[A-Za-z0-9.-]{1,253}")


class Addressed(Struct, frozen=True):
    """Of one letter; addresses are in lower case.

    ``trust``: its recipients, the most trusted first. ``quoted``: coded addresses in its text. ``holders``: who held
    any of them, the oldest first; of pools those of the last 60 days. ``pools``: recipients and senders that are in a
    pool of the site. ``own``: the site's targets, pools and accounts.
    """

    targets: Sequence[Target]
    trust: Mapping[str, int]
    quoted: Sequence[str]
    holders: Sequence[Holder]
    pools: frozenset[str]
    own: frozenset[str]


async def look_up(tx: Tx, site_id: int, letters: Sequence[tuple[Letter, datetime]]) -> list[Addressed]:
    """Of each of the site's letters, given with the time of its arrival."""
    targets = await list_targets(tx, site_id)
    named = [(trust := recipient_trust(letter), _quoted(letter.text, trust, targets)) for letter, _ in letters]
    since = [arrived_at - _HISTORY for _, arrived_at in letters]
    asked = {key for trust, quoted in named for key in (*trust, *quoted)}
    held: dict[str, list[Holder]] = {}
    for one in await find_holders(tx, site_id, asked, since=min(since, default=None)):
        held.setdefault(one.address.lower(), []).append(one)
    senders = [_senders(letter) for letter, _ in letters]
    asked = {key for (trust, _), written_by in zip(named, senders, strict=True) for key in (*trust, *written_by)}
    pools = await list_pool_keys(tx, site_id, asked)
    own = frozenset(one.key for one in targets) | await mailboxes.list_usernames(tx, site_id)
    found = []
    for (trust, quoted), written_by, begun in zip(named, senders, since, strict=True):
        here = pools & {*trust, *written_by}
        holders = _oldest_first(one for key in dict.fromkeys((*trust, *quoted)) for one in held.get(key, ()))
        recent = [one for one in holders if one.strategy != "pool" or one.last_seen_at >= begun]
        found.append(Addressed(targets, trust, quoted, recent, here, own | here))
    return found


def recipient_trust(letter: Letter) -> dict[str, int]:
    """The letter's recipients in lower case, the most trusted first, with the best trust of each."""
    found: dict[str, int] = {}
    for recipient in letter.recipients:
        key = recipient.address.key
        found[key] = max(recipient.trust, found.get(key, 0))
    return found


def _quoted(text: str, trust: Mapping[str, int], targets: Sequence[Target]) -> list[str]:
    """Coded addresses in the text that are no recipients, each once."""
    if "@" not in text:  # most have none, and the pattern tries every letter
        return []
    hits = (find_address(hit.rstrip(".")) for hit in _ADDRESS.findall(text[:_QUOTED_TEXT]))
    keys = dict.fromkeys(hit.key for hit in hits if hit is not None)
    return [key for key in keys if key not in trust and recognise(targets, key) == "coded"][:_MOST_QUOTED]


def _senders(letter: Letter) -> list[str]:
    parties = (letter.from_, letter.reply_to)
    return [party.address.key for party in parties if party is not None and party.address is not None]


def _oldest_first(holders: Iterable[Holder]) -> list[Holder]:
    return sorted(holders, key=lambda one: (one.leased_at, one.lease_id))
