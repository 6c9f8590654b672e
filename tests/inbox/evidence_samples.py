"""Short ways to say evidence in tests: minutes instead of datetimes."""

from datetime import UTC, datetime, timedelta

from wherefrom.inbox.evidence import Earlier, Evidence, Holding, Signal
from wherefrom.substitution.habits import Sign

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    """A moment so many minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def signal(kind: Sign, minutes: float) -> Signal:
    return Signal(kind, at(minutes))


def holding(
    visit_id: int,
    leased: float,
    seen: float | None = None,
    *signals: Signal,
    address: str = "pool3@company.example",
    lease_id: int | None = None,
    visitor_id: int | None = None,
    guessable: bool = False,
    trust: int = 8,
    spent: float = 0.0,
) -> Holding:
    """Held from minute ``leased``; last seen at ``seen``, expired 15 minutes later."""
    last = leased if seen is None else seen
    return Holding(
        lease_id=lease_id or visit_id * 10,
        visit_id=visit_id,
        address=address,
        leased_at=at(leased),
        last_seen_at=at(last),
        expires_at=at(last + 15),
        visitor_id=visitor_id,
        guessable=guessable,
        trust=trust,
        signals=signals,
        spent=spent,
    )


def code(visit_id: int, leased: float = -10, **more: object) -> Holding:
    return holding(visit_id, leased, address=f"sales+code{visit_id}@company.example", **more)  # type: ignore[arg-type]


def earlier(visit_id: int, minutes: float, confidence: float = 0.99, message_id: int = 1, **more: int) -> Earlier:
    return Earlier(message_id, visit_id, confidence, at(minutes), **more)


def written(minutes: float, **more: object) -> Evidence:
    """A letter written at that minute that arrived a second later."""
    return Evidence(arrived_at=at(minutes) + timedelta(seconds=1), header_at=at(minutes), **more)  # type: ignore[arg-type]
