"""How many letters a second are parsed, beside what the standard library and mail-parser alone do in the same run.

    python -m tests.bench.parse [--letters 300] [--rounds 5]

Letters of 35 kB on average are made on the spot: two thirds text and HTML, one third with a file, five hops each. The
ways take turns in each round, and the median counts: machines differ and drift, only the ratios say something. Each way
ends with the same in hand: subject, people, hops, text, the files' bytes (ours decodes them too, though it need not).
"""

import argparse
import base64
import email
import email.header
import email.utils
import random
import statistics
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP

import mailparser  # type: ignore[import-untyped]

from wherefrom.mail.parse import parse_letter

HOP = (
    "from mail-{n}.customer.example (mail-{n}.customer.example [192.0.2.{n}])\r\n\tby mx{n}.company.example (Postfix) "
    "with ESMTPS id 4F1C21000{n}\r\n\tfor <sales+k7f3q9x2@company.example>; Mon, 02 Nov 2026 09:00:0{n} +0000 (UTC)"
)


def make_letter(random_: random.Random) -> bytes:
    """A letter as people send it."""
    message = EmailMessage(policy=SMTP)
    message["Date"] = "Mon, 02 Nov 2026 10:00:00 +0100"
    message["Message-ID"] = f"<{random_.random()}@customer.example>"
    message["From"] = "Анна Лид <lead@customer.example>"
    message["To"] = '"Sales, Company" <sales+k7f3q9x2@company.example>'
    message["Subject"] = "Сколько стоит доставка стула?"
    words = " ".join(random_.choice(("стул", "chair", "Größe", "price", "and")) for _ in range(400))
    message.set_content(words)
    message.add_alternative(f"<html><body><p>{words}</p></body></html>", subtype="html")
    if random_.random() < 1 / 3:
        message.add_attachment(random_.randbytes(60_000), maintype="application", subtype="pdf", filename="Прайс.pdf")
    hops = "".join(f"Received: {HOP.format(n=number)}\r\n" for number in range(5))
    return hops.encode() + message.as_bytes()


def by_ours(raw: bytes) -> int:
    letter = parse_letter(raw)
    return len(letter.text) + sum(len(attachment.content) for attachment in letter.attachments)


def by_compat32(raw: bytes) -> int:
    message = email.message_from_bytes(raw)
    for value in message.values():
        email.header.decode_header(value)
    email.utils.getaddresses([*message.get_all("from", []), *message.get_all("to", [])])
    email.utils.parsedate_to_datetime(message["date"])
    size = 0
    for part in message.walk():
        if not part.is_multipart():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            size += len(payload.decode() if part.get_content_maintype() == "text" else payload)
    return size


def by_mail_parser(raw: bytes) -> int:
    message = mailparser.parse_from_bytes(raw)
    files = sum(len(base64.b64decode(attachment["payload"])) for attachment in message.attachments)
    return len("".join(message.text_plain)) + files


WAYS: dict[str, Callable[[bytes], int]] = {
    "standard library, compat32": by_compat32,
    "mail-parser": by_mail_parser,
    "wherefrom.mail.parse": by_ours,
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--letters", type=int, default=300)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    random_ = random.Random(1)
    letters = [make_letter(random_) for _ in range(chosen.letters)]
    took: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(chosen.rounds):
        for name, way in WAYS.items():
            begun = time.process_time()
            assert all(way(raw) for raw in letters)
            took[name].append((time.process_time() - begun) / len(letters))
    ceiling = statistics.median(took["standard library, compat32"])
    print(f"{len(letters)} letters, {sum(map(len, letters)) / len(letters) / 1000:.0f} kB on average\n")
    print(f"{'way':32}{'letters/s':>12}{'µs a letter':>14}{'of compat32':>14}")
    for name, times in took.items():
        median = statistics.median(times)
        print(f"{name:32}{1 / median:12.0f}{median * 1e6:14.0f}{ceiling / median:14.2f}")


if __name__ == "__main__":
    main()
