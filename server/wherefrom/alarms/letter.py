"""The letter that tells of what was switched off: what it is, why, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from wherefrom import __version__
from wherefrom.events.snapshots import MailboxDisconnected, SenderStopped, WebhookDisabled

_LONGEST = 200


class Place(Struct, frozen=True):
    """Where it happened: the site's name, and the address of its setup page."""

    site: str
    setup_url: str


class News(Struct, frozen=True):
    """``steps`` are what to do, one after the other."""

    subject: str
    what: str
    why: str
    steps: Sequence[str]


def put_in_words(data: Any, place: Place, at: datetime) -> News:
    """An event's snapshot for people. TypeError for one that is no alarm."""
    since = f"{at.astimezone(UTC):%-d %b %Y, %H:%M} UTC"
    if isinstance(data, WebhookDisabled):
        return _of_webhook(data, place, since)
    if isinstance(data, SenderStopped):
        return _of_sender(data, place, since)
    if isinstance(data, MailboxDisconnected):
        return _of_mailbox(data, place, since)
    raise TypeError(f"nobody is told of {type(data).__name__} by a letter")


def compose_news(news: News, sender: str, address: str, token: str, now: datetime) -> bytes:
    """The letter, ready to be handed in. ``token`` makes its Message-ID: the same for the same news and person."""
    letter = EmailMessage(policy=SMTP)
    letter["From"] = f"Wherefrom <{sender}>"
    letter["To"] = address
    letter["Subject"] = news.subject
    letter["Date"] = format_datetime(now)
    letter["Message-ID"] = f"<{token}.alarm@{sender.rpartition('@')[2]}>"
    letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday notice answers it
    letter["X-Auto-Response-Suppress"] = "All"
    letter["X-Mailer"] = f"Wherefrom/{__version__}"
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(news.steps, 1))
    letter.set_content(
        f"{news.what}\n\n{news.why}\n\nWhat to do:\n\n{steps}\n\n"
        "This is told once. You hear of it because you may log in there.\n"
    )
    return letter.as_bytes()


def _of_webhook(data: WebhookDisabled, place: Place, since: str) -> News:
    url = urlsplit(data.url)
    shown = _line(f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}")  # without what may be a password
    return News(
        subject=_line(f"The webhook of {place.site} is switched off"),
        what=f"Since {since} nothing is posted to the webhook {shown} of the site {_line(place.site)}. "
        "Letters wait for it, and none is lost.",
        why=_sentence(f"Why: {data.reason}"),
        steps=(
            "See why the receiver does not accept what it is sent, and mend it."
            if data.status != "gone"
            else "Ask whoever runs the receiver whether it is meant to be over. If it is, remove the webhook.",
            f"Open {place.setup_url}#webhooks and press “Send a test” there.",
            "When the test is accepted, press “Switch on” under “More”: what waits is sent then.",
        ),
    )


def _of_sender(data: SenderStopped, place: Place, since: str) -> News:
    account = _line(f"{data.username} at {data.host}" if data.username else data.host)
    return News(
        subject=_line(f"Letters of {place.site} are not sent"),
        what=f"Since {since} the account {account}, by which letters of the site {_line(place.site)} go out from "
        f"{_line(data.from_address)}, takes none. They wait, and are tried again until they expire.",
        why=_sentence(f"Why: {data.reason}"),
        steps=(
            _sentence(data.hint) if data.hint else "See what the provider says about the account.",
            f"If its password or server has changed, enter it anew at {place.setup_url}#sending",
            f"Press “Test the account” at {place.setup_url}#sending: when it works, what waits is sent.",
        ),
    )


def _of_mailbox(data: MailboxDisconnected, place: Place, since: str) -> News:
    return News(
        subject=_line(f"A mailbox of {place.site} is not read any more"),
        what=f"Since {since} the mailbox {_line(data.name)} of the site {_line(place.site)} is not read: its provider "
        "wants somebody to sign in again. What comes meanwhile stays there and is read afterwards.",
        why=_sentence(f"Why: {data.reason}"),
        steps=(
            *([_sentence(data.hint)] if data.hint else []),
            f"Open {place.setup_url}#mailboxes and connect the mailbox {_line(data.name)} again.",
        ),
    )


def _line(words: str) -> str:
    """On one line, and no longer than people read; a header must hold no line's end."""
    flat = " ".join("".join(one if one.isprintable() else " " for one in words).split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"


def _sentence(words: str) -> str:
    flat = " ".join("".join(one if one.isprintable() else " " for one in words).split())[:1000]
    return flat[:1].upper() + flat[1:] + ("" if flat[-1:] in ".!?…" else ".")
