"""Visits, signs, letters and deals of a site by chance, put there as rows, and what happens to them later."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.inbox.rows import Rows
from wherefrom.clock import FixedClock
from wherefrom.inbox.tables import match, message
from wherefrom.services import Services
from wherefrom.sites.add import add_site, set_site
from wherefrom.visits.tables import intent

SOURCES = (
    {"channel": "direct", "marker": "", "source_levels": []},
    {"channel": "paid_search", "marker": "google", "source_levels": ["google", "brand"], "utm_source": "google",
     "utm_medium": "cpc", "utm_campaign": "spring"},
    {"channel": "paid_search", "marker": "google", "source_levels": ["google", "other"], "utm_source": "google",
     "utm_medium": "cpc", "utm_campaign": "autumn"},
    {"channel": "email", "marker": "news", "source_levels": ["news"], "utm_source": "news", "utm_medium": "email"},
)  # fmt: skip


@dataclass
class Traffic:
    """One site's. ``visits`` and ``letters`` are ids, with when they came."""

    services: Services
    clock: FixedClock
    chance: random.Random
    rows: Rows
    visits: list[tuple[int, datetime]] = field(default_factory=list)
    letters: list[tuple[int, datetime]] = field(default_factory=list)

    async def add_visits(self, count: int, days: int) -> None:
        """Spread over the last ``days`` days."""
        for _ in range(count):
            number, at = len(self.visits) + 1, self._moment(days)
            await self.rows.visit(
                number, started_at=at, last_seen_at=at, country=self.chance.choice(("Germany", None)),
                **self.chance.choice(SOURCES),
            )  # fmt: skip
            self.visits.append((number, at))
            for _ in range(self.chance.choice((0, 0, 1, 3))):
                await self.rows.add(
                    intent, site_id=self.rows.site_id, id=self.services.ids.next(), visit_id=number, page="",
                    kind=self.chance.choice(("visible", "mailto", "copy", "select")), address="sales@company.example",
                    seen_at=at + timedelta(minutes=self.chance.choice((0, 1, 50))),
                )  # fmt: skip

    async def add_letters(self, count: int, days: int) -> None:
        for _ in range(count):
            await self.add_letter(self._moment(days))

    async def add_letter(self, at: datetime, **given: int | None) -> int:
        """As sorting leaves it, without its word of what is late. By chance, unless its ``visit`` is given."""
        id_, free = self.services.ids.next(), "visit" not in given
        visit = self.chance.choice([None, *(number for number, _ in self.visits)]) if free else given["visit"]
        await self.rows.add(
            message, site_id=self.rows.site_id, id=id_, mailbox_id=1, folder_id=1, folder_kind="inbox", uidvalidity=1,
            uid=id_, sha256=str(id_), size=10, truncated=False, status_reason="", tries=1, arrived_at=at, stored_at=at,
            status=self.chance.choice(("sorted", "sorted", "taken")) if free else "sorted", subject="",
            from_address="ann@mail.example", from_name="", to_address="", text="", has_html=False,
            automatic=self.chance.choice(("", "", "", "a list")) if free else "", first_of_thread=True,
        )  # fmt: skip
        await self.rows.add(
            match, site_id=self.rows.site_id, message_id=id_, visit_id=visit, rule="code" if visit else "none",
            confidence=1.0, reasons=[], candidates=[], matched_at=at,
        )  # fmt: skip
        self.letters.append((id_, at))
        return id_

    def _moment(self, days: int) -> datetime:
        back = timedelta(seconds=self.chance.randrange(1, days * 86_400))
        return self.chance.choice((self.clock.now() - back, (self.clock.now() - back).replace(minute=0, second=0)))


async def make_traffic(services: Services, clock: FixedClock, seed: int, zone: str = "UTC") -> Traffic:
    """A site with a time zone of its own; nothing has happened there yet."""
    site = await add_site(services, "shop", ["shop.example"])
    await set_site(services, site.id, zone=zone)
    return Traffic(services, clock, random.Random(seed), Rows(services, site.id))
