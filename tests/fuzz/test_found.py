"""What fuzzing has found, once each."""

from __future__ import annotations

import time
from datetime import UTC
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from tests.fuzz.files import CLIENT
from tests.mail.scripted import ImapScript, ScriptedServer
from tests.support.receiver import Receiver
from wherefrom.accounts.key import add_key
from wherefrom.errors import BadInput, SettingsError
from wherefrom.mail.entities import unescape
from wherefrom.mail.failures import ProtocolError
from wherefrom.mail.fields import parse_fields
from wherefrom.mail.oauth import read_tokens
from wherefrom.mail.oauth_failures import TokenServerDown
from wherefrom.management import routes
from wherefrom.services import Services
from wherefrom.settings import load_settings
from wherefrom.sites.add import add_site
from wherefrom.tracking.instrument import Links, wrap_html
from wherefrom.visits.hit import find_site_key, parse_hit, parse_signal
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
    answer = await post(services.http(), receiver.url + "/crm", {}, b"{}", 5)
    assert not answer.accepted
    assert "redirect" in answer.error


DEEP = b'{"site": "KEY", "page": "https://shop.example/", "a": %b, "error": %b}' % ((b"[" * 5000 + b"]" * 5000,) * 2)


def test_a_body_nested_thousands_deep_is_bad_input() -> None:
    assert find_site_key(DEEP) == ""
    for parse in (parse_hit, parse_signal):
        with pytest.raises(BadInput, match="nested too deeply"):
            parse(DEEP)
    with pytest.raises(TokenServerDown):
        read_tokens(CLIENT, 200, DEEP)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the body is refused before it is asked
@pytest.mark.parametrize("depth", [300, 800, 950, 5000])
async def test_a_body_nested_thousands_deep_is_bad_input_to_the_api(services: Services, depth: int) -> None:
    site = await add_site(services, "shop", ["shop.example"], compat="roistat")
    _, key = await add_key(services, site.id, "ours")
    app = Starlette(routes=routes(services))
    path = "/api/v1/project/emailtracking/email/list"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
        for deep in (b"[" * depth + b"]" * depth, b'[["date", ">", ' + b"[" * depth + b"]" * depth + b"]]"):
            answer = await client.post(path, content=b'{"filters": %b}' % deep, headers={"api-key": key})
            assert (answer.status_code, answer.json()["type"]) == (400, "urn:wherefrom:problem:bad-input")


ODD = b'INTERNALDATE "03-Nov-2026 10:00:00 +4000"'
ENDLESS = b"9" * 30


def test_numbers_and_zones_that_cannot_be_are_none_and_the_letter_is_read() -> None:
    state = b"* 1 EXISTS\r\n* OK [UIDVALIDITY %b] x\r\n* OK [UIDNEXT %b] x\r\n* OK [HIGHESTMODSEQ %b] x\r\n"
    fetched = b"* 1 FETCH (UID 7 RFC822.SIZE %b %b BODY[] {3}\r\nabc)\r\n" % (ENDLESS, ODD)
    answers = {
        "EXAMINE": state % (ENDLESS, ENDLESS, ENDLESS),
        "UID SEARCH": b"* SEARCH 7 %b\r\n" % ENDLESS,
        "UID FETCH": fetched,
    }
    with ScriptedServer(ImapScript(answers)) as server, server.session() as session:
        found = session.examine("INBOX")
        assert (found.uidvalidity, found.uidnext, found.highestmodseq) == (None, None, None)
        assert session.find_last_uid() == 7
        (letter,) = session.fetch_new(0, 10, 1000)
    assert (letter.uid, letter.raw, letter.size) == (7, b"abc", 0)
    assert letter.internaldate.tzinfo is UTC


@pytest.mark.parametrize("count", [b"", b"9" * 5000 + b" "])
def test_a_mail_server_s_count_of_letters_that_is_none_is_not_understood(count: bytes) -> None:
    """Also where a good one comes before it, which the library heeds alone."""
    script = ImapScript({"EXAMINE": b"* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* " + count + b"EXISTS\r\n"})
    with (
        ScriptedServer(script) as server,
        pytest.raises(ProtocolError, match="answer to folder INBOX is not understood"),
        server.session(),
    ):
        pass


NESTED = b"(FETCH " * 1500


def test_a_mail_server_s_answer_nested_a_thousand_deep_is_not_understood_and_ends_no_watch() -> None:
    for doing, answers in (
        ("SEARCH", {"UID SEARCH": b"* SEARCH 2 " + NESTED + b"\r\n"}),
        ("FETCH", {"UID SEARCH": b"* SEARCH 7\r\n", "UID FETCH": b"* 1 FETCH (UID 7 FLAGS " + NESTED + b"\r\n"}),
    ):
        with ScriptedServer(ImapScript(answers)) as server, server.session() as session:
            session.examine("INBOX")
            with pytest.raises(ProtocolError, match=rf"answer to {doing}.* is not understood"):
                session.find_last_uid()
                list(session.fetch_new(0, 10, 1000))
