"""When a delivery is tried again, and when it is not: rules only, no clock and no dice of their own.

attempt fails ─→ wait delays[n] and up to 20 % more (or Retry-After when that is longer) ─→ next attempt
              └→ no delay left: exhausted, kept, sent again only by a person
answer 410    ─→ the endpoint is disabled at once: the receiver asked for it
5 days with failures and not one success ─→ the endpoint is disabled, with a notice
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

JITTER = 0.2
LONGEST_RETRY_AFTER = timedelta(days=1)
"""A receiver may ask for patience, but not push a letter out of sight: no longer than the last step of the schedule."""

_MAX_DIGITS = 9


def is_success(status: int) -> bool:
    """2xx alone. A redirect is no success: it is not followed, and the body has gone nowhere."""
    return 200 <= status < 300


def is_gone(status: int) -> bool:
    """410: the receiver says that nothing is to come any more."""
    return status == 410


def next_attempt_at(
    failures: int, now: datetime, delays: Sequence[float], chance: float, retry_after: timedelta | None = None
) -> datetime | None:
    """When to try again after ``failures`` (≥ 1) failed attempts in a row; None when the schedule is used up.

    ``delays`` are seconds, one for each retry. ``chance`` in [0, 1) adds up to 20 %, so that what failed together does
    not come back together; nothing is taken off, so that the default schedule outlasts 72 hours whatever the dice say.
    ``retry_after`` only ever lengthens the wait, up to ``LONGEST_RETRY_AFTER``.
    """
    if failures > len(delays):
        return None
    wait = timedelta(seconds=delays[failures - 1] * (1 + JITTER * chance))
    if retry_after is not None:
        wait = max(wait, min(retry_after, LONGEST_RETRY_AFTER))
    return now + wait


def asks_patience(status: int | None) -> bool:
    """429 and 503: their ``Retry-After`` speaks for the whole receiver, not for this one letter."""
    return status in (429, 503)


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """The wait a ``Retry-After`` header asks for (RFC 9110 10.2.3: seconds or a date); None when absent or unreadable.

    A date in the past is a wait of nothing.
    """
    text = (value or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text)) if len(text) <= _MAX_DIGITS else LONGEST_RETRY_AFTER
    try:
        moment = parsedate_to_datetime(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(aware - now, timedelta(0))
    except (ValueError, TypeError, OverflowError):
        return None


def is_hopeless(failing_since: datetime, now: datetime, disable_after: timedelta) -> bool:
    """Whether an endpoint that has only failed since ``failing_since`` is to be disabled."""
    return now - failing_since >= disable_after
