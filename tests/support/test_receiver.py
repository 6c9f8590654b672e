"""The HTTP receiver keeps what it is sent and answers as scripted, badly if told so; the SMTP sink keeps letters."""

import asyncio
import smtplib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.support.certificates import make_certificates
from tests.support.receiver import Answer, Receiver
from tests.support.smtp_sink import SmtpSink


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        yield client


async def test_a_request_is_kept_whole(receiver: Receiver, http: httpx.AsyncClient) -> None:
    answer = await http.post(f"{receiver.url}/hook?a=1", content=b'{"n": 1}', headers={"X-Signature": "v1,abc"})
    received = await receiver.next()
    assert (answer.status_code, answer.content) == (200, b"")
    assert (received.method, received.path, received.json()) == ("POST", "/hook?a=1", {"n": 1})
    assert received.headers["x-signature"] == "v1,abc"
    assert received.at.utcoffset() is not None
    assert receiver.requests == [received]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"])
async def test_every_method_is_taken(receiver: Receiver, http: httpx.AsyncClient, method: str) -> None:
    assert (await http.request(method, receiver.url)).status_code == 200
    assert (await receiver.next()).method == method


async def test_answers_are_given_in_their_order_and_then_the_default(
    receiver: Receiver, http: httpx.AsyncClient
) -> None:
    receiver.answer(503, "busy", {"Retry-After": "7"})
    receiver.answer(200, {"order_id": "A-17"})
    receiver.default = Answer(410)
    first, second, third = [await http.get(receiver.url) for _ in range(3)]
    assert (first.status_code, first.text, first.headers["retry-after"]) == (503, "busy", "7")
    assert second.json() == {"order_id": "A-17"}
    assert third.status_code == 410


async def test_an_answer_for_a_path_waits_for_that_path(receiver: Receiver, http: httpx.AsyncClient) -> None:
    receiver.answer(500, path="/b")
    assert (await http.get(f"{receiver.url}/a")).status_code == 200
    assert (await http.get(f"{receiver.url}/b?x=1")).status_code == 500
    assert (await http.get(f"{receiver.url}/b")).status_code == 200


async def test_a_redirect_names_its_aim(receiver: Receiver, http: httpx.AsyncClient) -> None:
    receiver.redirect("http://inside.example/", 307)
    answer = await http.get(receiver.url)
    assert (answer.status_code, answer.headers["location"]) == (307, "http://inside.example/")


async def test_an_oversize_answer_has_the_bytes_it_says(receiver: Receiver, http: httpx.AsyncClient) -> None:
    receiver.oversize(300_001)
    assert len((await http.get(receiver.url)).content) == 300_001


async def test_a_client_that_leaves_an_oversize_answer_disturbs_nobody(
    receiver: Receiver, http: httpx.AsyncClient
) -> None:
    receiver.oversize(1 << 30)
    async with http.stream("GET", receiver.url) as answer:
        assert answer.status_code == 200
    assert (await http.get(receiver.url)).content == b""


async def test_a_hanging_request_is_kept_and_never_answered(receiver: Receiver, http: httpx.AsyncClient) -> None:
    receiver.hang()
    with pytest.raises(httpx.ReadTimeout):
        await http.get(f"{receiver.url}/slow", timeout=httpx.Timeout(10, read=0.2))
    assert (await receiver.next()).path == "/slow"


async def test_a_hanging_request_is_cut_when_the_server_stops(receiver: Receiver, http: httpx.AsyncClient) -> None:
    receiver.hang()
    waiting = asyncio.create_task(http.get(receiver.url))
    await receiver.next()
    receiver.stop()
    with pytest.raises(httpx.TransportError):
        await waiting


async def test_a_dropped_request_ends_in_a_reset(receiver: Receiver, http: httpx.AsyncClient) -> None:
    receiver.drop()
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await http.get(receiver.url)
    assert (await http.get(receiver.url)).status_code == 200


async def test_a_delayed_and_a_dripping_answer_take_their_time(receiver: Receiver, http: httpx.AsyncClient) -> None:
    receiver.answer(200, b"late", delay=0.15)
    receiver.answer(200, b"drop by drop", pace=0.02)
    for body, least in ((b"late", 0.15), (b"drop by drop", 0.2)):
        begun = time.monotonic()
        assert (await http.get(receiver.url)).content == body
        assert time.monotonic() - begun >= least


async def test_a_stopped_receiver_refuses_and_comes_back_on_its_port(
    receiver: Receiver, http: httpx.AsyncClient
) -> None:
    await http.get(f"{receiver.url}/1")
    receiver.stop()
    with pytest.raises(httpx.TransportError):
        async with httpx.AsyncClient(trust_env=False, timeout=60) as fresh:
            await fresh.get(receiver.url)
    receiver.start()
    await http.get(f"{receiver.url}/2")
    assert [request.path for request in receiver.requests] == ["/1", "/2"]


async def test_waiting_for_a_request_that_does_not_come_fails_and_says_so(receiver: Receiver) -> None:
    with pytest.raises(AssertionError, match="no further request came"):
        await receiver.next(timeout=0.05)


async def test_several_may_wait_and_each_gets_a_request_of_its_own(receiver: Receiver, http: httpx.AsyncClient) -> None:
    waiting = [asyncio.create_task(receiver.next()) for _ in range(3)]
    await asyncio.gather(*(http.get(f"{receiver.url}/{n}") for n in range(3)))
    assert {request.path for request in await asyncio.gather(*waiting)} == {"/0", "/1", "/2"}


async def test_a_receiver_with_a_certificate_speaks_tls(tmp_path: Path) -> None:
    certificates = make_certificates(tmp_path)
    receiver = Receiver(certificates)
    receiver.start()
    try:
        async with httpx.AsyncClient(verify=certificates.client_context(), trust_env=False) as client:
            assert (await client.post(f"{receiver.url}/hook", content=b"x")).status_code == 200
            receiver.drop()
            with pytest.raises(httpx.TransportError):
                await client.get(receiver.url)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as stranger:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get(receiver.url)
    finally:
        receiver.stop()
    assert [request.method for request in receiver.requests] == ["POST", "GET"]


async def test_a_letter_is_kept_with_its_envelope(smtp_sink: SmtpSink) -> None:
    with smtplib.SMTP(smtp_sink.host, smtp_sink.port, timeout=60) as client:
        client.sendmail("bounce+7@company.example", ["a@x.example", "b@x.example"], b"Subject: \xc3\xa4\r\n\r\nhi\r\n")
    letter = await smtp_sink.next()
    assert (letter.sender, letter.recipients) == ("bounce+7@company.example", ("a@x.example", "b@x.example"))
    assert letter.raw == b"Subject: \xc3\xa4\r\n\r\nhi\r\n"


async def test_a_recipient_is_refused_with_the_scripted_answer(smtp_sink: SmtpSink) -> None:
    smtp_sink.refuse("gone@x.example", "452 4.2.2 the mailbox is full")
    with smtplib.SMTP(smtp_sink.host, smtp_sink.port, timeout=60) as client:
        refused = client.sendmail("s@company.example", ["Gone@x.example", "b@x.example"], b"Subject: s\r\n\r\n")
    assert refused == {"Gone@x.example": (452, b"4.2.2 the mailbox is full")}
    assert (await smtp_sink.next()).recipients == ("b@x.example",)
