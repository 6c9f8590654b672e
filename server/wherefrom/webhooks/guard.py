"""The HTTP client that cannot be turned against the operator's inside (server-side request forgery).

    URL: http or https, no user name in it, port 80, 443 or from 1024 up
      └▶ resolve the name ─▶ every address tested (networks.py) ─▶ connect to one of the tested addresses
           └▶ TLS for the name, Host: the name ─▶ answer: bounded in time and size, redirects not followed

The name is resolved once, and what was tested is what is connected to: an answer that changes between test and
connection (DNS rebinding) changes nothing. Works one layer below HTTP, where sockets are opened, so whatever goes
through this client is guarded. No proxy or netrc from the environment, no cookies kept.
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy

import certifi
import httpcore
import httpx

from wherefrom.lookup import Lookup
from wherefrom.networks import Network, parse_networks, plain_ip, refusal
from wherefrom.settings import Settings
from wherefrom.webhooks.url import in_words, inside_literal, wrong_form

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""A name and a port in, the addresses as text out; raises OSError when there are none."""

MAX_CONNECTIONS = 100
_MOST_ADDRESSES_TRIED = 4


class TargetRefused(httpx.ConnectError):
    """The guard does not let this request out; its text says why."""


class NameNotResolved(httpx.ConnectError):
    """The URL's host has no address."""


class AnswerTooLarge(httpx.ReadError):
    """The answer's body is longer than may be read; what was read before is good."""


def client(
    settings: Settings, *, resolve: Resolve | None = None, ssl_context: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    """The guarded client; close it with ``aclose()``.

    ``resolve`` replaces the system's resolver, ``ssl_context`` the trust in public and system certificate authorities.
    """
    return httpx.AsyncClient(
        transport=GuardedTransport(settings, resolve=resolve, ssl_context=ssl_context),
        # Less for connecting than for the whole, so that a dead host is told apart from a slow answer.
        timeout=httpx.Timeout(settings.webhooks.timeout_seconds, connect=settings.webhooks.timeout_seconds * 2 / 3),
        follow_redirects=False,
        trust_env=False,
        # A compressed answer could be small on the wire and endless in memory.
        headers={"user-agent": "Wherefrom (webhooks)", "accept-encoding": "identity"},
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
    )


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport over guarded sockets, with an overall time limit and a cap on the answer's body."""

    def __init__(
        self, settings: Settings, *, resolve: Resolve | None = None, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        context = ssl_context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody yet
        self._untaught = None if ssl_context else context
        self._teaching = asyncio.Lock()
        super().__init__(verify=context, trust_env=False)
        self._seconds = settings.webhooks.timeout_seconds
        self._max_bytes = settings.webhooks.max_answer_bytes
        self._allowed = parse_networks(settings.webhooks.allow)
        # httpx has no door for a network backend; a test holds that this one is really in the way.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=20,
            keepalive_expiry=5.0,
            network_backend=_GuardedBackend(self._allowed, resolve),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        why = wrong_form(request.url) or inside_literal(request.url, self._allowed)
        if why:
            raise TargetRefused(why, request=request)
        deadline = asyncio.get_running_loop().time() + self._seconds
        if request.url.scheme == "https":
            await self._teach()
        try:
            async with asyncio.timeout_at(deadline):
                response = await super().handle_async_request(request)
        except TimeoutError:
            raise httpx.ReadTimeout(f"no answer within {self._seconds} seconds", request=request) from None
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_BoundedStream(stream, self._max_bytes, deadline),
            extensions=response.extensions,
        )

    async def _teach(self) -> None:
        """Before the first request by TLS, and in a thread: it takes 40 ms of a processor, which no start need wait
        for."""
        async with self._teaching:
            if self._untaught is not None:
                await asyncio.to_thread(_trust_authorities, self._untaught)
                self._untaught = None


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens sockets to tested addresses only. TLS above it is still made for the name, not the address."""

    def __init__(self, allowed: Sequence[Network], resolve: Resolve | None) -> None:
        self._allowed = allowed
        self._sockets = httpcore.AnyIOBackend()
        self._lookup = Lookup()
        self._resolve = resolve or self._ask_system

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._tested(host, port)
        except TimeoutError:
            raise httpx.ConnectTimeout(f"the name {host} was not resolved in time") from None
        share = None if timeout is None else timeout / len(addresses)
        for address in addresses[:-1]:
            try:
                return await self._sockets.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._sockets.connect_tcp(addresses[-1], port, share, local_address, socket_options)

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise TargetRefused("sockets in the file system are not called")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _tested(self, host: str, port: int) -> list[str]:
        """The addresses of ``host``, all of them allowed; TargetRefused when a single one is not."""
        try:
            found = await self._resolve(host, port)
        except OSError as error:
            raise NameNotResolved(f"the name {host} cannot be resolved: {error.strerror or error}") from None
        except UnicodeError:
            raise NameNotResolved(f"the name {host} cannot be resolved: it is not a valid name") from None
        addresses = [plain_ip(ipaddress.ip_address(text)) for text in dict.fromkeys(found)]
        if not addresses:
            raise NameNotResolved(f"the name {host} has no address")
        for address in addresses:
            why = refusal(address, self._allowed)
            if why:
                raise TargetRefused(in_words(host, address, why))
        return [str(address) for address in addresses[:_MOST_ADDRESSES_TRIED]]

    async def _ask_system(self, host: str, port: int) -> list[str]:
        return [str(row[4][0]) for row in await self._lookup.find(host, port)]


class _BoundedStream(httpx.AsyncByteStream):
    """An answer's body, no longer than ``max_bytes`` and no later than ``deadline`` (the loop's time)."""

    def __init__(self, inner: httpx.AsyncByteStream, max_bytes: int, deadline: float) -> None:
        self._inner = inner
        self._max_bytes = max_bytes
        self._deadline = deadline

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = self._max_bytes
        chunks = aiter(self._inner)
        while True:
            try:
                async with asyncio.timeout_at(self._deadline):
                    chunk = await anext(chunks)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise httpx.ReadTimeout("the answer's body did not end in time") from None
            if len(chunk) > left:
                yield chunk[:left]
                raise AnswerTooLarge(f"the answer is longer than {self._max_bytes} bytes, the rest was not read")
            left -= len(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()


def _trust_authorities(context: ssl.SSLContext) -> None:
    """The public ones, and those the operator installed on the system (an inside CRM's own)."""
    context.load_verify_locations(certifi.where())
    context.load_default_certs()
    if sys.version_info >= (3, 13):  # as ``ssl.create_default_context`` has it
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
