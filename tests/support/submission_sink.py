"""A mail server on loopback that takes letters as providers do: with or without TLS and login, and with a bad day when
a test wants one. Real sockets, real TLS, aiosmtpd behind them."""

import asyncio
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.arrivals import Arrivals
from tests.support.certificates import Certificates
from tests.support.ports import LOOPBACK, free_port
from tests.support.smtp_sink import Letter

DROP = "drop"
"""In place of an answer: the connection is cut."""
LOST = "lost"
"""In place of the answer to a letter: it is taken, and the connection is cut before that is said."""


@dataclass
class Line:
    """One connection: how many letters came over it, and who logged in."""

    letters: int = 0
    open: bool = True
    login: str = ""


class SubmissionSink:
    """The server. `answer(stage, *answers)` scripts what the next commands of that stage hear: LOGIN, MAIL, RCPT (also
    of one recipient alone, "RCPT a@b.example"), DATA (after the whole letter). `hold` makes letters wait for their
    answer until it is released."""

    host = LOOPBACK

    def __init__(
        self, *, certificates: Certificates | None = None, wrapped: bool = False, login: tuple[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.password = login
        self.lines: list[Line] = []
        self.arrived = Arrivals[Letter]("letter")
        self.most_at_once = 0
        self.most_lines = 1_000  # whoever comes as one more is not let in
        self._certificates = certificates
        self._wrapped = wrapped
        self._answers: dict[str, list[str]] = {}
        self._always: dict[str, str] = {}
        self._open = threading.Event()
        self._open.set()
        self._held = 0
        self._controller: _Controller | None = None

    @property
    def security(self) -> str:
        """How a client has to connect."""
        return "none" if self._certificates is None else "tls" if self._wrapped else "starttls"

    @property
    def letters(self) -> list[Letter]:
        return self.arrived.all

    @property
    def held(self) -> int:
        """Letters that are in the server's hands, and have no answer yet."""
        return self._held

    async def wait_held(self, number: int, timeout: float = 60.0) -> None:
        """Until so many letters are in the server's hands without an answer."""
        async with asyncio.timeout(timeout):
            while self._held < number:  # noqa: ASYNC110 - it is counted in the server's thread
                await asyncio.sleep(0.005)

    def answer(self, stage: str, *answers: str) -> None:
        """These lines, one for each of the next commands of the stage; "" lets one pass."""
        self._answers.setdefault(stage, []).extend(answers)

    def always(self, stage: str, answer: str | None) -> None:
        """This line whenever the stage comes, until told otherwise."""
        if answer is None:
            self._always.pop(stage, None)
        else:
            self._always[stage] = answer

    def hold(self) -> None:
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        context = self._certificates.server_context() if self._certificates else None
        more: dict[str, Any] = {"ready_timeout": 60}
        if context is not None:
            more |= {"ssl_context": context} if self._wrapped else {"tls_context": context, "require_starttls": True}
        if self.password is not None:
            more |= {"authenticator": self._check, "auth_required": True}
            more["auth_require_tls"] = context is not None and not self._wrapped  # which aiosmtpd does not see
        self._controller = _Controller(self, hostname=self.host, port=self.port, **more)
        self._controller.start()
        self.lines.clear()  # starting it tries a connection

    def stop(self) -> None:
        """Refuses connections from now on, and cuts those that are open."""
        self.release()
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def scripted(self, *stages: str) -> str | None:
        """What the first of these stages that is scripted has to say."""
        for stage in stages:
            if self._answers.get(stage):
                return self._answers[stage].pop(0) or None
            if stage in self._always:
                return self._always[stage]
        return None

    def _check(self, server: "_Server", _s: Session, _e: Envelope, _mechanism: str, data: object) -> AuthResult:
        if (said := self.scripted("LOGIN")) is not None:
            return AuthResult(success=False, handled=False, message=said)
        known = isinstance(data, LoginPassword) and (data.login.decode(), data.password.decode()) == self.password
        if known and isinstance(data, LoginPassword):
            server.line.login = data.login.decode()
        return AuthResult(success=known, handled=False)

    async def handle_EHLO(  # noqa: N802
        self, server: "_Server", session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        session.host_name = hostname
        full = sum(line.open for line in self.lines) > self.most_lines
        return ["421 4.7.0 too many connections"] if full else answers

    async def handle_MAIL(  # noqa: N802
        self, server: "_Server", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (said := self.scripted("MAIL")) is not None:
            return server.say(said)
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 ok"

    async def handle_RCPT(  # noqa: N802
        self, server: "_Server", session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (said := self.scripted(f"RCPT {address}", "RCPT")) is not None:
            return server.say(said)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server: "_Server", session: Session, envelope: Envelope) -> str:  # noqa: N802
        said = self.scripted("DATA")
        if said in (None, LOST):
            raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
            server.line.letters += 1
            self.arrived.append(Letter(envelope.mail_from or "", tuple(envelope.rcpt_tos), raw, datetime.now(UTC)))
        self._held += 1
        self.most_at_once = max(self.most_at_once, self._held)
        try:
            if not self._open.is_set():
                await asyncio.to_thread(self._open.wait)
        finally:
            self._held -= 1
        if said is None:
            return f"250 2.0.0 queued as {len(self.letters)}"
        return server.say(DROP if said == LOST else said)


class _Server(SMTP):
    def connection_made(self, transport: Any) -> None:
        sink = self.event_handler
        if not hasattr(self, "line"):  # it is made once more when TLS begins
            self.line = Line()
            sink.lines.append(self.line)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.line.open = False
        super().connection_lost(error)

    def say(self, answer: str) -> str:
        if answer == DROP:
            assert self.transport is not None
            self.transport.abort()  # type: ignore[attr-defined]
            return "421 gone"
        return answer


class _Controller(Controller):
    def factory(self) -> SMTP:
        return _Server(self.handler, **self.SMTP_kwargs)
