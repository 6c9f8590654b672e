"""A mail server that says what a test tells it to: for what no real one can be made to do. Real sockets, no mocks."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from wherefrom.mail.imap import ImapAccount, ImapSession

Answer = bytes | Callable[["Talk", bytes], None]
"""Bytes: untagged lines, then the tagged OK follows; when they begin with ``NO `` or ``BAD `` they are the tagged
answer itself. A function answers by itself."""

GREETING = b"* OK ready\r\n"
SELECTED = (
    b"* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* 0 RECENT\r\n"
    b"* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 4] ok\r\n* OK [READ-ONLY] x\r\n"
)
DEFAULTS: dict[str, Answer] = {
    "CAPABILITY": b"* CAPABILITY IMAP4rev1 IDLE\r\n",
    "LOGIN": b"",
    "EXAMINE": SELECTED,
    "NOOP": b"",
    "LOGOUT": b"* BYE bye\r\n",
}


class Talk:
    """One connection as the server sees it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._lines = connection.makefile("rb")

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def read_line(self) -> bytes:
        """The next line without its end; b"" when the client has gone."""
        return self._lines.readline().rstrip(b"\r\n")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()

    def reset(self) -> None:
        """Ends the connection as a crash does: RST, with nothing said."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._lines.close()  # else the socket stays open below it
        self.connection.close()


class ScriptedServer:
    """Runs ``play`` for each connection, in a thread of its own. ``seen`` are all lines clients sent, in order."""

    def __init__(self, play: Callable[[Talk], object]) -> None:
        self._play = play
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._talks: list[Talk] = []
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for talk in self._talks:
            talk.close()
        for thread in self._threads:
            thread.join(5)

    def account(self, **changes: str) -> ImapAccount:
        """An unprotected account on this server."""
        values = {"username": "anna", "password": "secret", **changes}
        return ImapAccount(host="127.0.0.1", port=self.port, security="none", **values)

    def session(self, timeout: float = 5.0) -> ImapSession:
        """A session that is logged in, with a folder open."""
        session = ImapSession(self.account(), timeout)
        session.connect()
        session.examine("INBOX")
        return session

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                talk = Talk(connection)
                self._talks.append(talk)
                self._start(lambda talk=talk: self._run(talk))  # type: ignore[misc]

    def _run(self, talk: Talk) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._play(talk)


class ImapScript:
    """Speaks IMAP by a table: the command (``UID FETCH`` with its ``UID``) → its answer. What it was asked is kept."""

    def __init__(self, answers: Mapping[str, Answer] | None = None, greeting: bytes = GREETING) -> None:
        self.answers: dict[str, Answer] = {**DEFAULTS, **(answers or {})}
        self.greeting = greeting
        self.asked: list[bytes] = []

    def __call__(self, talk: Talk) -> None:
        talk.send(self.greeting)
        while line := talk.read_line():
            self.asked.append(line)
            tag, _, command = line.partition(b" ")
            words = command.decode("latin-1").upper().split(" ", 2)
            name = " ".join(words[:2]) if words[0] == "UID" else words[0]
            answer = self.answers.get(name, b"BAD what is that?")
            if callable(answer):
                answer(talk, line)
            elif answer.startswith((b"NO ", b"BAD ")):
                talk.send(tag + b" " + answer + b"\r\n")
            else:
                talk.send(answer + tag + b" OK done\r\n")


def tag_of(line: bytes) -> bytes:
    return line.partition(b" ")[0]
