"""The way to a mail server: name, socket, TLS, and the bytes imaplib reads.

Answers for reaching a host with a limit on every wait, saying which step failed and why; for reading lines and literals
with a limit on their size; for knowing at any time whether the peer is gone. Refuses to know IMAP commands.

imaplib's own reader hides bytes in a buffer that ``poll`` cannot see, so a letter announced together with the answer to
IDLE would be noticed minutes late. This one shows what it holds.
"""

from __future__ import annotations

import imaplib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any

from wherefrom.mail.failures import (
    ConnectionLost,
    ConnectionRefused,
    DnsFailed,
    HostRefused,
    MailboxError,
    ProtocolError,
    TlsFailed,
    Unreachable,
)
from wherefrom.mail.spool import Spool
from wherefrom.networks import Network, refusal

MAX_LINE = 16_777_216
"""Bytes of one answer line: the UIDs of a million letters."""
_CHUNK = 262_144

Found = list[tuple[Any, ...]]  # what getaddrinfo returns


INSIDE_HINT = "An inside address is opened by the operator: add its network to mail.allow in settings.toml."


def why_refused(found: Found, host: str, allowed: Sequence[Network] | None) -> str | None:
    """Why none of the addresses that ``host`` has is called: one of them is neither public nor in ``allowed`` (None:
    any may be called, the operator named the host). None when they may."""
    for *_, address in found if allowed is not None else ():
        why = refusal(ip_address(address[0].partition("%")[0]), allowed or ())  # whatever network card it is bound to
        if why:
            return f"{host} is {why}, and mail servers there are not called"
    return None


def resolve(host: str, port: int, timeout: float, allowed: Sequence[Network] | None = None) -> Found:
    """The addresses of ``host``. DnsFailed; HostRefused, see ``why_refused``. The system's resolver knows no timeout:
    when late it is left behind."""
    found: list[Found] = []
    failed: list[OSError | UnicodeError] = []

    def look_up() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            failed.append(error)

    thread = threading.Thread(target=look_up, daemon=True, name=f"resolve {host}")
    thread.start()
    thread.join(timeout)
    if found and found[0]:
        if why := why_refused(found[0], host, allowed):
            raise HostRefused(why, hint=INSIDE_HINT)
        return found[0]
    hint = "Check the server's name for typing errors; the provider's help pages name it, often imap.….com."
    if failed and isinstance(failed[0], socket.gaierror) and failed[0].errno == socket.EAI_AGAIN:
        raise DnsFailed(f"The name server gave no answer for {host}", hint="Try again; if it stays, check the network.")
    if thread.is_alive():
        raise DnsFailed(f"The name server gave no answer for {host} in {timeout:.0f} s", hint="Check the network.")
    raise DnsFailed(f"There is no host {host}", hint=hint)


def open_socket(addresses: Found, host: str, port: int, timeout: float) -> socket.socket:
    """A connection to the first address that takes it. ConnectionRefused, Unreachable."""
    deadline = time.monotonic() + timeout
    errors: list[OSError] = []
    for family, kind, protocol, _, address in addresses:
        left = deadline - time.monotonic()
        if left <= 0:
            break
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(left)
            connection.connect(address)
        except OSError as error:
            connection.close()
            errors.append(error)
            continue
        _keep_alive(connection)
        return connection
    if errors and all(isinstance(error, ConnectionRefusedError) for error in errors):
        raise ConnectionRefused(
            f"{host} answers, but nothing listens on port {port}",
            hint="IMAP is on port 993 (security “tls”) or 143 (“starttls”). It may be switched off at the provider.",
        )
    reason = errors[-1].strerror if errors and errors[-1].strerror else f"no answer in {timeout:.0f} s"
    raise Unreachable(
        f"{host} cannot be reached on port {port}: {reason}",
        hint="Check host and port; a firewall between here and there may stop it.",
    )


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Checks certificates against the system's authorities, or against those in ``ca_file`` alone. TlsFailed."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ValueError):  # ssl.SSLError among them; in words that tell nothing of other files, see mail.trust
        raise TlsFailed(
            f"The certificate file {ca_file} is not there, may not be read, or is no PEM",
            hint="It must be a PEM file that the service may read.",
        ) from None


def wrap(connection: socket.socket, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """TLS on ``connection``. TlsFailed says what is wrong with the certificate, or that it is no TLS."""
    try:
        return context.wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        connection.close()
        raise TlsFailed(
            f"The certificate of {host} is not trusted: {error.verify_message}", hint=_certificate_hint(error)
        ) from None
    except ssl.SSLError as error:
        connection.close()
        raise TlsFailed(
            f"{host} does not speak TLS on this port: {error.reason or error}",
            hint="Port 993 goes with security “tls”, port 143 with “starttls”.",
        ) from None
    except OSError as error:
        connection.close()
        raise TlsFailed(
            f"{host} broke off while TLS was set up: {error.strerror or 'no answer'}",
            hint="Port 993 goes with security “tls”, port 143 with “starttls”.",
        ) from None


def _certificate_hint(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in (18, 19, 20, 21):  # self-signed, or its authority unknown
        return "If this is your own server, name the file of its authority (PEM) as “ca_file”."
    if error.verify_code in (62, 64):  # another host name, another IP address
        return "Enter the host name the certificate was made for; the provider's help pages name it."
    if error.verify_code in (9, 10):  # not yet valid, expired
        return "The server's operator must renew it; check this machine's clock, too."
    return "The server's operator must put it right."


def _keep_alive(connection: socket.socket) -> None:
    """A peer that vanished during IDLE is noticed in about two minutes, not when the hour's renewal fails."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Wire(imaplib.IMAP4):
    """imaplib on a connection that is there already.

    ``timeout`` limits each wait for bytes; ``deadline`` (monotonic seconds), where set, the whole of what is being
    done, so that a server that drips a byte a minute cannot hold a thread for ever. ``max_literal`` limits what is
    read at once. ``spool``, where set, takes the literals, and imaplib is given empty ones. ``gone``: nothing sensible
    can be said or heard any more.
    """

    def __init__(self, connection: socket.socket, host: str, port: int, timeout: float) -> None:
        self.timeout = timeout
        self.deadline: float | None = None
        self.max_literal = MAX_LINE
        self.gone = False
        self.spool: Spool | None = None
        self._given = connection
        self._buffer = bytearray()
        super().__init__(host, port)

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        self.host = host
        self.port = port
        self.sock = self._given

    def starttls(self, ssl_context: ssl.SSLContext | None = None) -> Any:
        """As imaplib's, but refuses bytes that came before TLS did: an attacker may have put them there."""
        if ssl_context is None:
            raise ValueError("an SSLContext is needed")
        status, data = self._simple_command("STARTTLS")
        if status == "OK":
            if self._buffer:
                raise ProtocolError("The server sent unprotected data after its answer to STARTTLS")
            self.sock = wrap(self.sock, self.host, ssl_context)
            self._get_capabilities()
        return status, data

    def read(self, size: int) -> bytes:
        if size > self.max_literal:
            self.gone = True  # what follows cannot be told from an answer
            raise ConnectionLost(f"The server announced {size} bytes at once, which is more than was asked for")
        if self.spool is not None:
            self._pour(size, self.spool)
            return b""
        while len(self._buffer) < size:
            self._fill(max(size - len(self._buffer), _CHUNK))
        return self._take(size)

    def _pour(self, size: int, spool: Spool) -> None:
        while size:
            if not self._buffer:
                self._fill(min(size, _CHUNK))
            piece = self._take(min(size, len(self._buffer)))
            size -= len(piece)
            try:
                spool.write(piece)
            except MailboxError:
                self.gone = True  # the rest of the literal is still to come
                raise

    def readline(self) -> bytes:
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched > MAX_LINE:
                self.gone = True
                raise ProtocolError(f"The server sent a line of more than {MAX_LINE} bytes")
            self._fill(_CHUNK)
        return self._take(end + 1)

    def send(self, data: Any) -> None:
        if self.gone:
            raise ConnectionLost(f"The connection to {self.host} is lost")
        self.sock.settimeout(self._patience())
        try:
            self.sock.sendall(data)
        except OSError as error:
            self.gone = True
            raise ConnectionLost(f"The connection to {self.host} broke: {error.strerror or error}") from None

    def shutdown(self) -> None:
        self.gone = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        finally:
            self.sock.close()

    def wait_line(self, seconds: float) -> bool:
        """Is there a whole line within ``seconds``? ConnectionLost at once when the peer has gone."""
        end = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            left = end - time.monotonic()
            pending = isinstance(self.sock, ssl.SSLSocket) and self.sock.pending() > 0
            if not pending and not _readable(self.sock, max(0.0, left)):
                return False
            self._fill(_CHUNK, wait=False)
        return True

    def begin_idle(self) -> bytes:
        """Sends IDLE and waits for the server's go-ahead; returns the command's tag. News may come before it."""
        tag: bytes = self._command("IDLE")
        while self._get_response() is not None:
            if self.tagged_commands[tag]:
                self._command_complete("IDLE", tag)
                raise ProtocolError("The server refused IDLE")
        return tag

    def end_idle(self, tag: bytes) -> None:
        """Ends IDLE, which also proves that the server is still there."""
        self.send(b"DONE\r\n")
        self._command_complete("IDLE", tag)

    def take_answers(self, name: str) -> list[bytes]:
        """The untagged answers of this name since they were last taken; ``3 EXISTS`` gives ``[b"3"]``."""
        return [answer for answer in self.untagged_responses.pop(name, []) if isinstance(answer, bytes)]

    def _fill(self, size: int, *, wait: bool = True) -> None:
        self.sock.settimeout(self._patience() if wait else 0)
        try:
            data = self.sock.recv(min(size, 4 * _CHUNK))
        except (BlockingIOError, ssl.SSLWantReadError):
            return  # TLS talking to itself
        except TimeoutError:
            self.gone = True
            raise ConnectionLost(
                f"{self.host} stopped answering",
                hint="It is tried again by itself; a firewall may have cut the connection.",
            ) from None
        except OSError as error:
            self.gone = True
            raise ConnectionLost(f"The connection to {self.host} broke: {error.strerror or error}") from None
        if not data:
            self.gone = True
            raise ConnectionLost(f"{self.host} closed the connection")
        self._buffer += data

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _patience(self) -> float:
        if self.deadline is None:
            return self.timeout
        # Not 0, which would mean "do not block".
        return max(0.001, min(self.timeout, self.deadline - time.monotonic()))


def within(wire: Wire, seconds: float, work: Callable[[], Any]) -> Any:
    """``work`` on ``wire``, all of it within ``seconds``; ConnectionLost when it takes longer."""
    wire.deadline = time.monotonic() + seconds
    try:
        return work()
    finally:
        wire.deadline = None


def _readable(connection: socket.socket, seconds: float) -> bool:
    # poll, not select: a busy service has more than 1,024 descriptors.
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    return bool(poller.poll(seconds * 1000))
