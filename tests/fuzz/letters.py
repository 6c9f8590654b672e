"""What a mailbox may hold: letters, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.fuzz.target import Target, reading
from tests.mail.outlook import HELLO_RTF, attribute, binary, file, named_file, properties, text, winmail
from wherefrom.mail.bounce_text import find_bounced
from wherefrom.mail.charset import decode_text, decode_words
from wherefrom.mail.dsn import find_dsn
from wherefrom.mail.feedback import find_feedback
from wherefrom.mail.flowed import unfold_flowed
from wherefrom.mail.headers import parse_date, parse_ids, parse_people
from wherefrom.mail.html import sanitise
from wherefrom.mail.html_text import html_text, text_without_tags
from wherefrom.mail.letter import Letter
from wherefrom.mail.parse import UnreadableLetter, parse_letter
from wherefrom.mail.reply import split_reply
from wherefrom.mail.returned import find_returned, parse_returned
from wherefrom.mail.rtf import find_rtf, rtf_text
from wherefrom.mail.tnef import find_tnef
from wherefrom.tracking.instrument import Links, add_pixel, wrap_html, wrap_text
from wherefrom.tracking.tags import find_tags

SPECIMENS = Path(__file__).parents[1] / "mail" / "specimens"
_LARGEST_SEED = 20_000

MIME_WORDS = (
    b"Content-Type: multipart/mixed; boundary=b\r\n", b"Content-Type: message/rfc822\r\n", b"--b\r\n", b"--b--\r\n",
    b"Content-Transfer-Encoding: base64\r\n", b"Content-Transfer-Encoding: quoted-printable\r\n", b"charset=", b"; ",
    b"filename*0*=utf-8''%ff", b"name*1=", b"Received: ", b"; Mon, 3 Nov 2026 25:61:61 +9999", b"From: ", b"To: ",
    b"=?x?Q?=ZZ?=", b"=\r\n", b"begin 644 x\r\n", b"winmail.dat", b"text/html", b"message/delivery-status",
)  # fmt: skip
HTML_WORDS = (
    b"<div>", b"</div>", b"<table><tr><td>", b"<p>", b"<br>", b"<a href='", b"<style>", b"</style>", b"<script>",
    b"<svg><math>",
    b"<blockquote>", b"<![CDATA[", b"<!doctype", b"<img src=cid:1>", b"&amp", b"&nbsp;", b"<li>", b"<pre>",
    b"<!--", b"-->",
    b" onload=x", b"<template>", b"<plaintext>", b"<title>", b"<x-", b"/>", b"http://a.example/?b=1&amp;c",
)  # fmt: skip


@cache
def letters() -> Sequence[bytes]:
    found = [path.read_bytes() for path in sorted(SPECIMENS.rglob("*.eml"))]
    return [raw for raw in found if 0 < len(raw) <= _LARGEST_SEED]


@cache
def _read() -> tuple[Letter, ...]:
    read = []
    for raw in letters():
        try:
            read.append(parse_letter(raw))
        except UnreadableLetter:
            continue
    return tuple(read)


@cache
def pages() -> Sequence[bytes]:
    return [letter.html.encode()[:_LARGEST_SEED] for letter in _read() if letter.html] or [b"<p>Hello</p>"]


@cache
def texts() -> Sequence[bytes]:
    return [letter.text.encode()[:_LARGEST_SEED] for letter in _read() if letter.text]


@cache
def fields() -> Sequence[bytes]:
    heads = [raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0] for raw in letters()]
    return [head for head in heads if head]


@cache
def reports() -> Sequence[bytes]:
    found = [
        raw for raw in letters() if b"delivery-status" in raw or b"feedback-report" in raw or b"daemon" in raw.lower()
    ]
    return found or letters()


def read_letter(data: bytes) -> None:
    try:
        letter = parse_letter(data)
    except UnreadableLetter:
        return
    assert len(letter.subject) <= 10_000
    assert "\x00" not in letter.subject + letter.text
    for attached in letter.attachments:
        assert attached.name is None or "/" not in attached.name
    split_reply(letter.text)


def read_report(data: bytes) -> None:
    try:
        letter = parse_letter(data)
    except UnreadableLetter:
        return
    dsn = find_dsn(letter)
    if dsn is not None:
        for outcome in dsn.recipients:
            _ = outcome.addresses
    find_feedback(letter)
    find_bounced(letter)
    find_returned(letter.attachments)
    parse_returned(data)


def read_page(data: bytes) -> None:
    html = data.decode("utf-8", "replace")
    html_text(html)
    text_without_tags(html)
    shown = sanitise(html).html.lower()
    assert "<script" not in shown
    list(find_tags(html))


def rewrite_page(data: bytes) -> None:
    html = data.decode("utf-8", "replace")
    links = Links(lambda number, target: f"https://mail.example/c/{number}", ("https://mail.example/",))
    add_pixel(wrap_html(html, links), "https://mail.example/o/x.gif")
    wrap_text(html, links)


def read_text(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    reply = split_reply(text)
    assert len(reply.own) <= len(text) + 1
    unfold_flowed(text)
    unfold_flowed(text, drop_blank=True)


def read_head(data: bytes) -> None:
    for line in data.split(b"\n")[:60]:
        value = line.partition(b":")[2]
        parse_people(value)
        parse_ids(value)
        parse_date(value[:1000].decode("ascii", "replace"))
        decode_words(value)
        decode_text(value, line[:40].decode("latin-1"))
    parse_returned(data)


def read_winmail(data: bytes) -> None:
    find_tnef(data)
    packed = find_rtf(data)
    rtf_text(packed if packed is not None else data)


def _containers() -> Sequence[bytes]:
    said = attribute(0x00069003, properties(binary(0x1009, HELLO_RTF), text(0x0037, "Hi")))
    return [
        winmail(file("a.txt", b"first"), file("b.txt", b"second")),
        winmail(said, named_file("logo.png", b"\x89PNG", "image/png", "logo@x")),
        HELLO_RTF,
        b"{\\rtf1\\ansi\\ansicpg1252{\\fonttbl{\\f0 Arial;}}\\pard \\'e4\\u1234? hello\\par}",
    ]


TARGETS = (
    Target("letter", letters, reading(read_letter), MIME_WORDS, share=12),
    Target("report", reports, reading(read_report), MIME_WORDS, share=5),
    Target("head", fields, reading(read_head), MIME_WORDS, share=6),
    Target("page", pages, reading(read_page), HTML_WORDS, share=8),
    Target("rewritten", pages, reading(rewrite_page), HTML_WORDS, share=6),
    Target("text", texts, reading(read_text), (b"\n> ", b"\nOn Mon, Ann wrote:\n", b"\n-- \n", b"-----"), share=8),
    Target("winmail", _containers, reading(read_winmail), (b"\\u-1?", b"{\\*", b"}", b"\\bin9 ", b"LZFu"), share=8),
)
