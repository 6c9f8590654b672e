"""The guarded client against real servers (F06)."""

import asyncio
import contextlib
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.certificates import Certificates, make_certificates
from tests.support.receiver import Answer, Receiver
from wherefrom.errors import BadInput
from wherefrom.networks import parse_networks
from wherefrom.settings import Settings, Webhooks
from wherefrom.webhooks.guard import AnswerTooLarge, TargetRefused, client
from wherefrom.webhooks.post import post
from wherefrom.webhooks.url import check_url

LOOPBACK = ("127.0.0.1/32",)


class Names:
    """A resolver that gives its answers in turn, the last one for ever, and counts."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def guarded(
    allow: tuple[str, ...] = LOOPBACK,
    resolve: Names | Callable[..., object] | None = None,
    ssl_context: ssl.SSLContext | None = None,
    **webhooks: object,
) -> httpx.AsyncClient:
    return client(
        Settings(webhooks=Webhooks(allow=allow, **webhooks)),
        resolve=resolve,
        ssl_context=ssl_context,
    )


async def test_an_inside_server_is_not_reached_without_leave(receiver: Receiver):
    async with guarded(allow=()) as http:
        with pytest.raises(TargetRefused, match="this machine itself"):
            await http.post(receiver.url)
    assert receiver.requests == []


async def test_a_name_that_resolves_inside_is_not_reached_either(receiver: Receiver):
    async with guarded(allow=(), resolve=Names(["127.0.0.1"])) as http:
        with pytest.raises(TargetRefused, match=r"crm\.example \(127\.0\.0\.1\) is this machine itself"):
            await http.post(f"http://crm.example:{receiver.port}/")
    assert receiver.requests == []


async def test_an_allowed_inside_server_is_reached_by_name_with_its_host_header(receiver: Receiver):
    async with guarded(resolve=Names(["127.0.0.1"])) as http:
        answer = await http.post(f"http://crm.example:{receiver.port}/hook?a=1")
    assert answer.status_code == 200
    [request] = receiver.requests
    assert (request.path, request.headers["host"]) == ("/hook?a=1", f"crm.example:{receiver.port}")


async def test_one_forbidden_address_among_several_refuses_the_name(receiver: Receiver):
    async with guarded(resolve=Names(["127.0.0.1", "10.0.0.1"])) as http:
        with pytest.raises(TargetRefused, match=r"10\.0\.0\.1"):
            await http.post(f"http://crm.example:{receiver.port}/")
    assert receiver.requests == []


async def test_a_name_that_turns_inside_after_the_test_changes_nothing(receiver: Receiver):
    """DNS rebinding: the answer used for the connection is the answer that was tested, and a new connection is
    tested anew."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with guarded(resolve=names) as http:
        url = f"http://crm.example:{receiver.port}/"
        async with http.stream("POST", url, headers={"connection": "close"}) as answer:
            assert answer.extensions["network_stream"].get_extra_info("server_addr") == ("127.0.0.1", receiver.port)
            await answer.aread()
        assert names.asked == [("crm.example", receiver.port)]
        with pytest.raises(TargetRefused, match=r"127\.0\.0\.2"):
            await http.post(url)
    assert len(receiver.requests) == 1


async def test_the_next_address_is_tried_when_one_is_dead(receiver: Receiver):
    async with guarded(allow=("127.0.0.0/8",), resolve=Names(["127.0.0.9", "127.0.0.1"])) as http:
        assert (await http.post(f"http://crm.example:{receiver.port}/")).status_code == 200


async def test_the_system_resolver_is_asked_in_earnest(receiver: Receiver):
    async with guarded(allow=("127.0.0.0/8", "::1/128")) as http:
        assert (await http.post(f"http://localhost:{receiver.port}/")).status_code == 200
        answer = await post(http, "http://no-such-name.invalid/", {}, b"{}", 15)
    assert answer.status is None
    assert "no-such-name.invalid cannot be resolved" in answer.error


async def test_the_first_address_is_taken_when_it_lives(receiver: Receiver):
    async with guarded(allow=("127.0.0.0/8",), resolve=Names(["127.0.0.1", "127.0.0.9"])) as http:
        assert (await http.post(f"http://crm.example:{receiver.port}/")).status_code == 200


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::ffff:127.0.0.1]", "localhost"])
async def test_no_spelling_of_loopback_gets_through(receiver: Receiver, host: str):
    async with guarded(allow=()) as http:
        with pytest.raises((TargetRefused, httpx.InvalidURL)):
            await http.post(f"http://{host}:{receiver.port}/")
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://crm.example/", "only http: and https:"),
        ("http://user:secret@crm.example/", "user name or password"),
        ("http://crm.example:25/", "port 25"),
        ("http://crm.example:0/", "port 0"),
    ],
)
async def test_a_request_of_a_wrong_form_is_not_made(url: str, words: str):
    names = Names(["127.0.0.1"])
    async with guarded(resolve=names) as http:
        with pytest.raises(TargetRefused, match=words):
            await http.post(url)
    assert names.asked == []


async def test_redirects_are_not_followed(receiver: Receiver):
    receiver.redirect(receiver.url + "/elsewhere")
    async with guarded() as http:
        answer = await post(http, receiver.url, {}, b"{}", 15)
    assert (answer.status, answer.accepted) == (302, False)
    assert "/elsewhere" in answer.error
    assert "enter the final URL" in answer.error
    assert len(receiver.requests) == 1


async def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with guarded() as http:
        assert (await http.post(receiver.url)).status_code == 200
    assert receiver.requests[0].path == "/"


async def test_no_cookie_of_a_receiver_is_kept(receiver: Receiver):
    receiver.answer(200, headers={"Set-Cookie": "a=b; Path=/"})
    async with guarded() as http:
        await http.post(receiver.url)
        await http.post(receiver.url)
    assert "cookie" not in receiver.requests[1].headers


async def test_an_oversize_answer_is_cut_and_its_status_still_counts(receiver: Receiver):
    receiver.oversize(5_000_000)
    receiver.oversize(5_000_000)
    async with guarded(max_answer_bytes=4096) as http:
        with pytest.raises(AnswerTooLarge):
            await http.post(receiver.url)
        answer = await post(http, receiver.url, {}, b"{}", 15)
    assert answer.accepted
    assert len(answer.body) == 4096
    assert "longer than 4096 bytes" in answer.error


async def test_an_answer_of_exactly_the_cap_is_whole(receiver: Receiver):
    receiver.oversize(4096)
    async with guarded(max_answer_bytes=4096) as http:
        answer = await post(http, receiver.url, {}, b"{}", 15)
    assert (len(answer.body), answer.error) == (4096, "")


async def test_a_compressed_answer_is_not_unpacked(receiver: Receiver):
    receiver.answer(200, zlib.compress(b"\0" * 1_000_000), {"Content-Encoding": "deflate"})
    async with guarded() as http:
        answer = await post(http, receiver.url, {}, b"{}", 15)
    assert receiver.requests[0].headers["accept-encoding"] == "identity"
    assert answer.accepted
    assert answer.body == b""
    assert "compressed" in answer.error


async def test_silence_ends_after_the_timeout(receiver: Receiver):
    receiver.hang()
    async with guarded(timeout_seconds=1) as http:
        answer = await post(http, receiver.url, {}, b"{}", 1)
    assert (answer.status, answer.error) == (None, "no answer within 1 seconds")


async def test_a_dripping_answer_ends_after_the_same_timeout_and_its_status_counts(receiver: Receiver):
    receiver.queue(Answer(200, b"x" * 600, pace=0.1))
    async with guarded(timeout_seconds=2) as http:
        began = time.monotonic()
        answer = await post(http, receiver.url, {}, b"{}", 2)
    assert time.monotonic() - began < 30
    assert answer.accepted
    assert "did not end in time" in answer.error


async def test_a_resolver_that_hangs_ends_after_the_timeout():
    async def hang(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with guarded(resolve=hang, timeout_seconds=1) as http:
        answer = await post(http, "http://crm.example/", {}, b"{}", 1)
    assert answer.error == "the name crm.example was not resolved in time"


async def test_failures_are_told_in_words(receiver: Receiver):
    receiver.drop()
    async with guarded() as http:
        dropped = await post(http, receiver.url, {}, b"{}", 15)
        receiver.answer(503, "busy")
        busy = await post(http, receiver.url, {}, b"{}", 15)
    receiver.stop()
    async with guarded() as http:
        down = await post(http, receiver.url, {}, b"{}", 15)
    assert dropped.error.startswith(("the connection broke", "what answered does not speak HTTP"))
    assert (busy.error, busy.excerpt) == ("answered 503 Service Unavailable", "busy")
    assert down.error == "no connection: Connection refused"


async def test_what_is_no_http_server_is_told_in_words():
    async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(smtp, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with guarded() as http:
            answer = await post(http, f"http://127.0.0.1:{port}/", {}, b"{}", 15)
    assert answer.status is None
    assert answer.error.startswith("what answered does not speak HTTP")


@dataclass(frozen=True)
class Watching(Certificates):
    """Certificates of a server that notes which name the client asked for in TLS."""

    asked: list[str | None]

    def server_context(self) -> ssl.SSLContext:
        context = super().server_context()
        context.sni_callback = lambda _socket, name, _context: self.asked.append(name)
        return context


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[Receiver, Watching]]:
    """A TLS server whose certificate is good for crm.example."""
    made = make_certificates(tmp_path, ("crm.example",))
    watching = Watching(made.ca_file, made.cert_file, made.key_file, [])
    server = Receiver(watching)
    server.start()
    try:
        yield server, watching
    finally:
        server.stop()


async def test_tls_is_made_for_the_name_and_not_for_the_address(tls: tuple[Receiver, Watching]):
    server, watching = tls
    async with guarded(resolve=Names(["127.0.0.1"]), ssl_context=watching.client_context()) as http:
        answer = await http.post(f"https://crm.example:{server.port}/")
    assert answer.status_code == 200
    assert watching.asked == ["crm.example"]
    assert server.requests[0].headers["host"] == f"crm.example:{server.port}"


async def test_a_certificate_for_another_name_is_refused_in_words(tls: tuple[Receiver, Watching]):
    server, watching = tls
    async with guarded(resolve=Names(["127.0.0.1"]), ssl_context=watching.client_context()) as http:
        answer = await post(http, f"https://evil.example:{server.port}/", {}, b"{}", 15)
    assert answer.status is None
    assert "evil.example" in answer.error
    assert server.requests == []


async def test_an_authority_that_the_operator_installed_is_trusted(
    tls: tuple[Receiver, Watching], monkeypatch: pytest.MonkeyPatch
):
    server, watching = tls
    monkeypatch.setenv("SSL_CERT_FILE", str(watching.ca_file))  # where OpenSSL looks for the system's
    async with guarded(resolve=Names(["127.0.0.1"])) as http:
        answers = await asyncio.gather(*(http.post(f"https://crm.example:{server.port}/") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [200, 200, 200]


async def test_an_unknown_authority_is_refused_by_default(tls: tuple[Receiver, Watching]):
    server, _ = tls
    async with guarded(resolve=Names(["127.0.0.1"])) as http:
        answer = await post(http, f"https://crm.example:{server.port}/", {}, b"{}", 15)
    assert "certificate verify failed" in answer.error.lower()
    assert server.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://127.0.0.1:8080/hook", "https://10.0.0.1/", "http://192.168.0.1/", "http://[::1]/",
        "http://[::ffff:10.0.0.1]/", "http://[fe80::1]/", "http://169.254.169.254/latest/meta-data/", "http://127.1/",
        "http://2130706433/", "http://localhost/", "http://crm.localhost/", "http://LOCALHOST./", "http://0/",
        "http://[64:ff9b::7f00:1]/",
    ],
)  # fmt: skip
def test_a_literal_inside_address_is_refused_at_once_and_the_way_out_is_named(url: str):
    with pytest.raises(BadInput) as caught:
        check_url(url)
    assert "such addresses are not called" in str(caught.value)
    assert "webhooks.allow" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    ["", "crm.example/hook", "//crm.example/", "ftp://crm.example/", "file:///etc/passwd", "http://", "http:///x",
     "https://u:p@crm.example/", "https://u@crm.example/", "http://crm.example:22/", "http://crm.example:99999/",
     "http://crm.example:x/", "http://[::1", "http://[fe80::1%25eth0]/", "http://a b/", "http://crm.example/\x00",
     "http://crm.example/" + "x" * 2000],
)  # fmt: skip
def test_what_is_no_usable_url_is_refused_in_words(url: str):
    with pytest.raises(BadInput):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://crm.example/hook?x=1", "https://crm.example/hook?x=1"),
        (" HTTPS://CRM.Example:443/hook#part ", "https://crm.example/hook"),
        ("http://crm.example:8080", "http://crm.example:8080"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://crm/", "http://crm/"),
    ],
)
def test_a_good_url_is_kept_in_normal_form(url: str, normal: str):
    assert check_url(url) == normal


def test_an_allowed_literal_is_accepted():
    allowed = parse_networks(["127.0.0.0/8"])
    assert check_url("http://127.0.0.1:9000/hook", allowed) == "http://127.0.0.1:9000/hook"
    assert check_url("http://localhost:9000/hook", allowed) == "http://localhost:9000/hook"
    with pytest.raises(BadInput):
        check_url("http://10.0.0.1/", allowed)


@given(st.text(max_size=60))
def test_no_text_breaks_the_check(text: str):
    with contextlib.suppress(BadInput):
        assert check_url("http://" + text).startswith("http://")
