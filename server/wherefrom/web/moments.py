"""Moments in queries and files: RFC 3339, or a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from wherefrom.errors import BadInput


def parse_moment(text: str | None, field: str, *, end: bool = False) -> datetime | None:
    """A moment, or a day's beginning (``end``: the beginning of the next), in UTC where no zone is named; None for
    nothing. BadInput names ``field``."""
    if not text:
        return None
    try:
        if len(text) == len("2026-11-21"):
            day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
            return datetime.combine(day, time(), UTC)
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a bare + in a URL arrives as a space
    except (ValueError, OverflowError):
        raise BadInput(
            f"{field} “{text[:40]}” is no date",
            hint="write 2026-11-21 or 2026-11-21T09:30:00Z",
            field=field,
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def write_moment(moment: datetime | None) -> str:
    """``2026-11-21T09:30:05Z``; "" for none."""
    return "" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
