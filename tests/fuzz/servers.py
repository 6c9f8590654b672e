"""What servers answer us: IMAP, SMTP, and who our webhooks are posted to.

Real sockets on loopback; an answer that is not whole ends with the connection, so that nobody waits for the rest of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime

from tests.fuzz.target import Feed, Target
from tests.mail.scripted import DEFAULTS, GREETING, SELECTED
from wherefrom.mail.failures import MailboxError
from wherefrom.mail.imap import ImapAccount, ImapSession
from wherefrom.mail.smtp import SmtpAccount, SmtpError, hand_in
from wherefrom.mail.submission import Submission
from wherefrom.settings import Settings, Webhooks
from wherefrom.webhooks.deal import find_deal
from wherefrom.webhooks.guard import client
from wherefrom.webhooks.post import post
from wherefrom.webhooks.retry import parse_retry_after

NOW = datetime(2026, 11, 22, tzinfo=UTC)
_LETTER = b"From: a@b.example\r\nSubject: x\r\n\r\nhi\r\n"
_PARTS = b"\x00\x00"  # between a command's name and its answer

IMAP_ANSWERS: dict[str, bytes] = {
    "GREETING": GREETING,
    "CAPABILITY": b"* CAPABILITY IMAP4rev1 IDLE UIDPLUS\r\n",
    "LOGIN": b"* CAPABILITY IMAP4rev1 IDLE\r\n",
    "LIST": b'* LIST (\\HasNoChildren) "/" INBOX\r\n* LIST (\\Junk) "/" "Spam &AOQ-"\r\n* LIST () NIL {3}\r\nabc\r\n',
    "EXAMINE": SELECTED + b"* OK [HIGHESTMODSEQ 9] x\r\n",
    "UID SEARCH": b"* SEARCH 1 2 3\r\n",
    "UID FETCH": (
        b'* 1 FETCH (UID 1 RFC822.SIZE 37 INTERNALDATE "03-Nov-2026 10:00:00 +0000" BODY[] {37}\r\n'
        + _LETTER
        + b")\r\n"
        b'* 2 FETCH (UID 2 RFC822.SIZE 3 FLAGS (\\Seen) INTERNALDATE " 3-Nov-2026 10:00:00 +0000" BODY[] "abc")\r\n'
        b"* 3 FETCH (UID 3 RFC822.SIZE 0 BODY[] NIL)\r\n"
    ),
    "NOOP": b"* 4 EXISTS\r\n* 1 EXPUNGE\r\n",
    "IDLE": b"+ idling\r\n* 5 EXISTS\r\n",
}
IMAP_WORDS = (
    b"* ", b"+ ", b"* BYE x\r\n", b" OK ", b"NO ", b"BAD ", b"[UIDVALIDITY 0]", b"[UIDNEXT 99999999999]", b"{5}\r\n",
    b"{9999999}", b"NIL", b"()", b'"', b"\\", b"EXISTS", b"EXPUNGE", b"FETCH (", b"UID 0", b"BODY[]", b"SEARCH",
    b"[ALERT]", b"~{3}\r\n",
)  # fmt: skip


def imap_seeds() -> Sequence[bytes]:
    return [name.encode() + _PARTS + answer for name, answer in IMAP_ANSWERS.items()]


class _ImapServer:
    """Plays the table, with one answer of it replaced; one connection after the other."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.replaced: tuple[str, bytes] = ("", b"")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(5)
                    self._play(connection)

    def _play(self, connection: socket.socket) -> None:
        name, answer = self.replaced
        connection.sendall(answer if name == "GREETING" else GREETING)
        if name == "GREETING" and not (answer.startswith(b"* ") and answer.endswith(b"\r\n")):
            return
        with connection.makefile("rb") as lines:
            while line := lines.readline():
                tag, _, command = line.rstrip().partition(b" ")
                words = command.decode("latin-1").upper().split(" ", 2)
                asked = " ".join(words[:2]) if words[0] == "UID" else words[0]
                told = answer if asked == name else IMAP_ANSWERS.get(asked, DEFAULTS.get(asked, b""))
                if asked == "IDLE":
                    connection.sendall(told)
                    if not told.startswith(b"+ ") or b"DONE" not in lines.readline():
                        return
                    connection.sendall(tag + b" OK done\r\n")
                    continue
                connection.sendall(told + tag + b" OK done\r\n")
                if asked == name and not told.endswith(b"\r\n"):
                    return


@contextlib.contextmanager
def open_imap() -> Iterator[Feed]:
    server = _ImapServer()

    def read(data: bytes) -> None:
        name, _, answer = data.partition(_PARTS)
        server.replaced = (name.decode("latin-1"), answer)
        account = ImapAccount("127.0.0.1", server.port, "none", "anna", "secret")
        with contextlib.suppress(MailboxError), ImapSession(account, 0.5) as session:
            _use(session)

    try:
        yield read
    finally:
        server.close()


def _use(session: ImapSession) -> None:
    session.connect()
    _ = session.has_idle, session.capabilities
    session.list_folders()
    state = session.examine("INBOX")
    numbers = [state.uidvalidity, state.uidnext, state.exists, state.highestmodseq, session.find_last_uid()]
    session.list_uids(1, 9)
    for letter in session.fetch_new(0, 10, 100_000):
        assert len(letter.raw) <= 100_000
        numbers += [letter.uid, letter.size]
    assert all(number is None or 0 <= number < 1 << 63 for number in numbers), numbers
    session.noop()
    session.idle(0.05)


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Use = Callable[[int, bytes], Awaitable[None]]


@contextlib.contextmanager
def _serving(play: Callable[[bytes], Talk], use: Use) -> Iterator[Feed]:
    """``use`` talks to a server that plays the input."""
    with asyncio.Runner() as runner:
        current: list[bytes] = [b""]

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, ValueError):
                await play(current[0])(reader, writer)
            with contextlib.suppress(OSError):
                writer.close()

        server = runner.run(asyncio.start_server(serve, "127.0.0.1", 0))
        port = server.sockets[0].getsockname()[1]

        def feed(data: bytes) -> None:
            current[0] = data
            runner.run(use(port, data))

        try:
            yield feed
        finally:
            server.close()


def smtp_seeds() -> Sequence[bytes]:
    ok = [b"220 mx.example ESMTP", b"250-mx.example\r\n250-SIZE 1000000\r\n250 AUTH PLAIN LOGIN", b"235 2.7.0 welcome"]
    rest = [b"250 2.1.0 ok", b"250 2.1.5 ok", b"354 go on", b"250 2.0.0 queued as 7", b"221 bye"]
    refused = [
        b"550 5.1.1 no such user",
        b"452-4.2.2 full\r\n452 4.2.2 try again",
        b"421 4.7.0 too many",
        b"535 5.7.8 no",
    ]
    return [_PARTS.join([*ok, *rest]), *(_PARTS.join([*ok, *rest[:1], one, *rest[1:]]) for one in refused)]


def _play_smtp(data: bytes) -> Talk:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in data.split(_PARTS)[:12]:
            writer.write(answer + b"\r\n")
            await writer.drain()
            if not answer[:3].isdigit() or answer.rpartition(b"\n")[2][3:4] not in (b" ", b""):
                return
            line = await reader.readline()
            if answer.startswith(b"354"):
                while line and line != b".\r\n":
                    line = await reader.readline()
            if not line:
                return

    return play


async def _use_smtp(port: int, data: bytes) -> None:
    login = {"username": "anna", "password": "secret"} if len(data) % 2 else {}
    account = SmtpAccount("127.0.0.1", port, "none", timeout=0.5, **login)
    with contextlib.suppress(SmtpError):
        await hand_in(account, "a@b.example", "c@d.example", _LETTER)
    submission = Submission(account, "greeter.example")
    try:
        with contextlib.suppress(SmtpError):
            await submission.connect()
            await submission.login()
            answer = await submission.hand_in("a@b.example", "c@d.example", _LETTER)
            _ = answer.status, answer.line
    finally:
        await submission.close()


def webhook_seeds() -> Sequence[bytes]:
    body = b'{"deal": {"number": "D-77"}}'
    return [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: y\r\n\r\n",
        b"HTTP/1.1 429 Too Many\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\n\r\n", b"HTTP/1.0 204 No Content\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 410 Gone\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ]  # fmt: skip


def _play_webhook(data: bytes) -> Talk:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(data)
        await writer.drain()

    return play


@contextlib.contextmanager
def open_webhook() -> Iterator[Feed]:
    settings = Settings(webhooks=Webhooks(allow=("127.0.0.0/8",), timeout_seconds=2))

    async def use(port: int, _data: bytes) -> None:
        async with client(settings) as http:
            answer = await post(http, f"http://127.0.0.1:{port}/crm", {"x-test": "1"}, b"{}", 2)
        assert len(answer.body) <= settings.webhooks.max_answer_bytes
        assert "\x00" not in answer.error + answer.excerpt
        find_deal(answer.body)
        parse_retry_after(answer.retry_after, NOW)

    with _serving(_play_webhook, use) as feed:
        yield feed


HTTP_WORDS = (
    b"HTTP/1.1 ", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n", b"FFFFFFFF\r\n", b"Retry-After: ",
    b"\r\n ",
    b"Set-Cookie: a=b\r\n", b"Content-Encoding: br\r\n", b"\x00", b"999 ", b"Connection: upgrade\r\n",
    b"Trailer: x\r\n",
)  # fmt: skip

_SMTP_WORDS = (_PARTS, b"250 ", b"250-", b"421 ", b"4", b"5.1.1 ")

TARGETS = (
    Target("imap", imap_seeds, open_imap, IMAP_WORDS, share=2, seconds=10.0),
    Target("smtp", smtp_seeds, lambda: _serving(_play_smtp, _use_smtp), _SMTP_WORDS, share=1, seconds=10.0),
    Target("webhook", webhook_seeds, open_webhook, HTTP_WORDS, share=1, seconds=10.0),
)
