"""What a refusal says of the address, and when mail to it ends (feature I02). Pure.

A letter that was kept from a person for nothing is worse than one more letter to nobody, so that in doubt nothing ends.

    delivered                          ─▶ DELIVERED
    delayed                            ─▶ WAITING    a letter under way; what becomes of it is told by its own failure
    relayed, expanded, nothing told    ─▶ NOTED      nothing of its fate is certain
    failed, of another mailbox         ─▶ PASSING    a forwarder's target, one member of a group
    failed, 5.1.1 5.1.2 5.1.6 5.4.4    ─▶ HARD       no such mailbox, no such host, it has moved, no way to it
    failed, x.2.2 x.7.x x.6.x …        ─▶ PASSING    full; refused for what the letter or its sender is
    failed, x.1.x x.2.x x.4.x          ─▶ SOFT       of the mailbox or the way to it; so are words that there is nobody;
                                                     three in days, of three letters, make a hard one
    failed, anything else              ─▶ PASSING    why is not said: a block of the sender looks like this, too

Sources: RFC 3463 (the codes), RFC 3464 2.3.3 (the actions), RFC 5321 4.5.4.1 (servers try for four to five days).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from wherefrom.addresses import Address, find_address
from wherefrom.mail.dsn import Action, find_status


class Weight(StrEnum):
    """Closed list, the worst first; the values are stored and shown."""

    HARD = "hard"
    SOFT = "soft"
    PASSING = "passing"
    WAITING = "waiting"
    NOTED = "noted"
    DELIVERED = "delivered"


HARD_CODES = frozenset(("5.1.1", "5.1.2", "5.1.6", "5.4.4"))
SOFT_LIMIT = 3
"""One letter may fail by a server's bad hour, two by its bad day."""
SOFT_SPREAD = timedelta(days=2)
"""Between the first and the last of the three: an outage over a weekend ends nobody's mail, though many letters fail
during it."""
SOFT_WITHIN = timedelta(days=14)
"""What is older says nothing of the mailbox of today."""
QUEUE_LIFE = timedelta(days=5)
"""After this time a letter that was taken by some server, and did not come back, has arrived."""

_ABOUT_THE_LETTER = (6, 7)  # RFC 3463 3.7, 3.8: its content; security and policy, which is to say its sender
_ABOUT_THE_SENDER = frozenset(("1.7", "1.8", "1.9"))
_ABOUT_THE_MAILBOX = (1, 2, 4)  # RFC 3463 3.2, 3.3, 3.5
_FULL = frozenset(("2.2", "2.3", "3.4"))  # the mailbox is full; the letter is larger than is taken
_REFUSED = re.compile(r"\s*5\d\d\b")
_UNSPECIFIC = re.compile(r"[245]\.(\d{1,3})\.0")
_CONTRADICTS = re.compile(
    r"spam|junk|block(?:ed|list)|black-?list|deny ?list|\brbl\b|dnsbl|reputation|polic(?:y|ies)|dmarc|\bspf\b|dkim"
    r"|rate.?limit|too many|gr[ea]y-?list|throttl|quota|mailbox (?:is )?full|over ?limit|full mailbox|storage|temporar"
    r"|try (?:again|later)|again later|relay(?:ing)? (?:access )?denied|relay not permitted|authenticat|virus|content"
    r"|suspicious|verify sender|sender verif|call-?out|переполнен|квот|спам",
    re.IGNORECASE,
)
_NAMES = re.compile(r"https?://\S+|\S+@\S+|[\w-]+(?:\.[\w-]+)+")  # addresses, hosts: what they are called says nothing
_FOR_NOW = re.compile(r"(?:^|said:? )\s*4\d\d\b", re.IGNORECASE)
_NOBODY = re.compile(
    r"no such (?:user|recipient|person|address|mailbox|account)|user unknown|unknown user|user not found|no mailbox"
    r"|nobody|recipient (?:not found|unknown)|unknown recipient|does(?: not|n't) exist|invalid (?:mailbox|recipient)"
    r"|unbekannt|existiert nicht|не существует|не найден|inconnu|n'existe pas|desconocid|no existe"
    r"|sconosciut|nie istnieje",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """``code`` is the enhanced status it goes by, "" for none; ``reason`` in words."""

    weight: Weight
    code: str
    reason: str


def judge(action: Action | None, status: str, diagnostic: str) -> Judgement:
    """What an outcome for the very address of ours says. ``status`` is the Status field's ("5.1.1", "" for none),
    ``diagnostic`` the other server's answer. The two have to agree before anything is hard."""
    answered = find_status(diagnostic)
    code = answered if answered and (not status or _UNSPECIFIC.fullmatch(status)) else status
    if action == "delivered":
        return Judgement(Weight.DELIVERED, code, "it arrived")
    if action == "delayed":
        return Judgement(Weight.WAITING, code, "it waits, and is tried again")
    if action != "failed":
        return Judgement(
            Weight.NOTED, code, f"it was {action}, and nothing more is told" if action else "no fate is told"
        )
    if code in HARD_CODES:
        return _judge_hard(code, answered, diagnostic)
    return _judge_soft(code, diagnostic)


def _judge_hard(code: str, answered: str, diagnostic: str) -> Judgement:
    if answered and answered != code and not _UNSPECIFIC.fullmatch(answered):
        return Judgement(Weight.PASSING, code, f"the report says {code}, the server itself {answered}")
    if found := _FOR_NOW.search(diagnostic) or _CONTRADICTS.search(_NAMES.sub(" ", diagnostic)):
        return Judgement(Weight.PASSING, code, f"the report says {code}, the server itself “{found[0].strip()}”")
    return Judgement(Weight.HARD, code, f"{code}: there is no such mailbox")


def _judge_soft(code: str, diagnostic: str) -> Judgement:
    family, _, rest = code.partition(".")
    subject = int(rest.partition(".")[0]) if rest else 0
    if rest in _FULL:
        return Judgement(Weight.PASSING, code, f"{code}: full, or the letter is too large")
    if subject == 7 and _NOBODY.search(diagnostic) and not _CONTRADICTS.search(_NAMES.sub(" ", diagnostic)):
        return Judgement(Weight.SOFT, code, f"{code}, but the words say that there is nobody")
    if subject in _ABOUT_THE_LETTER or rest in _ABOUT_THE_SENDER:
        return Judgement(Weight.PASSING, code, f"{code}: it is the letter or its sender that was refused")
    if found := _CONTRADICTS.search(_NAMES.sub(" ", diagnostic)):
        return Judgement(Weight.PASSING, code, f"refused with the word “{found[0]}”")
    if subject not in _ABOUT_THE_MAILBOX and not _NOBODY.search(diagnostic):
        return Judgement(Weight.PASSING, code, f"{code or 'no code'}: it is not said why")
    why = "given up for now" if family == "4" else "it failed, and may not the next time"
    return Judgement(Weight.SOFT, code, f"{code or 'no code'}: {why}")


def judge_words(words: str) -> Judgement:
    """What a bounce without a report for machines says: that the letter failed, and at most softly, that there is
    nobody."""
    if (_NOBODY.search(words) or find_status(words) in HARD_CODES) and not _CONTRADICTS.search(_NAMES.sub(" ", words)):
        return Judgement(Weight.SOFT, "", "the letter came back, with the words that there is nobody")
    return Judgement(Weight.PASSING, "", "the letter came back, with words for people alone")


def judge_answer(answer: str) -> Judgement:
    """What a server's answer says while a letter is handed to it. One that was put off until it was given up says
    nothing of the mailbox: the server may be our own."""
    judged = judge("failed", "", answer)
    if judged.weight is Weight.SOFT and not _REFUSED.match(answer):
        return Judgement(Weight.PASSING, judged.code, "it was put off until it was given up")
    return judged


OTHERS = Judgement(Weight.PASSING, "", "it failed for another address, to which it was sent on")
"""Somebody else's mailbox: a forwarder's target or one member of a group. That of ours may well have it."""


def is_hard_by_number(failed_at: Sequence[datetime]) -> bool:
    """Whether soft failures make a hard one. ``failed_at``: of each letter that failed softly since the last one that
    arrived, once, in any order."""
    if not failed_at:
        return False
    last = max(failed_at)
    counted = [one for one in failed_at if last - one <= SOFT_WITHIN]
    return len(counted) >= SOFT_LIMIT and last - min(counted) >= SOFT_SPREAD


def is_same_mailbox(ours: str, told: Sequence[Address]) -> bool:
    """Whether a report is about the address we wrote to: itself, whatever its case; without its ``+detail``, which some
    servers take off; or by a name of its host below ours or above it (``firm.example``, ``mx.firm.example``)."""
    own = find_address(ours)
    return own is not None and any(_is_same(own, one) for one in told)


def _is_same(own: Address, told: Address) -> bool:
    """A detail that is not ours was put there by a rule of the person's, and may lead elsewhere."""
    hosts = sorted((own.host, told.host), key=len)
    related = hosts[0] == hosts[1] or (hosts[1].endswith("." + hosts[0]) and "." in hosts[0])
    local = own.local.lower()
    return related and told.local.lower() in (local, local.partition("+")[0] or local)
