"""Ids, codes, signed tokens, sealed secrets."""

import base64
import hmac
import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wherefrom.clock import FixedClock
from wherefrom.errors import SettingsError
from wherefrom.tokens import CODE_ALPHABET, Ids, Tokens, load_key, random_code

KEY = bytes(range(32))
NOW = FixedClock().now()


def test_ids_grow_and_never_repeat_even_when_many_are_made_in_a_millisecond() -> None:
    ids = Ids()
    made = [ids.next() for _ in range(20_000)]
    assert made == sorted(set(made))
    assert made[-1] < 1 << 63


def test_codes_use_only_letters_that_are_not_misread() -> None:
    assert set(random_code(2000)) == set(CODE_ALPHABET)
    assert not set("01ilo") & set(CODE_ALPHABET)


@given(st.text(max_size=200))
def test_a_signed_value_comes_back(value: str) -> None:
    tokens = Tokens(KEY)
    assert tokens.verify("visit", tokens.sign("visit", value), NOW) == value


@given(st.text(max_size=120))
def test_text_that_nobody_signed_is_nothing(text: str) -> None:
    assert Tokens(KEY).verify("visit", text, NOW) is None


@given(st.integers(min_value=0), st.characters())
def test_a_token_with_one_letter_changed_is_nothing(at: int, letter: str) -> None:
    tokens = Tokens(KEY)
    token = tokens.sign("visit", "1:123", expires_at=NOW + timedelta(hours=1))
    at %= len(token)
    forged = token[:at] + letter + token[at + 1 :]
    assert tokens.verify("visit", forged, NOW) == ("1:123" if forged == token else None)


def test_a_token_signed_by_hmac_as_all_were_once_keeps_its_worth() -> None:
    tokens = Tokens(b"a key for tests, 32 bytes long..")
    assert tokens.verify("visit", "MTo3..iSLmRy2v03jfM0YViq7yRA", NOW) == "1:7"
    assert tokens.verify("visitor", "MTo3..iSLmRy2v03jfM0YViq7yRA", NOW) is None
    assert tokens.verify("visit", "MTo4..iSLmRy2v03jfM0YViq7yRA", NOW) is None
    assert tokens.verify("attachment", "MS83.1a7a4707680.85KQNTc9kaoXAjbYD0I6KQ", NOW) == "1/7"
    assert tokens.verify("attachment", "MS83.1a7a4707680.85KQNTc9kaoXAjbYD0I6KQ", NOW + timedelta(days=400)) is None


def test_a_token_has_the_form_it_always_had() -> None:
    token = Tokens(KEY).sign("visit", "1:7")
    assert token == "MTo3..tXSBR2E9W-kQz1tn2qx50Q"
    assert re.fullmatch(r"MTo3\.\.[\w-]{22}", token, re.ASCII)


def test_a_pseudonym_never_changes_and_is_for_one_purpose() -> None:
    tokens = Tokens(b"a key for tests, 32 bytes long..")
    signing = hmac.digest(b"a key for tests, 32 bytes long..", b"wherefrom sign", "sha256")
    mac = hmac.digest(signing, b"lead\nYUBiLmV4YW1wbGU\n", "sha256")[:16]
    assert tokens.pseudonym("lead", "a@b.example") == base64.urlsafe_b64encode(mac).decode().rstrip("=")
    assert tokens.pseudonym("lead", "a@b.example") != tokens.pseudonym("other", "a@b.example")


def test_a_token_for_one_purpose_opens_no_other_door() -> None:
    tokens = Tokens(KEY)
    assert tokens.verify("attachment", tokens.sign("visit", "1:123"), NOW) is None


def test_a_token_of_another_key_is_nothing() -> None:
    assert Tokens(KEY).verify("visit", Tokens(bytes(32)).sign("visit", "1"), NOW) is None


def test_a_token_works_until_it_expires() -> None:
    tokens = Tokens(KEY)
    token = tokens.sign("attachment", "x", expires_at=NOW)
    assert tokens.verify("attachment", token, NOW) == "x"
    assert tokens.verify("attachment", token, NOW + timedelta(milliseconds=1)) is None


def test_a_sealed_secret_opens_with_its_key_only() -> None:
    sealed = Tokens(KEY).encrypt("hunter2")
    assert "hunter2" not in sealed
    assert Tokens(KEY).decrypt(sealed) == "hunter2"
    with pytest.raises(SettingsError, match="another key"):
        Tokens(bytes(32)).decrypt(sealed)


def test_the_key_file_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret.key"
    key = load_key(path)
    assert len(key) == 32
    assert load_key(path) == key
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["secret.key"]


def test_a_damaged_key_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.write_text("é not a key")
    with pytest.raises(SettingsError, match=r"secret\.key"):
        load_key(path)
    path.write_text("c2hvcnQ=")
    with pytest.raises(SettingsError, match=r"secret\.key.*at least 32"):
        load_key(path)
