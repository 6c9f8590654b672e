"""A probe letter is known again wherever its token survives, and nothing else is taken for one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.mail.parse import parse_letter
from wherefrom.probes.letter import compose_probe, find_tokens, read_token, sign_probe
from wherefrom.tokens import Tokens

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
TOKENS = Tokens(b"a key for tests, 32 bytes long..")
IDS = st.integers(min_value=1, max_value=2**63 - 1)


def compose(site: int = 1, probe: int = 2, address: str = "sales+k7f3q9x2@company.example") -> bytes:
    return compose_probe(sign_probe(TOKENS, site, probe), "probes@elsewhere.example", address, NOW)


def known(raw: bytes) -> list[tuple[int, int] | None]:
    return [read_token(TOKENS, one, NOW) for one in find_tokens(parse_letter(raw))]


@given(IDS, IDS)
def test_every_probe_is_known_again(site: int, probe: int) -> None:
    assert known(compose(site, probe)) == [(site, probe)]


def test_a_new_message_id_on_the_way_does_not_hide_it() -> None:
    lines = [line for line in compose().split(b"\r\n") if not line.startswith(b"Message-ID")]
    assert known(b"Message-ID: <0100018f@email.amazonses.example>\r\n" + b"\r\n".join(lines)) == [(1, 2)]


def test_a_lost_text_does_not_hide_it() -> None:
    head, _, _ = compose().partition(b"\r\n\r\n")
    assert known(head + b"\r\n\r\n[removed by the gateway]\r\n") == [(1, 2)]


def test_it_says_that_it_is_automatic_and_wants_no_answer() -> None:
    letter = parse_letter(compose())
    assert letter.automatic == "auto-submitted"
    assert b"X-Auto-Response-Suppress: All" in compose()
    assert letter.written_at == NOW


@pytest.mark.parametrize("address", ["sales@xn--mller-kva.example", f"{'a' * 64}@{'b' * 60}.{'c' * 60}.example"])
def test_every_line_is_short_and_ascii(address: str) -> None:
    raw = compose(2**63 - 1, 2**63 - 1, address)
    assert raw.isascii()
    assert max(len(line) for line in raw.split(b"\r\n")) <= 200
    assert known(raw) == [(2**63 - 1, 2**63 - 1)]


@given(st.binary(max_size=200))
def test_no_other_text_is_a_probe(noise: bytes) -> None:
    assert all(one is None for one in known(b"Subject: x\n\nprobe:" + noise))
