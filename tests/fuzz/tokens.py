"""Everything signed: a token that was changed is worthless, and says so without stumbling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from tests.fuzz.target import Target, reading
from wherefrom.clock import to_ms
from wherefrom.outbound.return_path import read_return_path, return_path
from wherefrom.tokens import Tokens
from wherefrom.tracking.carry import carry, read_carried
from wherefrom.tracking.marks import (
    Mark,
    click_address,
    leave_address,
    open_address,
    read_click,
    read_leave,
    read_open,
)
from wherefrom.visits.link import cut_tokens, list_tokens

NOW = datetime(2026, 11, 22, tzinfo=UTC)
TOKENS = Tokens(b"a key for tests, 32 bytes long..")
MARK = Mark(5_000_000_000, 7_000_000_000, 3, False, 9)
PURPOSES = ("visit", "visitor", "attachment", "session")


@cache
def _made() -> dict[str, object]:
    """What was really signed: by token what it says."""
    found: dict[str, object] = {}
    for purpose in PURPOSES:
        found[TOKENS.sign(purpose, "12:345")] = (purpose, "12:345")
        found[TOKENS.sign(purpose, "1:2", expires_at=NOW + timedelta(days=1))] = (purpose, "1:2")
        found[TOKENS.sign(purpose, "1:2", expires_at=NOW - timedelta(days=1))] = (purpose, None)
    for address in (open_address, click_address, leave_address):
        found[address(TOKENS, "", MARK)] = None
    found[carry(TOKENS, "https://shop.example/a", MARK, NOW)] = None
    found[return_path(TOKENS, "bounce@shop.example", MARK)] = None
    return found


@cache
def seeds() -> Sequence[bytes]:
    pages = [f"https://shop.example/?a=1&wf={token}&b={token}#x={token}" for token in list(_made())[:4]]
    return [token.encode() for token in (*_made(), *pages)]


def read(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for purpose in PURPOSES:
        value = TOKENS.verify(purpose, text, NOW)
        assert value is None or _made().get(text) == (purpose, value), f"forged: {text!r}"
    token = text.rpartition("/")[2].removesuffix(".gif").rpartition("=")[2]
    known: tuple[tuple[Callable[..., object], object], ...] = (
        (read_open, Mark(MARK.site_id, MARK.send_id)),
        (read_click, MARK),
        (read_leave, Mark(MARK.site_id, MARK.send_id)),
    )
    for reader, right in known:
        assert reader(TOKENS, token, NOW) in (None, right), f"forged: {token!r}"
    carried = read_carried(TOKENS, token, NOW)
    assert carried is None or to_ms(carried.until) == to_ms(NOW)
    assert read_return_path(TOKENS, text) in (None, Mark(MARK.site_id, MARK.send_id))
    left = cut_tokens(text, lambda one: True)
    cut_tokens(text, lambda one: TOKENS.verify("visit", one, NOW) is not None)
    assert len(left) <= len(text)
    list_tokens(text)


TARGETS = (Target("token", seeds, reading(read), (b".", b"..", b"~", b"=", b"-", b"_"), share=20),)
