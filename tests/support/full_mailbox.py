"""A mailbox of thousands of letters, put where Dovecot keeps it: delivering them one by one would take minutes.

Letters of 35 kB on average: a third with a file of its own. Half are to a code that was given out, a fifth in threads,
five of each sender, a minute between two. Knows Dovecot's folder and nothing about Wherefrom.
"""

from __future__ import annotations

import base64
import os
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tests.support.daemon import give
from tests.support.dovecot import Account, Dovecot

_WORDS = ("стул", "chair", "Größe", "price", "and")
_HOP = (
    "from mail-{n}.customer.example (mail-{n}.customer.example [192.0.2.{n}])\r\n\tby mx{n}.company.example (Postfix) "
    "with ESMTPS id 4F1C21000{n}\r\n\tfor <{to}>; Mon, 02 Nov 2026 09:00:0{n} +0000 (UTC)"
)
_FILE_BYTES = 60_000
FIRST = datetime(2026, 11, 2, 9, tzinfo=UTC)
"""When the first letter is written, and arrives."""


def make_letters(count: int, codes: Sequence[str], seed: int = 7) -> Iterator[bytes]:
    """``count`` different letters; every other one is to one of ``codes``, every fifth answers the one before it."""
    chance = random.Random(seed)
    for number in range(count):
        to = codes[number // 2 % len(codes)] if number % 2 and codes else f"someone{number}@company.example"
        parent = f"In-Reply-To: <{seed}.{number - 1}@customer.example>\r\n" if number % 5 == 4 else ""
        yield _letter(chance, f"{seed}.{number}@customer.example", number, to, parent)


def _letter(chance: random.Random, message_id: str, number: int, to: str, parent: str) -> bytes:
    words = " ".join(chance.choices(_WORDS, k=400))
    html = f"<html><body><p>{words}</p></body></html>"
    hops = "".join(f"Received: {_HOP.format(n=n, to=to)}\r\n" for n in range(5))
    subject = base64.b64encode("Сколько стоит доставка стула?".encode()).decode()
    name = base64.b64encode("Анна Лид".encode()).decode()
    head = (
        f"{hops}Date: {format_datetime(FIRST + timedelta(minutes=number))}\r\nMessage-ID: <{message_id}>\r\n{parent}"
        f'From: =?utf-8?b?{name}?= <lead{number // 5}@customer.example>\r\nTo: "Sales, Company" <{to}>\r\n'
        f"Subject: =?utf-8?b?{subject}?=\r\nMIME-Version: 1.0\r\n"
    )
    texts = (
        'Content-Type: multipart/alternative; boundary="=texts="\r\n\r\n'
        f"--=texts=\r\n{_text('plain', words)}--=texts=\r\n{_text('html', html)}--=texts=--\r\n"
    )
    if chance.random() >= 1 / 3:
        return (head + texts).encode()
    file = base64.encodebytes(chance.randbytes(_FILE_BYTES)).replace(b"\n", b"\r\n")
    return (
        (
            f'{head}Content-Type: multipart/mixed; boundary="=all="\r\n\r\n--=all=\r\n{texts}\r\n--=all=\r\n'
            "Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
            "Content-Disposition: attachment; filename*=utf-8''%D0%9F%D1%80%D0%B0%D0%B9%D1%81.pdf\r\n\r\n"
        ).encode()
        + file
        + b"--=all=--\r\n"
    )


def _text(kind: str, words: str) -> str:
    encoded = base64.encodebytes(words.encode()).decode().replace("\n", "\r\n")
    return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n"


def fill(dovecot: Dovecot, account: Account, letters: Iterator[bytes]) -> int:
    """Puts the letters into the account's INBOX, in this order, and lets the server number them; their bytes."""
    maildir = dovecot.home / "mail" / account.user / "Maildir"
    with dovecot.imap(account) as client:  # makes the folder, with its owner
        client.select_folder("INBOX", readonly=True)
    place, written = maildir / "cur", 0
    for number, raw in enumerate(letters):
        arrived = round((FIRST + timedelta(minutes=number)).timestamp())
        path = place / f"{arrived}.M{number}P1.bench,S={len(raw)}:2,"
        path.write_bytes(raw)
        give(path, dovecot.owner)
        os.utime(path, (arrived, arrived))
        written += len(raw)
    with dovecot.imap(account) as client:
        client.select_folder("INBOX", readonly=True)
        for start in range(1, number + 2, 1_000):  # what the server keeps of each letter, it keeps from now on
            client.fetch(range(start, start + 1_000), ["RFC822.SIZE", "INTERNALDATE"])
    return written
