"""Letters as a visitor's mail program writes them."""

from __future__ import annotations

from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from wherefrom.clock import SystemClock

WISHES = "item;quantity\nchair;4\n"


def write_letter(to: str, subject: str = "Four chairs, please", **headers: str) -> tuple[bytes, str]:
    """The bytes of a letter with an attachment, and its Message-ID."""
    letter = EmailMessage()
    letter["From"] = "Anna Berg <anna@visitor.example>"
    letter["To"] = to
    letter["Subject"] = subject
    letter["Date"] = format_datetime(SystemClock().now())
    letter["Message-ID"] = make_msgid(domain="visitor.example")
    for name, value in headers.items():
        letter[name.replace("_", "-")] = value
    letter.set_content("Hello,\n\nfour oak chairs before Christmas?\n\nAnna\n")
    letter.add_attachment(WISHES, subtype="csv", filename="wishes.csv")
    return letter.as_bytes(), letter["Message-ID"]
