"""Who wrote, for the rule that recognises senders: a person's address, or the reason why there is none.

An own address (the mailbox itself, a target, a substitute) or a role's (noreply, postmaster, …) stands for many people.
A contact form writes with such an address and names the person in Reply-To: then that one counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from wherefrom.mail.letter import Letter

_ROLES = re.compile(
    r"(?:no|do-?not|don-?t)[-_.]?reply.*|.*[-_.]no-?reply|mailer-daemon|postmaster|bounces?(?:[-+_.=].*)?|daemon"
    r"|root|nobody|www|www-data|wordpress|webmaster|hostmaster|abuse|notifications?|alerts?|newsletters?|auto-?reply"
)


def find_sender(letter: Letter, own: Collection[str]) -> tuple[str, str]:
    """(address in lower case, "") of the person who wrote, or ("", why nobody is recognised). ``own`` in lower case."""
    why = "the letter names no sender"
    for party in (letter.from_, letter.reply_to):
        if party is None or party.address is None:
            continue
        key = party.address.key
        if key in own:
            why = f"{key} is an address of this site"
        elif is_role(key):
            why = f"{key} stands for a system or a role, not for a person"
        else:
            return key, ""
    return "", why


def is_role(address: str) -> bool:
    """Whether the local part names a machine or an office rather than a person."""
    return bool(_ROLES.fullmatch(address.rpartition("@")[0].lower()))
