"""One HTTP try: the body goes out, and what came back is put into words a site owner can act on.

The answer's status line decides; a body that is too long, too slow or compressed against our wish is only noted. Knows
no database and no schedule.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping

import httpx

from wherefrom.webhooks.answer import Answer, Fault, Headers, clean
from wherefrom.webhooks.guard import AnswerTooLarge, NameNotResolved, TargetRefused
from wherefrom.webhooks.retry import is_gone, is_success

_MOST_HEADERS = 50


async def post(client: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: bytes, seconds: int) -> Answer:
    """Posts ``body`` as JSON; never raises for what a receiver or the network does. ``seconds``: the client's limit,
    named in the words."""
    try:
        all_headers = {"content-type": "application/json", **headers}
        request = client.build_request("POST", url, content=body, headers=all_headers)
    except httpx.InvalidURL as error:
        return Answer(None, clean(str(error)), fault="name")
    sent = _list_headers(request.headers)
    try:
        response = await client.send(request, stream=True)
    except httpx.HTTPError as error:
        return Answer(None, clean(_no_answer(error, seconds)), fault=_fault(error), sent=sent)
    except httpx.InvalidURL as error:  # the client reads where a redirect leads, although it does not follow it
        words = f"answered a redirect to what is no address ({error}); redirects are not followed, enter the final URL"
        return Answer(None, clean(words), fault="protocol", sent=sent)
    try:
        content, remark = await _read(response)
    finally:
        await response.aclose()
    words = "; ".join(filter(None, [_refused(response), remark]))
    return Answer(
        response.status_code,
        clean(words),
        content,
        response.headers.get("retry-after"),
        "" if is_success(response.status_code) else "status",
        sent,
        _list_headers(response.headers),
    )


def _list_headers(headers: httpx.Headers) -> Headers:
    """Names and values as text that can be kept and shown."""
    return tuple((clean(name), clean(value)) for name, value in headers.multi_items()[:_MOST_HEADERS])


async def _read(response: httpx.Response) -> tuple[bytes, str]:
    """The body as far as it may be read, and a remark when that is not all of it."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        return b"", "the answer's body is compressed although that was not asked for, and was not read"
    content = bytearray()
    try:
        async for chunk in response.aiter_raw():
            content += chunk
    except AnswerTooLarge as error:
        return bytes(content), str(error)
    except httpx.TimeoutException:
        return bytes(content), "the answer's body did not end in time"
    except httpx.HTTPError as error:
        return bytes(content), f"the answer's body broke off ({_root(error)})"
    return bytes(content), ""


def _refused(response: httpx.Response) -> str:
    status = response.status_code
    if is_success(status):
        return ""
    if is_gone(status):
        return "answered 410 Gone: nothing more is to be sent here"
    if 300 <= status < 400:
        target = response.headers.get("location", "")[:200]
        return (
            f"answered {status}, a redirect to {target or 'nowhere'}; redirects are not followed, enter the final URL"
        )
    return f"answered {status} {response.reason_phrase}".rstrip()


def _fault(error: Exception) -> Fault:
    if isinstance(error, TargetRefused):
        return "inside"
    if isinstance(error, NameNotResolved):
        return "name"
    if isinstance(error, httpx.ConnectError):
        cause = _find_tls_cause(error)
        if cause is None:
            return "connect"
        return "tls" if isinstance(cause, ssl.SSLCertVerificationError) else "protocol"
    if isinstance(error, httpx.ConnectTimeout):
        return "connect"
    if isinstance(error, httpx.TimeoutException):
        return "silence"
    return "protocol" if isinstance(error, httpx.RemoteProtocolError) else "broken"


def _find_tls_cause(error: BaseException) -> ssl.SSLError | None:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    return cause


def _no_answer(error: Exception, seconds: int) -> str:
    if isinstance(error, (TargetRefused, NameNotResolved)):
        return str(error)
    if isinstance(error, httpx.ConnectTimeout):
        return str(error) or f"no connection within {seconds} seconds"
    if isinstance(error, httpx.PoolTimeout):
        return "all connections were in use"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {seconds} seconds"
    if isinstance(error, httpx.ConnectError):
        return f"no connection: {_root(error)}"
    if isinstance(error, httpx.RemoteProtocolError):
        return f"what answered does not speak HTTP: {_root(error)}"
    return f"the connection broke before the answer: {_root(error)}"


def _root(error: BaseException) -> str:
    """The innermost cause in words: “Connection refused” rather than “All connection attempts failed”."""
    words = str(error)
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
        if isinstance(error, ssl.SSLError):
            words = error.strerror or str(error)
        elif isinstance(error, OSError) and error.errno:
            words = os.strerror(error.errno)
    return words or type(error).__name__
