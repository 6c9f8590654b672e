"""Asks a token server: one POST, and its answer as tokens or as an error in words.

The client it is given decides which addresses may be called at all (in the service: the guarded one, which follows no
redirect and bounds time and size). Nothing of the form or the answer's tokens is ever put into words.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from wherefrom.mail.failures import Throttled
from wherefrom.mail.oauth import Client, Tokens, read_tokens
from wherefrom.mail.oauth_failures import TokenServerDown

if TYPE_CHECKING:
    import httpx

_LONGEST_WAIT = 3_600.0
_MOST_BYTES = 65_536


async def request_tokens(http: httpx.AsyncClient, client: Client, form: Mapping[str, str]) -> Tokens:
    """The tokens that ``form`` asks for. GrantEnded, ClientRefused; TokenServerDown, Throttled: try again later."""
    import httpx  # late: see webhooks.client

    headers = {"accept": "application/json", "user-agent": "Wherefrom"}
    try:
        answer = await http.post(client.token_url, data=dict(form), headers=headers)
    except httpx.TimeoutException as error:
        raise _down(client, str(error) or "no answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _down(client, str(error) or type(error).__name__) from None
    wait = _wait(answer)
    if wait is not None:
        raise Throttled(
            f"{client.name}'s token server answered {answer.status_code} and asks to come back later",
            hint="Nothing to do: it is tried again by itself.",
            wait_seconds=wait,
        )
    return read_tokens(client, answer.status_code, answer.content[:_MOST_BYTES])


def _wait(answer: httpx.Response) -> float | None:
    """The seconds a busy server asks for (429 or 503 with Retry-After); None when it does not ask."""
    if answer.status_code not in (429, 503):
        return None
    with contextlib.suppress(ValueError):
        return min(max(float(answer.headers.get("retry-after", "")), 1.0), _LONGEST_WAIT)
    return None


def _down(client: Client, why: str) -> TokenServerDown:
    return TokenServerDown(
        f"{client.name}'s token server cannot be asked: {why}",
        hint="It is tried again by itself. Check that this machine reaches " + client.token_url,
    )
