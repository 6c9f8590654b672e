"""A connection to an IMAP account: the steps there, the errors told, the end. The home of imapclient.

Answers for turning whatever the libraries raise into ``failures``, and for never hanging. Refuses to know folders and
letters; ``imap`` does.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from imapclient import IMAPClient, SocketTimeout, imap_utf7  # type: ignore[import-untyped]
from imapclient.exceptions import CapabilityError  # type: ignore[import-untyped]
from imapclient.exceptions import ProtocolError as BadSyntax

from wherefrom import __version__
from wherefrom.mail.failures import (
    ConnectionLost,
    LoginFailed,
    MailboxError,
    ProtocolError,
    Throttled,
    TlsFailed,
    quote,
    read_refusal,
)
from wherefrom.mail.token_login import log_in_by_token
from wherefrom.mail.wire import Found, Wire, open_socket, resolve, tls_context, within, wrap
from wherefrom.networks import Network

Security = Literal["tls", "starttls", "none"]

_GOODBYE_SECONDS = 2.0
_PARSING = (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """Where and as whom. ``ca_file``: certificates to trust instead of the system's authorities. ``token``: an OAuth
    access token, which goes instead of the password. ``allowed``: the networks the host may lie in beside the public
    internet; None for any."""

    host: str
    port: int
    security: Security
    username: str
    password: str = field(repr=False)
    ca_file: str | None = None
    token: str = field(default="", repr=False)
    allowed: tuple[Network, ...] | None = None


class Connection:
    """A connection to ``account``; ``connect`` walks its four steps. ``timeout`` is in seconds, for each step and each
    wait for an answer.

    Every method raises ``MailboxError``s only. After ConnectionLost it is of no more use: close it, make another.
    """

    def __init__(self, account: ImapAccount, timeout: float) -> None:
        self.account = account
        self.timeout = timeout
        self._addresses: Found = []
        self._socket: Any = None
        self._client: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connect(self) -> None:
        """Resolves, opens, secures, logs in. Raises the error of the step that failed and leaves nothing open."""
        try:
            self.resolve()
            self.open()
            self.secure()
            self.login()
        except MailboxError:
            self.close()
            raise

    def resolve(self) -> str:
        """Step 1: the host's addresses; returns the first. DnsFailed, HostRefused."""
        self._addresses = resolve(self.account.host, self.account.port, self.timeout, self.account.allowed)
        return str(self._addresses[0][4][0])

    def open(self) -> None:
        """Step 2: a connection. ConnectionRefused, Unreachable."""
        self._socket = open_socket(self._addresses, self.account.host, self.account.port, self.timeout)

    def secure(self) -> str:
        """Step 3: TLS as the account says; returns its version, or "" without. TlsFailed."""
        account = self.account
        if account.security == "none":
            return ""
        context = tls_context(account.ca_file)
        if account.security == "tls":
            self._socket.settimeout(self.timeout)
            self._socket = wrap(self._socket, account.host, context)
        else:
            self._greet()
            with self._telling("STARTTLS"):
                try:
                    within(self._wire, self.timeout, lambda: self._client.starttls(context))
                except CapabilityError:
                    raise TlsFailed(
                        f"{account.host} offers no STARTTLS on port {account.port}",
                        hint="Choose security “tls” with port 993.",
                    ) from None
            self._socket = self._wire.sock
        return str(self._socket.version() or "TLS")

    def certificate(self) -> bytes | None:
        """The server's certificate (DER), which was found right; None over an unprotected connection."""
        return self._socket.getpeercert(binary_form=True) if isinstance(self._socket, ssl.SSLSocket) else None

    def login(self) -> None:
        """Step 4: LoginFailed, Throttled; ProtocolError when it is no IMAP server at all."""
        self._greet()
        if self._wire.state == "NONAUTH":
            with self._telling("login"):
                within(self._wire, self.timeout, self._authenticate)
        # 163.com shows no folder to programs that do not say who they are.
        with self._telling("ID"), contextlib.suppress(CapabilityError, imaplib.IMAP4.error):
            within(self._wire, self.timeout, lambda: self._client.id_({"name": "Wherefrom", "version": __version__}))

    def close(self) -> None:
        """Says goodbye when there is somebody to hear it, and closes. At most two seconds, never an error."""
        client, self._client = self._client, None
        connection, self._socket = self._socket, None
        if client is not None and not client._imap.gone:
            with contextlib.suppress(Exception):
                within(client._imap, _GOODBYE_SECONDS, client.logout)
        if client is not None:
            client._imap.shutdown()
        elif connection is not None:
            connection.close()

    def interrupt(self) -> None:
        """Ends whatever the session's thread waits for, with ConnectionLost there. May be called from any thread."""
        client, connection = self._client, self._socket
        connection = client._imap.sock if client is not None else connection
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    # ------------------------------------------------------------------ inside

    @property
    def _wire(self) -> Wire:
        if self._client is None:
            raise ConnectionLost("There is no connection", hint="Connect first.")
        wire: Wire = self._client._imap
        return wire

    def _greet(self) -> None:
        if self._client is not None:
            return
        account = self.account
        try:
            with self._telling("connection"):
                self._client = _Client(self._socket, account, self.timeout)
        except ConnectionLost as error:
            hint = "Is it an IMAP server? Port 993 goes with security “tls”, port 143 with “starttls”."
            raise ConnectionLost(f"{account.host} did not greet on port {account.port}: {error}", hint=hint) from None

    def _authenticate(self) -> None:
        account, client = self.account, self._client
        if any(char < " " or char == "\x7f" for char in account.username + account.password):
            raise LoginFailed("User name or password contain a control character", hint="Enter them once more.")
        if account.token:
            log_in_by_token(client, account.host, account.port, account.username, account.token)
        elif client.has_capability("AUTH=PLAIN"):
            client.plain_login(account.username, account.password)
        elif client.has_capability("LOGINDISABLED"):
            raise read_refusal("LOGINDISABLED", "login", account.host)
        elif not (account.username + account.password).isascii():
            raise LoginFailed(
                "This server takes only ASCII characters in user name and password",
                hint="Set a password of letters, digits and common signs.",
            )
        else:
            quoted = account.username.replace("\\", "\\\\").replace('"', '\\"')
            client.login(f'"{quoted}"', account.password)

    @contextlib.contextmanager
    def _telling(self, doing: str) -> Iterator[None]:
        """Turns what the libraries raise into this room's errors."""
        try:
            yield
        except MailboxError:
            raise
        except imaplib.IMAP4.abort as error:
            self._mark_gone()
            raise self._read_abort(_said(error), doing) from None
        except BadSyntax as error:
            raise ProtocolError(f"The server's answer to {doing} is not understood: {_said(error)[:200]}") from None
        except imaplib.IMAP4.error as error:
            raise read_refusal(_said(error), doing, self.account.host) from None
        except OSError as error:
            self._mark_gone()
            raise ConnectionLost(f"The connection to {self.account.host} broke: {error}") from None
        except _PARSING as error:
            raise ProtocolError(f"The server's answer to {doing} is not understood: {error}"[:300]) from None

    def _read_abort(self, said: str, doing: str) -> MailboxError:
        host, port = self.account.host, self.account.port
        kind, _, answer = said.partition("response: ")
        if kind == "unexpected " or "unterminated" in said:
            shown = _REPR.match(answer)
            return ProtocolError(
                f"{host} does not speak IMAP on port {port}; it says {quote(shown[2] if shown else said)}",
                hint="Check host and port: 993 with security “tls”, 143 with “starttls”.",
            )
        refusal = read_refusal(said, doing, host)
        if isinstance(refusal, Throttled):
            return refusal
        return ConnectionLost(f"{host} ended the connection: {quote(said)}")

    def _mark_gone(self) -> None:
        if self._client is not None:
            self._client._imap.gone = True


class _Client(IMAPClient):  # type: ignore[misc]
    """imapclient on a connection that is there already."""

    def __init__(self, connection: Any, account: ImapAccount, timeout: float) -> None:
        self._connection = connection
        self._account = account
        super().__init__(
            account.host, account.port, ssl=account.security == "tls", timeout=SocketTimeout(timeout, timeout)
        )
        self.normalise_times = False
        # imapclient switches imaplib's debugging on, which prints every letter into a string nobody reads: the greater
        # part of its cost.
        self._imap.debug = 0

    def list_raw_folders(self) -> Any:
        """As ``list_folders``, with names as the server sends them: one that cannot be read must not hide the rest."""
        self.folder_encode = False
        try:
            return self.list_folders()
        finally:
            self.folder_encode = True

    def _create_IMAP4(self) -> Wire:  # noqa: N802
        timeout = float(self._timeout.read)
        return Wire(self._connection, self._account.host, self._account.port, timeout)


def read_name(raw: bytes | str) -> str | None:
    """A folder's name out of IMAP's UTF-7 (RFC 3501, 5.1.3); None when it is none, and cannot be asked for."""
    if isinstance(raw, str):
        return raw
    try:
        name: str = imap_utf7.decode(raw)
    except _PARSING:
        return None
    return name


_WRAPPING = re.compile(r"^(?:[A-Za-z]+ (?:failed|command error|error|=>):? *(?:BAD |NO )?|command: \w+ => )+")
_REPR = re.compile(r"^\[?b(['\"])(.*)\1\]?$", re.DOTALL)


def _said(error: Exception) -> str:
    """The server's words, out of what imaplib and imapclient wrap around them."""
    said = error.args[0] if error.args else ""
    text = _WRAPPING.sub("", said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said))
    shown = _REPR.match(text)
    return shown[2] if shown else text
