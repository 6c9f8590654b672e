"""Days and other stretches of time as a site's owner means them: in the site's own time zone. Pure.

A day is from midnight to midnight there, so one has 23 hours and one 25 where clocks are changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from wherefrom.errors import BadInput

Step = Literal["hour", "day", "week", "month"]
STEPS: tuple[Step, ...] = ("hour", "day", "week", "month")
_YEARS = (1970, 9000)


def parse_moment(text: str | None, field: str, zone: ZoneInfo, *, end: bool = False) -> datetime | None:
    """An RFC 3339 moment, or a day's beginning in ``zone`` (``end``: the beginning of the next); None for nothing.
    BadInput names ``field``. The answer is in UTC."""
    if not text:
        return None
    try:
        if len(text) == len("2026-11-21"):
            return midnight(_in_range(date.fromisoformat(text)) + timedelta(days=1 if end else 0), zone)
        moment = datetime.fromisoformat(text.replace(" ", "+"))  # a bare + in a URL arrives as a space
        _in_range(moment.date())
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadInput(
            f"{field} “{text[:40]}” is no date", hint="write 2026-11-21 or 2026-11-21T09:30:00Z", field=field
        ) from None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When ``day`` begins in ``zone``, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def floor(moment: datetime, step: Step, zone: ZoneInfo) -> datetime:
    """When the hour, day, week (from Monday) or month of ``moment`` began, in UTC."""
    here = moment.astimezone(zone)
    if step == "hour":  # counted back, since an hour may be there twice
        return moment.astimezone(UTC) - timedelta(
            minutes=here.minute, seconds=here.second, microseconds=here.microsecond
        )
    day = here.date()
    if step == "week":
        day -= timedelta(days=day.weekday())
    elif step == "month":
        day = day.replace(day=1)
    return midnight(day, zone)


def boundaries(begin: datetime, end: datetime, step: Step, zone: ZoneInfo) -> Iterator[datetime]:
    """The beginnings of all steps that have a part in [``begin``, ``end``), in UTC; the first may lie before
    ``begin``."""
    at = floor(begin, step, zone)
    while at < end:
        yield at
        at = _next(at, step, zone)


def _next(at: datetime, step: Step, zone: ZoneInfo) -> datetime:
    if step == "hour":
        return at + timedelta(hours=1)
    day = at.astimezone(zone).date()
    if step == "day":
        return midnight(day + timedelta(days=1), zone)
    if step == "week":
        return midnight(day + timedelta(days=7), zone)
    return midnight((day.replace(day=1) + timedelta(days=32)).replace(day=1), zone)


def _in_range(day: date) -> date:
    if not _YEARS[0] <= day.year < _YEARS[1]:
        raise ValueError(day)
    return day
