"""Contacts, letters, opens, clicks and notices of a site, as the outbound room leaves them, and what they come to."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from wherefrom.clock import FixedClock
from wherefrom.contacts.tables import contact
from wherefrom.outbound.store.suppressions import add_suppression
from wherefrom.outbound.suppression import Reason, Suppression
from wherefrom.outbound.tables import send, send_notice
from wherefrom.services import Services
from wherefrom.tracking.tables import engagement, link

LISTS = ("", "news", "offers")
URLS = ("https://shop.example/pricing", "https://shop.example/about?a=1", "https://other.example/100%_off")
REASONS: tuple[Reason, ...] = ("unsubscribed", "complained")
NOTICES = ("delivered", "failed", "rejected", "complained", "unsubscribed")
VERDICTS = ("human", "proxy", "scanner", "prefetch", "unknown")


@dataclass(slots=True)
class Letter:
    """One send, with what happened to it: (kind, link number, moment, verdict) and (status, moment)."""

    id: int
    contact: int
    list: str
    at: datetime
    hits: list[tuple[str, int, datetime, str]] = field(default_factory=list)
    notices: list[tuple[str, datetime]] = field(default_factory=list)

    def acts(self, kind: str) -> list[datetime]:
        """When a person did it."""
        return sorted(at for one, _, at, verdict in self.hits if one == kind and verdict in ("human", "proxy"))


@dataclass(slots=True)
class Crowd:
    services: Services
    site_id: int
    people: dict[int, dict[str, Any]] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    suppressed: dict[str, set[tuple[Reason, str]]] = field(default_factory=lambda: defaultdict(set))

    def flags(self, email: str) -> tuple[bool, bool]:
        """Unsubscribed, suppressed: from all mail."""
        reasons = {reason for reason, scope in self.suppressed.get(email, set()) if not scope}
        return "unsubscribed" in reasons, "complained" in reasons

    def of(self, contact_id: int) -> list[Letter]:
        return [one for one in self.letters if one.contact == contact_id]


def draw(services: Services, clock: FixedClock, site_id: int, chance: random.Random, people: int = 12) -> Crowd:
    """A crowd by chance; nothing is written yet. Moments are whole days before now, or hours, so that they meet the
    ends of periods."""
    crowd, now = Crowd(services, site_id), clock.now()

    def some_time(back: int = 90) -> datetime:
        return now - timedelta(days=chance.randrange(back), hours=chance.choice((0, 0, 9, 13)))

    for number in range(people):
        id_ = services.ids.next()
        open_date = chance.random() < 0.15
        opened_on = some_time().replace(hour=0) if open_date and chance.random() < 0.7 else None
        crowd.people[id_] = {
            "email": f"p{number}@mail.example", "name": chance.choice(("Ann", "Bob", "")), "reference": f"crm {number}",
            "consent": chance.choice(("unknown", "granted", "denied")), "mode": "open_date" if open_date else "all",
            "opened_on": opened_on,
        }  # fmt: skip
        for reason in REASONS:
            if chance.random() < 0.2:
                crowd.suppressed[f"p{number}@mail.example"].add((reason, chance.choice(("", "", "news"))))
        for _ in range(chance.choice((0, 1, 2, 4))):
            one = Letter(services.ids.next(), id_, chance.choice(LISTS), some_time())
            crowd.letters.append(one)
            for _ in range(0 if open_date else chance.choice((0, 0, 1, 3))):
                kind = chance.choice(("open", "click"))
                at = max(one.at, some_time(60))
                one.hits.append((kind, chance.randrange(1, 4) if kind == "click" else 0, at, chance.choice(VERDICTS)))
            for status in chance.sample(NOTICES, chance.choice((0, 0, 1, 2))):
                one.notices.append((status, max(one.at, some_time(60))))
    return crowd


async def write(crowd: Crowd) -> None:
    """As rows. Sums are counted here from the hits themselves, not by the code under test."""
    site_id, ids = crowd.site_id, crowd.services.ids
    sends, notices, hits, links = [], [], [], []
    for one in crowd.letters:
        opens, clicks = one.acts("open"), one.acts("click")
        sends.append(
            {
                "site_id": site_id, "id": one.id, "contact_id": one.contact, "subject": "News", "list": one.list,
                "reference": "", "tracks_opens": True, "tracks_clicks": True, "note": "", "status": "accepted",
                "status_at": one.at, "created_at": one.at, "opens": len(opens), "clicks": len(clicks),
                "opened_at": opens[0] if opens else None, "last_opened_at": opens[-1] if opens else None,
                "clicked_at": clicks[0] if clicks else None, "last_clicked_at": clicks[-1] if clicks else None,
                "open_told": bool(opens), "click_told": bool(clicks),
            }
        )  # fmt: skip
        links += [{"site_id": site_id, "send_id": one.id, "number": n, "url": url} for n, url in enumerate(URLS, 1)]
        hits += [
            {
                "site_id": site_id, "id": ids.next(), "send_id": one.id, "kind": kind, "number": number, "seen_at": at,
                "ip": "203.0.113.0", "agent": "Mozilla/5.0", "hint": "", "verdict": verdict, "reason": "",
            }
            for kind, number, at, verdict in one.hits
        ]  # fmt: skip
        notices += [
            {
                "site_id": site_id, "id": ids.next(), "send_id": one.id, "status": status, "happened_at": at,
                "told_at": at, "detail": "",
            }
            for status, at in one.notices
        ]  # fmt: skip
    now = crowd.services.clock.now()
    people = [
        {**one, **_sums(crowd.of(id_)), "site_id": site_id, "id": id_, "created_at": now}
        for id_, one in crowd.people.items()
    ]
    tables = (contact, send, send_notice, engagement, link)
    async with crowd.services.db.write() as tx:
        for table, rows in zip(tables, (people, sends, notices, hits, links), strict=True):
            if rows:
                await tx.execute(table.insert(), rows)
        for email, reasons in crowd.suppressed.items():
            for reason, scope in sorted(reasons):
                one = Suppression(
                    site_id=site_id, id=ids.next(), email=email, scope=scope, reason=reason, detail="", send_id=None,
                    created_at=now,
                )  # fmt: skip
                assert await add_suppression(tx, one)


def _sums(letters: list[Letter]) -> dict[str, Any]:
    opened = [one.acts("open")[-1] for one in letters if one.acts("open")]
    clicked = [one.acts("click")[-1] for one in letters if one.acts("click")]
    return {
        "consent_at": None, "consent_method": "", "emails_sent_count": len(letters),
        "emails_opened_count": len(opened), "emails_clicked_count": len(clicked),
        "last_email_sent_at": max((one.at for one in letters), default=None),
        "last_email_opened_at": max(opened, default=None), "last_email_clicked_at": max(clicked, default=None),
    }  # fmt: skip
