"""What fuzzing has found, once each."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.receiver import Receiver
from wherefrom.errors import SettingsError
from wherefrom.mail.entities import unescape
from wherefrom.mail.fields import parse_fields
from wherefrom.services import Services
from wherefrom.settings import load_settings
from wherefrom.tracking.instrument import Links, wrap_html
from wherefrom.webhooks.post import post


def test_a_long_line_without_a_colon_in_a_header_is_no_work() -> None:
    raw = b"From: ann@customer.example\r\n" + b"x" * 1_000_000 + b"\r\nTo: sales@company.example\r\n\r\nhello"
    began = time.process_time()
    fields = parse_fields(raw, 0, len(raw))
    assert time.process_time() - began < 1.5  # it took three
    assert fields.first("to") == b"sales@company.example"


@pytest.mark.parametrize("reference", ["&#" + "9" * 5000 + ";", "&#" + "9" * 5000, "&#99999999;"])
def test_a_character_whose_number_has_thousands_of_digits_is_the_one_browsers_show(reference: str) -> None:
    assert unescape(f"a{reference}b") == "a\ufffdb"
    links = Links(lambda number, target: f"https://mail.example/c/{number}", ())
    wrap_html(f'<a href="https://shop.example/?{reference}">{reference}</a>', links)


def test_a_character_whose_number_begins_with_thousands_of_noughts_is_that_character() -> None:
    assert unescape("&#" + "0" * 5000 + "65;") == "A"
    assert unescape("&#65;&amp;&#0;&#x41;") == "A&\ufffdA"


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000, "\udc80"])
def test_what_no_settings_file_can_hold_is_told_as_a_wrong_setting(value: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(f"[server]\nport = {value}\n".encode("utf-8", "surrogateescape"))
    with pytest.raises(SettingsError, match="not valid TOML"):
        load_settings(file, {})


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the database has no part in it
async def test_a_receiver_that_redirects_to_what_is_no_address_is_a_failed_attempt(
    services: Services, receiver: Receiver
) -> None:
    receiver.answer(302, headers={"Location": "htRetry-After: tp://127.0.0.1/"})
    answer = await post(services.http, receiver.url + "/crm", {}, b"{}", 5)
    assert not answer.accepted
    assert "redirect" in answer.error
