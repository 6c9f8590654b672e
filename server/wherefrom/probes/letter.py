"""A probe letter: how it is written, and how it is known again when it comes back.

It carries a signed token in two places, because services on the way rewrite things: in the Message-ID (some senders
make their own) and in the text (some forwarders wrap it). It says that it is automatic (RFC 3834), so that nobody's
holiday notice answers it. Pure.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from wherefrom import __version__
from wherefrom.mail.letter import Letter
from wherefrom.tokens import Tokens

PURPOSE = "probe"

_SIGNED = r"[A-Za-z0-9_-]{4,64}\.\.[A-Za-z0-9_-]{22}"  # a signed value that does not expire
_IN_ID = re.compile(rf"^({_SIGNED})\.probe@")
_IN_TEXT = re.compile(rf"\bprobe:({_SIGNED})(?![A-Za-z0-9_.-])")
_MOST_TEXT = 100_000


def sign_probe(tokens: Tokens, site_id: int, probe_id: int) -> str:
    """The token of a probe."""
    return tokens.sign(PURPOSE, f"{site_id}/{probe_id}")


def compose_probe(token: str, sender: str, address: str, now: datetime) -> bytes:
    """The letter, ready to be handed in; every line is ASCII and short, so that nothing on the way need wrap it."""
    letter = EmailMessage(policy=SMTP)
    letter["From"] = f"Wherefrom <{sender}>"
    letter["To"] = address
    letter["Subject"] = f"Probe: does mail to {address} arrive?"
    letter["Date"] = format_datetime(now)
    letter["Message-ID"] = f"<{_dotless(token)}.probe@{sender.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Auto-Response-Suppress"] = "All"
    letter["X-Mailer"] = f"Wherefrom/{__version__}"
    letter.set_content(
        "This letter checks that mail to an address of your site arrives.\n"
        "Wherefrom knows it again and keeps it out of the history;\n"
        "you may delete it.\n\n"
        f"probe:{token}\n",
        cte="7bit",
    )
    return letter.as_bytes()


def find_tokens(letter: Letter) -> list[str]:
    """What may be tokens of probes in ``letter``, the best place first; in a bounce also those of the letter it is
    about."""
    found = [hit[1] for hit in [_IN_ID.match(_dotted(letter.message_id or ""))] if hit]
    found += _IN_TEXT.findall(letter.text[:_MOST_TEXT])
    if letter.automatic is not None:
        for one in letter.attachments[:5]:
            if one.size <= _MOST_TEXT:
                found += _IN_TEXT.findall(one.content.decode("ascii", "replace"))
    return list(dict.fromkeys(found))


def read_token(tokens: Tokens, token: str, now: datetime) -> tuple[int, int] | None:
    """Site and probe of a token; None when it is none of ours."""
    value = tokens.verify(PURPOSE, token, now)
    if value is None:
        return None
    site, _, probe = value.partition("/")
    return int(site), int(probe)


def _dotless(token: str) -> str:
    """Two dots in a row are not allowed before the @ of a Message-ID."""
    return token.replace("..", ".none.")


def _dotted(message_id: str) -> str:
    return message_id.replace(".none.", "..", 1)
