"""Bounces written for people alone, as qmail and old servers send them: which addresses they are about. Pure.

Of real bounces nearly half say nothing to machines. Their words tell an address well (found in four of five) and its
fate badly (half of the "permanent" ones are not), so that the address is all that is answered for. What only might be a
bounce is none: absence notices, warnings that a letter waits, receipts, and letters of people about bounces.
"""

from __future__ import annotations

import re

from wherefrom.addresses import Address, find_address
from wherefrom.mail.letter import Letter

_MOST_READ = 20_000
_MOST_FOUND = 20
_WRITER = re.compile(r"mail(?:er)?[-_.]?daemon|postmaster|mail[-_.]?(?:delivery|system)|bounces?", re.IGNORECASE)
_SUBJECT = re.compile(
    r"undeliver|failure notice|returned mail|delivery (?:has )?fail|delivery status|delivery notification|mail delivery"
    r"|returning message|delivery problem|not (?:be )?delivered|unzustellbar|nicht zugestellt|unzustellbarkeit"
    r"|non (?:remis|distribu)|échec|no se (?:ha )?(?:pudo|podido) entregar|no entregado"
    r"|mancat[ao] (?:recapito|consegna)"
    r"|não (?:foi )?entregue|niedostarcz|onbestelbaar|недостав|не\s?доставлен|невозможно доставить|退信|配信不能"
    r"|配信できません|送信できません",
    re.IGNORECASE,
)
_WAITING = re.compile(
    r"delayed|still (?:being )?(?:trying|retried|attempt)|will (?:keep )?(?:be )?(?:retr|try)|not yet been delivered"
    r"|has not been delivered yet|warning\b.{0,40}(?:only|message)|temporar|no action is required"
    r"|do not (?:need to )?resend"
    r"|verzögert|noch nicht zugestellt|weitere zustellversuche|retard|retrasad|ritardo|задерж|отложен|будет повторена",
    re.IGNORECASE | re.DOTALL,
)
_CHALLENGE = re.compile(
    r"confirm (?:that )?you|verify (?:that )?you|whitelist|approve|click (?:here|the link|on the link)|captcha",
    re.IGNORECASE,
)
_COPY = re.compile(
    r"^[ \t>]*+-{2,}+[^\n]{0,80}"
    r"(?:copy of|header of|original message|returned message|message (?:text )?follows|below this)"
    r"|^-{3,} ?(?:forwarded|исходное|ursprüngliche)",
    re.IGNORECASE | re.MULTILINE,
)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_FATE = re.compile(
    r"\b[45]\d\d[ -]|user unknown|unknown user|no such (?:user|address|mailbox)|does not exist|doesn't exist|not found"
    r"|permanent|fatal error|could not be delivered|couldn't be delivered|unable to deliver|undeliverable|giving up"
    r"|mailbox (?:is )?(?:full|unavailable|disabled)|not exist|no mailbox|not able to deliver|address(?:es)? failed"
    r"|quota|no longer valid|not been delivered|#5\.\d\.\d|unbekannt|existiert nicht|nicht zugestellt"
    r"|не существует|не найден|неизвест|недоступ|inconnu|n'existe pas|desconocid|no existe|sconosciut|nie istnieje",
    re.IGNORECASE,
)


def find_bounced(letter: Letter) -> tuple[Address, ...]:
    """The addresses that ``letter`` says it could not be delivered to; none when it is no bounce for certain."""
    if letter.automatic == "auto-reply":
        return ()
    certain = letter.automatic in ("report", "null-return-path", "auto-submitted")
    sender = letter.from_
    written_by = "" if sender is None else f"{sender.name} {sender.address.local if sender.address else ''}"
    text = letter.text[:_MOST_READ]
    copy = _COPY.search(text)
    told = text[: copy.start()] if copy else text
    if not (_WRITER.search(written_by) and _FATE.search(told) and (certain or _SUBJECT.search(letter.subject))):
        return ()
    if any(one.search(letter.subject) or one.search(told) for one in (_WAITING, _CHALLENGE)):
        return ()
    return _addresses(told, letter)


def _addresses(told: str, letter: Letter) -> tuple[Address, ...]:
    """But for those of the letter itself, which such texts like to name."""
    own = {one.address.key for one in letter.recipients}
    if letter.from_ is not None and letter.from_.address is not None:
        own.add(letter.from_.address.key)
    read = (find_address(one.rstrip(".")) for one in _ADDRESS.findall(told))
    found = {one.key: one for one in read if one is not None and one.key not in own}
    return tuple(found.values())[:_MOST_FOUND]
