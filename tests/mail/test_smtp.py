"""Handing letters in: whatever goes wrong is told in words, and whose fault it is."""

import ssl
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.support.certificates import Certificates, make_certificates
from tests.support.ports import LOOPBACK, free_port
from tests.support.smtp_sink import SmtpSink
from wherefrom.mail.smtp import RecipientRefused, SenderFailed, SmtpAccount, hand_in

RAW = b"From: a@b.example\r\nSubject: x\r\n\r\nHello\r\n.\r\nstill here\r\n"


def account(sink: SmtpSink, **more: object) -> SmtpAccount:
    return SmtpAccount(**({"host": sink.host, "port": sink.port, "security": "none", "timeout": 60.0} | more))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("smtp"))


@pytest.fixture
def submission(certificates: Certificates) -> Iterator[SmtpSink]:
    """A server that wants STARTTLS and a login, as providers' do."""
    sink = SmtpSink()

    def check(_server: object, _session: object, _envelope: object, _mechanism: str, data: object) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"anna", b"secret")
        return AuthResult(success=good, handled=False)

    controller = Controller(
        sink, hostname=LOOPBACK, port=sink.port, tls_context=certificates.server_context(), require_starttls=True,
        authenticator=check, auth_required=True, ready_timeout=60,
    )  # fmt: skip
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()


@pytest.fixture
def wrapped(certificates: Certificates) -> Iterator[SmtpSink]:
    """A server that speaks TLS from the first byte."""
    sink = SmtpSink()
    controller = Controller(
        sink, hostname=LOOPBACK, port=sink.port, ssl_context=certificates.server_context(), ready_timeout=60
    )
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()


async def test_a_letter_arrives_as_it_was_written(smtp_sink: SmtpSink) -> None:
    await hand_in(account(smtp_sink), "a@b.example", "c@d.example", RAW)
    letter = await smtp_sink.next()
    assert (letter.sender, letter.recipients, letter.raw) == ("a@b.example", ("c@d.example",), RAW)


@pytest.mark.parametrize(
    ("answer", "permanent"), [("550 5.1.1 no such user", True), ("451 4.7.1 greylisted, come back", False)]
)
async def test_a_refused_recipient_is_told_apart_for_good_and_for_now(
    smtp_sink: SmtpSink, answer: str, permanent: bool
) -> None:
    smtp_sink.refuse("c@d.example", answer)
    with pytest.raises(RecipientRefused) as caught:
        await hand_in(account(smtp_sink), "a@b.example", "c@d.example", RAW)
    assert caught.value.permanent is permanent
    assert answer.partition(" ")[2] in caught.value.detail
    assert caught.value.hint


async def test_an_address_that_no_server_can_be_told_of_is_refused_for_good(smtp_sink: SmtpSink) -> None:
    with pytest.raises(RecipientRefused, match="other letters than ASCII") as refused:
        await hand_in(account(smtp_sink), "a@b.example", "käthe@shop.example", RAW)
    assert refused.value.permanent
    with pytest.raises(SenderFailed):
        await hand_in(account(smtp_sink), "käthe@b.example", "ann@shop.example", RAW)


async def test_starttls_and_a_login_are_used_as_set(submission: SmtpSink, certificates: Certificates) -> None:
    good = account(
        submission, host="localhost", security="starttls", username="anna", password="secret",
        ca_file=str(certificates.ca_file),
    )  # fmt: skip
    await hand_in(good, "a@b.example", "c@d.example", RAW)
    assert (await submission.next()).raw == RAW


async def test_tls_from_the_first_byte_is_used_as_set(wrapped: SmtpSink, certificates: Certificates) -> None:
    good = account(wrapped, host="localhost", security="tls", ca_file=str(certificates.ca_file))
    await hand_in(good, "a@b.example", "c@d.example", RAW)
    assert (await wrapped.next()).raw == RAW


async def test_a_wrong_password_is_told_and_not_shown(submission: SmtpSink, certificates: Certificates) -> None:
    bad = account(
        submission, host="localhost", security="starttls", username="anna", password="not this",
        ca_file=str(certificates.ca_file),
    )  # fmt: skip
    with pytest.raises(SenderFailed, match="refuses user name or password") as caught:
        await hand_in(bad, "a@b.example", "c@d.example", RAW)
    assert "not this" not in f"{caught.value}{caught.value.hint}{bad!r}"
    assert "app password" in caught.value.hint


async def test_a_server_without_starttls_gets_no_letter(smtp_sink: SmtpSink) -> None:
    with pytest.raises(SenderFailed) as caught:
        await hand_in(account(smtp_sink, security="starttls"), "a@b.example", "c@d.example", RAW)
    assert "smtp.security" in caught.value.hint
    assert smtp_sink.letters == []


async def test_a_certificate_nobody_trusts_gets_no_letter(wrapped: SmtpSink) -> None:
    with pytest.raises(SenderFailed) as caught:
        await hand_in(account(wrapped, host="localhost", security="tls"), "a@b.example", "c@d.example", RAW)
    assert "certificate" in caught.value.detail.lower()
    assert wrapped.letters == []


async def test_tls_on_a_plain_port_is_told_with_the_ports_to_try(smtp_sink: SmtpSink) -> None:
    with pytest.raises(SenderFailed) as caught:
        await hand_in(account(smtp_sink, security="tls"), "a@b.example", "c@d.example", RAW)
    assert "465" in caught.value.hint


async def test_a_certificate_file_that_is_none_is_named(smtp_sink: SmtpSink) -> None:
    with pytest.raises(SenderFailed, match=r"nowhere\.pem"):
        await hand_in(account(smtp_sink, security="tls", ca_file="nowhere.pem"), "a@b.example", "c@d.example", RAW)


async def test_nobody_listening_is_told_with_host_and_port() -> None:
    port = free_port()
    with pytest.raises(SenderFailed, match=rf"127\.0\.0\.1:{port} does not answer") as caught:
        await hand_in(SmtpAccount(LOOPBACK, port, "none", timeout=3), "a@b.example", "c@d.example", RAW)
    assert "smtp.host" in caught.value.hint


def test_the_context_of_the_tests_checks_names(certificates: Certificates) -> None:
    assert certificates.client_context().check_hostname
    assert certificates.client_context().verify_mode is ssl.CERT_REQUIRED
