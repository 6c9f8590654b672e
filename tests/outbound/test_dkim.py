"""DKIM: what is signed here is verified by dkimpy's own verifier, by both kinds of keys."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.outbound.test_compose import draft
from wherefrom.errors import BadInput
from wherefrom.outbound.compose import compose
from wherefrom.outbound.dkim import DkimKey, PrivateKey, make_key, parse_domain, parse_selector, read_key, sign

Kind = Literal["rsa", "ed25519"]
KEYS: dict[Kind, PrivateKey] = {"rsa": make_key("rsa"), "ed25519": make_key("ed25519")}
KINDS = pytest.mark.parametrize("kind", ["rsa", "ed25519"])
WAY_OUT = (
    ("List-Unsubscribe", "<https://wf.example/u/" + "x" * 120 + ">"),
    ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
)


def published(kind: Kind) -> Callable[..., bytes | None]:
    """A name server that knows this key alone."""
    key = DkimKey(
        domain="shop.example", selector="wf", algorithm=kind, bits=KEYS[kind].bits, public=KEYS[kind].public, sealed="",
        created_at=datetime.now(UTC),
    )  # fmt: skip

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        return key.record.encode() if name.rstrip(b".") == key.record_name.encode() else None

    return look_up


def signed(raw: bytes, kind: Kind) -> bytes:
    return sign(raw, "shop.example", "wf", kind, KEYS[kind].secret) + raw


def verifies(raw: bytes, kind: Kind) -> bool:
    return bool(dkimpy.verify(raw, dnsfunc=published(kind)))


@KINDS
def test_a_letter_verifies_and_says_which_fields_were_signed(kind: Kind) -> None:
    raw = signed(compose(draft(structured=WAY_OUT, reply_to="desk@shop.example", subject="Ünïcode " * 40)), kind)
    assert verifies(raw, kind)
    field = re.sub(rb"\s+", b"", raw.partition(b"\r\nFrom:")[0]).lower()
    names = field.partition(b";h=")[2].partition(b";")[0].split(b":")
    assert set(names) == {
        *(b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type", b"reply-to"),
        *(b"list-unsubscribe", b"list-unsubscribe-post"),
    }
    assert (names.count(b"from"), names.count(b"subject")) == (2, 2)
    assert f"a={kind}-sha256".encode() in field
    assert max(map(len, raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))) <= 998


@KINDS
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r\nSubject: News", b"\r\nSubject: Olds"),
        (b"\r\nSubject: News", b"\r\nSubject: News\r\nSubject: More"),
        (b"\r\nFrom: ", b"\r\nFrom: x@y.example\r\nFrom: "),
        (b"List-Unsubscribe=One-Click", b"List-Unsubscribe=Other"),
        (b"https://wf.example/u/x", b"https://wf.example/u/y"),
        (b"Hello", b"Hallo"),
    ],
)
def test_whatever_is_changed_or_added_on_the_way_shows(kind: Kind, old: bytes, new: bytes) -> None:
    raw = signed(compose(draft(structured=WAY_OUT)), kind)
    assert old in raw
    assert not verifies(raw.replace(old, new, 1), kind)


@KINDS
def test_what_servers_do_to_blanks_and_folds_does_not(kind: Kind) -> None:
    raw = signed(compose(draft(structured=WAY_OUT, subject="a long subject of many words " * 6)), kind)
    folded = raw.replace(b"\r\nList-Unsubscribe: ", b"\r\nList-Unsubscribe:\r\n\t").replace(b"To: Ann ", b"TO:  Ann  ")
    assert folded != raw
    assert verifies(folded, kind)
    assert verifies(b"Received: by mx.example\r\n" + raw + b"\r\n\r\n", kind)


@KINDS
def test_a_letter_in_eight_bits_verifies_too(kind: Kind) -> None:
    raw = "From: a@shop.example\r\nTo: Änn\r\nSubject: Grüße\r\n\r\nПривет, мир\r\n.\r\n  \r\n".encode()
    assert verifies(signed(raw, kind), kind)


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=400), st.text(max_size=80))
@settings(max_examples=25)
def test_any_letter_verifies(text: str, subject: str) -> None:
    subject = subject.encode("utf-8", "ignore").decode()
    raw = compose(draft(text=text + "x", html="", subject=subject))
    assert verifies(signed(raw, "ed25519"), "ed25519")


def test_two_keys_sign_side_by_side() -> None:
    raw = compose(draft())
    both = sign(raw, "shop.example", "wf", "ed25519", KEYS["ed25519"].secret) + signed(raw, "rsa")
    assert dkimpy.DKIM(both).verify(idx=0, dnsfunc=published("ed25519"))
    assert dkimpy.DKIM(both).verify(idx=1, dnsfunc=published("rsa"))


# ---------------------------------------------------------------------------------------------- keys


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, form: str = "PKCS8") -> str:
    formats = {"PKCS8": serialization.PrivateFormat.PKCS8, "PKCS1": serialization.PrivateFormat.TraditionalOpenSSL}
    return key.private_bytes(serialization.Encoding.PEM, formats[form], serialization.NoEncryption()).decode()


@pytest.mark.parametrize("form", ["PKCS8", "PKCS1"])
def test_an_rsa_key_in_either_form_is_read_and_signs(form: str) -> None:
    given_key = rsa.generate_private_key(65537, 2048)
    key = read_key(f"\n{pem(given_key, form)}\n")
    assert (key.algorithm, key.bits) == ("rsa", 2048)
    raw = compose(draft())
    record = f"v=DKIM1; k=rsa; p={key.public}".encode()
    field = sign(raw, "shop.example", "wf", "rsa", key.secret)
    assert dkimpy.verify(field + raw, dnsfunc=lambda name, timeout=5: record)


def test_an_ed25519_key_is_read_as_pem_and_as_its_seed() -> None:
    given_key = ed25519.Ed25519PrivateKey.generate()
    seed = base64.b64encode(given_key.private_bytes_raw()).decode()
    assert read_key(pem(given_key)) == read_key(seed)
    assert base64.b64decode(read_key(seed).public) == given_key.public_key().public_bytes_raw()


def test_what_is_no_key_or_one_nobody_believes_is_refused_in_words() -> None:
    small = pem(rsa.generate_private_key(65537, 1024))
    assert read_key(small).bits == 1024
    locked = (
        rsa.generate_private_key(65537, 2048)
        .private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        )
        .decode()
    )
    public = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"
    for text in ("", "x", "AAAA", locked, public, pem(ec.generate_private_key(ec.SECP256R1())), "é", "x" * 30_000):
        with pytest.raises(BadInput) as caught:
            read_key(text)
        assert caught.value.extra["field"] == "private_key"
        assert caught.value.hint


@KINDS
def test_the_record_fits_a_zone_file(kind: Kind) -> None:
    key = DkimKey(
        domain="shop.example", selector="wf", algorithm=kind, bits=KEYS[kind].bits, public=KEYS[kind].public, sealed="",
        created_at=datetime.now(UTC),
    )  # fmt: skip
    strings = re.findall(r'"([^"]*)"', key.zone_line)
    assert "".join(strings) == key.record
    assert all(len(one) <= 255 for one in strings)
    assert key.zone_line.startswith("wf._domainkey.shop.example. IN TXT ( ")


@pytest.mark.parametrize("text", ["", "a b", "a..b", "-a", "é", "a/b", "x" * 101])
def test_a_selector_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_selector(text)


def test_names_are_taken_in_lower_case_and_ascii() -> None:
    assert (parse_selector(" Spring.2026 "), parse_domain("Bücher.Example")) == ("spring.2026", "xn--bcher-kva.example")
    with pytest.raises(BadInput):
        parse_domain("localhost")
