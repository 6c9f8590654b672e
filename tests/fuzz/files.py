"""What is handed in as a file, or written by an operator, or asked by a script."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import msgspec

from tests.fuzz.target import Feed, Target, reading
from wherefrom.errors import BadInput, SettingsError, WherefromError
from wherefrom.inbox import roistat
from wherefrom.mail.oauth import Client, read_query, read_redirect, read_tokens
from wherefrom.mail.oauth_failures import TokenServerDown
from wherefrom.outbound.suppression_file import parse_file
from wherefrom.settings import load_settings
from wherefrom.web.moments import parse_moment
from wherefrom.webhooks.deal import find_deal
from wherefrom.webhooks.retry import parse_retry_after

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SETTINGS = Path(__file__).parents[2] / "settings.toml"
CLIENT = Client("Custom", "id", "https://a.example/auth", "https://a.example/token", "imap", secret="s")


def lists() -> Sequence[bytes]:
    return [
        b'email,list,reason,detail\r\nann@shop.example,news,bounced,5.1.1\r\n"bob"@shop.example,,,\r\n',
        b"\xef\xbb\xbfE-Mail;Reason\nann@shop.example;spam\n'=cmd@shop.example;x\n",
        b"ann@shop.example\nbob@shop.example\n",
        b'{"email": "ann@shop.example", "reason": "bounce", "list": "news"}\n{"email": 7, "detail": null}\n',
    ]


def read_list(data: bytes) -> None:
    content = data.decode("utf-8", "replace")
    for form in ("csv", "jsonl"):
        with contextlib.suppress(BadInput):
            for _ in parse_file(content, form):  # type: ignore[arg-type]
                pass


@cache
def settings() -> Sequence[bytes]:
    whole = SETTINGS.read_bytes()
    groups = [b"[" + group for group in whole.split(b"\n[")[1:]]
    return [
        *groups,
        b'[server]\nport = 1\ntrusted_proxies = ["10.0.0.0/8"]\n[smtp]\nhost = "h"\nsender = "a@b.example"\n',
    ]


@contextlib.contextmanager
def open_settings() -> Iterator[Feed]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "settings.toml"

        def read(data: bytes) -> None:
            file.write_bytes(data)
            words = data.split(b"\x00")[0].decode("utf-8", "replace")[:40]
            with contextlib.suppress(SettingsError):
                load_settings(file, {})
            with contextlib.suppress(SettingsError):
                load_settings(None, {"WHEREFROM_SERVER_PORT": words, "WHEREFROM_WEBHOOKS_ALLOW": words})

        yield read


def answers() -> Sequence[bytes]:
    return [
        b'{"deal": {"id": 77, "status": "won", "price": "1200.50", "currency": "EUR"}}',
        b'{"result": {"items": [{"id": "D-7"}]}, "deal_number": "8", "deal_value": 1e3}',
        b'{"access_token": "abc", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "r", "scope": "imap"}',
        b'{"error": "invalid_grant", "error_description": "Token has been expired or revoked."}',
        b"Wed, 21 Oct 2026 07:28:00 GMT", b"120", b"https://a.example/back?code=abc&state=x&error=y",
    ]  # fmt: skip


def read_answer(data: bytes) -> None:
    for path in ("", "deal.id", "result.items.0.id", "a.b.c"):
        found = find_deal(data, path)
        assert found is None or (found.number.isprintable() and len(found.number) <= 200)
    text = data.decode("latin-1")
    parse_retry_after(text, NOW)
    for status in (200, 400):
        with contextlib.suppress(WherefromError, TokenServerDown):
            read_tokens(CLIENT, status, data)
    with contextlib.suppress(BadInput):
        read_redirect(text)
    read_query({"error": text, "code": text, "state": text})


def pulls() -> Sequence[bytes]:
    return [
        b'{"filters": {"and": [["date", ">", "2026-11-01T00:00:00+0000"], ["visit_id", "in", [1, "2"]]]},'
        b' "extend": ["visit", "order"], "sort": ["date", "desc"], "limit": 100, "offset": 0}',
        b'{"filters": ["email_from", "like", "%a@b%"], "sort": [["id", "asc"], ["subject"]]}',
        b'{"filters": [["order_id", "=", null], ["subject", "!=", "x"]]}',
    ]


def read_pull(data: bytes) -> None:
    try:
        wish = msgspec.json.decode(data, type=roistat.ListEmails)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # told apart by ``web.api``
        return
    with contextlib.suppress(BadInput):
        roistat._conditions(wish.filters)
    with contextlib.suppress(BadInput):
        roistat._order(wish.sort)
    with contextlib.suppress(BadInput):
        parse_moment(data[:60].decode("latin-1"), "from", end=True)


_JSON = (b'"', b",", b":", b"[", b"{", b"null", b"1e5", b"\\u0000", b"-0", b"true", b"in", b"like", b"date", b"id")

TARGETS = (
    Target("list", lists, reading(read_list), (b";", b"\t", b'"', b'""', b",", b"\r", b"email", b"{}"), share=10),
    Target("settings", settings, open_settings, (b"[server]", b"= ", b'"', b"'''", b"[[", b"{", b"#", b"1e9"), share=6),
    Target("answer", answers, reading(read_answer), _JSON, share=12),
    Target("pull", pulls, reading(read_pull), _JSON, share=10),
)
