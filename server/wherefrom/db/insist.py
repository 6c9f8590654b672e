"""Writes down what is too dear to throw away: a webhook was answered, a letter was taken, and nobody else knows it yet.

What is not written is done again when its claim runs out: a second post, or a second letter to the same person.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from wherefrom.db.engine import Database
from wherefrom.db.faults import describe
from wherefrom.db.tx import Tx
from wherefrom.errors import Unavailable, WherefromError

log = structlog.get_logger(__name__)

T = TypeVar("T")

_PAUSE_SECONDS = 0.5
_LONGEST_SECONDS = 600.0


async def insist(db: Database, work: Callable[[Tx], Awaitable[T]]) -> T:
    """As ``Database.batch``, tried again for ten minutes while what it meets will pass (a server that is away, a full
    disk), and once more after any other fault of the database. A refusal of our own is raised at once."""
    deadline, tried = time.monotonic() + _LONGEST_SECONDS, False
    while True:
        try:
            return await db.batch(work)
        except Unavailable as fault:
            words: str | None = fault.detail
        except WherefromError:
            raise
        except Exception as fault:
            words = describe(fault)
            if words is None and tried:
                raise
            log.warning("not written, trying again", exc_info=None if words else fault)
        if time.monotonic() > deadline:
            raise Unavailable(words or "the database fails", hint="what it was about is done again")
        tried = True
        await asyncio.sleep(_PAUSE_SECONDS)
