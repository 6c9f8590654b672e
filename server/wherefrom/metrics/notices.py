"""What is wrong with what we depend on outside, for /readyz: mail servers and webhooks that do not answer.

None of it makes the service less ready: another process could do no better, and visitors are served as ever. Told
without names of hosts and users, since whoever can reach the service can read it; the console's setup page has them.
"""

from __future__ import annotations

from wherefrom.db import Tx
from wherefrom.metrics.store import list_broken

_MOST = 10
"""Of each kind."""

_LINES = {
    "mailbox": "mailbox {} is not read: {}",
    "endpoint": "webhook {} takes nothing: {}",
    "sender": "the sending account of site {} sends nothing: {}",
}
_WHY = {
    ("mailbox", "login_failed"): "its server refuses the login",
    ("mailbox", "connect_again"): "it has to be connected again",
    ("mailbox", "tls_failed"): "no secure connection can be made",
    ("mailbox", "unreachable"): "its server cannot be reached",
    ("endpoint", "failed"): "it was switched off after days of failures",
    ("endpoint", "enabled"): "posts to it fail, and are tried again",
}


async def list_notices(tx: Tx) -> list[str]:
    """A line for each mailbox, webhook and sending account that does not work, by its number."""
    return [
        _LINES[one.kind].format(one.id, _WHY.get((one.kind, one.status), "it fails, and is tried again"))
        for one in await list_broken(tx, _MOST)
    ]
