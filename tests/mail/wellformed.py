"""Well-formed letters of every usual shape, made by a seeded generator, each with what is in it.

Written here by the RFCs (2045 to 2047, 2231, 5322) and not by the standard library's writers, which lose a blank where
they fold between two encoded words, and need ten times as long.
"""

import base64
import binascii
import random
from dataclasses import dataclass, field
from urllib.parse import quote

_WORDS = {
    "utf-8": "стул chair Größe price 椅子 and ¿cuánto façade 의자 цена 🙂 of the this how much",
    "us-ascii": "chair price and the of how much please delivery next week",
    "windows-1251": "стул цена и доставка сколько стоит пожалуйста в Москву на склад Здравствуйте",
    "koi8-r": "стул цена и доставка сколько стоит пожалуйста в Москву на склад Здравствуйте",
    "iso-8859-1": "Größe façade Köln déjà and the of naïve Straße für über",
    "windows-1252": "Größe “smart” – 5 € façade naïve and the of",
    "iso-8859-2": "Zażółć gęślą jaźń příliš žluťoučký kůň ár",
    "gb18030": "椅子 多少 钱 送货 到 北京 谢谢 朱镕基",
    "iso-2022-jp": "椅子 値段 いくら ですか よろしく お願い します",
    "shift_jis": "椅子 値段 いくら ですか よろしく お願い します",
    "euc-kr": "의자 가격 얼마 입니까 배송 서울",
    "big5": "椅子 多少 錢 送貨 到 臺北 謝謝",
}
WORDS = {charset: words.split() for charset, words in _WORDS.items()}
LINE_END = "\r\n"
CRLF = b"\r\n"
SHAPES = ("plain", "html", "alternative", "mixed", "mixed-alternative", "related", "many-files")
NAMES = (
    "price.pdf",
    "Прайс на стулья.pdf",
    "Größe & Preis.xlsx",
    "椅子.png",
    "a b (1).docx",
    "x" * 80 + ".zip",
    "photo.jpg",
)
TYPES = ("application/pdf", "image/png", "application/vnd.ms-excel", "application/octet-stream", "application/zip")


@dataclass(frozen=True)
class WellFormed:
    """``raw`` and what was put into it. ``plain`` or ``html`` None: there is no such face."""

    raw: bytes
    subject: str
    from_: tuple[str, str]
    to: list[str]
    plain: str | None
    html: str | None
    files: list[tuple[str, str, bytes]]
    shape: str
    charset: str


@dataclass
class _Maker:
    """Writes parts, and keeps what it put into them."""

    random: random.Random
    file_size: int
    charset: str
    files: list[tuple[str, str, bytes]] = field(default_factory=list)

    def text(self, words: int) -> str:
        return " ".join(self.random.choice(WORDS[self.charset]) for _ in range(words))

    def paragraphs(self, many: int) -> str:
        return "\n\n".join(self.text(self.random.randint(3, 60)) + "." for _ in range(many))

    def words(self, text: str) -> str:
        """``text`` for a header: as it is, or in encoded words of whole characters, none longer than 75."""
        if text.isascii():
            return text
        pieces, piece = [], ""
        for character in text:
            if len(self._longest_word(piece + character)) > 75:
                pieces.append(piece)
                piece = ""
            piece += character
        return "\r\n ".join(self._word(one.encode(self.charset)) for one in [*pieces, piece])

    def _longest_word(self, piece: str) -> str:
        return f"=?{self.charset}?Q?{'=XX' * len(piece.encode(self.charset))}?="

    def _word(self, octets: bytes) -> str:
        if self.random.random() < 0.5 and b"\x1b" not in octets:
            return f"=?{self.charset}?Q?{''.join('_' if byte == 32 else f'={byte:02X}' for byte in octets)}?="
        return f"=?{self.charset}?B?{base64.b64encode(octets).decode()}?="

    def face(self, text: str, kind: str) -> bytes:
        octets = text.replace("\n", "\r\n").encode(self.charset)
        encoding = self.random.choice(("base64", "quoted-printable", "8bit"))
        if encoding == "base64":
            octets = _base64(octets)
        elif encoding == "quoted-printable":
            octets = binascii.b2a_qp(octets, istext=True)
        head = f"Content-Type: text/{kind}; charset={self.charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
        return head.encode() + octets

    def file(self, *, inline: bool = False) -> bytes:
        content = self.random.randbytes(self.random.randint(0, 2 * self.file_size))
        name, kind = ("i.png", "image/png") if inline else (self.random.choice(NAMES), self.random.choice(TYPES))
        self.files.append((name, kind, content))
        head = f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n"
        head += "Content-ID: <i@x>\r\n" if inline else ""
        head += f"Content-Disposition: {'inline' if inline else 'attachment'};\r\n {self.file_name(name)}\r\n\r\n"
        return head.encode() + _base64(content)

    def file_name(self, name: str) -> str:
        if name.isascii():
            return f'filename="{name}"'
        coded = quote(name, safe="")
        middle = coded.index("%", len(coded) // 3)
        if self.random.random() < 0.5:
            return f"filename*=utf-8''{coded}"
        return f"filename*0*=utf-8''{coded[:middle]};\r\n filename*1*={coded[middle:]}"

    def multipart(self, kind: str, parts: list[bytes]) -> bytes:
        boundary = f"=_{kind}_{self.random.randrange(10**9)}".encode()
        body = b"".join(b"--" + boundary + CRLF + part + CRLF for part in parts)
        return (
            b'Content-Type: multipart/%s; boundary="%s"\r\n\r\n' % (kind.encode(), boundary)
            + body
            + b"--%s--" % boundary
        )


def _base64(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", CRLF).removesuffix(CRLF)


def make_letters(seed: int, count: int, file_size: int = 2_000) -> list[WellFormed]:
    """``count`` letters, the same for the same seed; files are ``file_size`` bytes on average."""
    random_ = random.Random(seed)
    return [make_letter(random_, file_size) for _ in range(count)]


def make_letter(random_: random.Random, file_size: int = 2_000) -> WellFormed:
    """One letter."""
    maker = _Maker(random_, file_size, random_.choice(tuple(WORDS)))
    shape = random_.choice(SHAPES)
    plain = None if shape in ("html", "related") else maker.paragraphs(random_.randint(1, 8))
    html = f"<html><body><p>{maker.paragraphs(3)}</p><img src='cid:i@x'></body></html>"
    faced = html if shape not in ("plain", "mixed") else None
    subject, name = maker.text(random_.randint(1, 14)), maker.text(2)
    to = [f"sales+{random_.randrange(10**8):08}@company.example", "office@company.example"][: random_.randint(1, 2)]
    header = [
        *_hops(random_),
        "Date: Mon, 02 Nov 2026 10:00:00 +0100",
        f"Message-ID: <{random_.random()}@customer.example>",
        f"Subject: {maker.words(subject)}",
        f"From: {maker.words(name)} <lead@customer.example>",
        f"To: {random_.choice((', ', ',{}	')).replace('{}', LINE_END).join(to)}",
        "MIME-Version: 1.0",
    ]
    raw = LINE_END.join(header).encode() + CRLF + _body(maker, shape, plain, faced) + CRLF
    if random_.random() < 0.3:
        raw = raw.replace(CRLF, b"\n")
    return WellFormed(
        raw, subject, (name, "lead@customer.example"), to, plain, faced, maker.files, shape, maker.charset
    )


def _body(maker: _Maker, shape: str, plain: str | None, html: str | None) -> bytes:
    """The letter from its Content-Type on."""
    faces = [maker.face(text, kind) for text, kind in ((plain, "plain"), (html, "html")) if text is not None]
    body = faces[0] if len(faces) == 1 else maker.multipart("alternative", faces)
    if shape == "related":
        body = maker.multipart("related", [body, maker.file(inline=True)])
    count = {"mixed": 1, "mixed-alternative": 1, "many-files": maker.random.randint(2, 5)}.get(shape, 0)
    return maker.multipart("mixed", [body, *(maker.file() for _ in range(count))]) if count else body


def _hops(random_: random.Random) -> list[str]:
    lines = ["Return-Path: <lead@customer.example>"]
    if random_.random() < 0.5:
        lines.append("Delivered-To: office@company.example")
    for number in range(random_.randint(1, 6)):
        lines.append(
            f"Received: from mail-{number}.customer.example (mail-{number}.customer.example [192.0.2.{number}])\r\n"
            f"\tby mx{number}.company.example (Postfix) with ESMTPS id 4F1C21000{number}\r\n"
            f"\tfor <office@company.example>; Mon, 02 Nov 2026 09:00:0{number} +0000 (UTC)"
        )
    if random_.random() < 0.6:
        signed = "\r\n\t".join("x" * 70 for _ in range(4))
        lines.append(f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=customer.example; s=1;\r\n\tb={signed}")
    if random_.random() < 0.4:
        lines.append("In-Reply-To: <parent@company.example>")
        lines.append("References: " + "\r\n ".join(f"<{one}@company.example>" for one in range(random_.randint(1, 9))))
    if random_.random() < 0.5:
        lines += ["X-Mailer: Microsoft Outlook 16.0", "Thread-Index: AQHb" + "x" * 40, "Accept-Language: de-DE, en-US"]
    return lines
