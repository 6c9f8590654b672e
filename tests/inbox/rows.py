"""Rows of the rooms below, put there directly: what a test of the inbox takes as given."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wherefrom.db import insert
from wherefrom.inbox.tables import folder, mailbox
from wherefrom.services import Services
from wherefrom.sites.tables import site
from wherefrom.substitution.tables import lease, substitute, target
from wherefrom.visits.tables import intent, visit

SITE = 1


@dataclass(frozen=True)
class Rows:
    """Adds rows to one site (1, unless told) at the services' time."""

    services: Services
    site_id: int = SITE

    async def add(self, table: Any, **values: Any) -> None:
        async with self.services.db.write() as tx:
            await tx.execute(insert(tx, table).values(**values))

    async def site(self) -> None:
        await self.add(
            site, id=self.site_id, key=f"key{self.site_id}", name=f"site {self.site_id}", enabled=True, compat="",
            created_at=self.services.clock.now(),
        )  # fmt: skip

    async def mailbox(self, username: str = "owner@company.example") -> tuple[int, int]:
        """A mailbox with an INBOX that nobody watches; answers (mailbox id, folder id)."""
        mailbox_id, folder_id, now = self.services.ids.next(), self.services.ids.next(), self.services.clock.now()
        await self.add(
            mailbox, site_id=self.site_id, id=mailbox_id, name=username, host="imap.example", port=993, security="tls",
            username=username, password="", ca_file="", enabled=True, status="ok", status_detail="", checked_at=None,
            watcher="", watched_until=None, revision=1, created_at=now,
        )  # fmt: skip
        await self.add(
            folder, site_id=self.site_id, id=folder_id, mailbox_id=mailbox_id, name="INBOX", kind="inbox",
            since="new", uidvalidity=1, last_uid=0, baselined=True, checked_at=now,
        )  # fmt: skip
        return mailbox_id, folder_id

    async def target(self, address: str, strategy: str = "plus", **values: Any) -> int:
        target_id = self.services.ids.next()
        fixed = {
            "enabled": True, "separator": "+", "code_form": "code", "domain": "", "when_empty": "real", "refused": 0,
            "shared": 0,
        }  # fmt: skip
        await self.add(
            target, site_id=self.site_id, id=target_id, address=address, address_key=address.lower(),
            strategy=strategy, created_at=self.services.clock.now(), **{**fixed, **values},
        )  # fmt: skip
        return target_id

    async def substitute(self, target_id: int, address: str) -> None:
        now = self.services.clock.now()
        await self.add(
            substitute, site_id=self.site_id, id=self.services.ids.next(), target_id=target_id, address=address,
            address_key=address.lower(), status="free", idle_since=now, created_at=now,
        )  # fmt: skip

    async def visit(self, visit_id: int, **values: Any) -> int:
        now = self.services.clock.now()
        row: dict[str, Any] = {
            "visitor_id": visit_id, "first_visit": visit_id, "started_at": now, "last_seen_at": now, "pageviews": 1,
            "landing_page": "https://company.example/offer", "referrer": "https://www.google.com/",
            "domain": "company.example", "marker": "google", "channel": "organic search",
            "source_levels": ["google", "cpc"], "utm_source": None, "utm_medium": None, "utm_campaign": None,
            "utm_term": None, "utm_content": None, "click_id_name": None, "click_id": None, "country_code": "DE",
            "country": "Germany", "region": "Berlin", "city": "Berlin", "ip": "203.0.113.0", "device": "desktop",
            "os": "Linux", "browser": "Firefox", "user_agent": "Mozilla", "language": "de", "timezone": None,
            "google_client_id": None, "ym_uid": None, "params": {"1": "blue"},
        }  # fmt: skip
        await self.add(visit, site_id=self.site_id, id=visit_id, **{**row, **values})
        return visit_id

    async def lease(
        self,
        visit_id: int,
        target_id: int,
        address: str,
        strategy: str = "plus",
        at: datetime | None = None,
        **values: Any,
    ) -> int:
        lease_id, start = self.services.ids.next(), at or self.services.clock.now()
        row: dict[str, Any] = {
            "visitor_id": visit_id, "guessable": False, "shared": False, "leased_at": start, "last_seen_at": start,
            "expires_at": start + timedelta(minutes=15),
        }  # fmt: skip
        await self.add(
            lease, site_id=self.site_id, id=lease_id, target_id=target_id, strategy=strategy, address=address,
            address_key=address.lower(), visit_id=visit_id, **{**row, **values},
        )  # fmt: skip
        return lease_id

    async def intent(self, visit_id: int, kind: str, address: str, at: datetime | None = None) -> None:
        await self.add(
            intent, site_id=self.site_id, id=self.services.ids.next(), visit_id=visit_id, kind=kind, address=address,
            page="", seen_at=at or self.services.clock.now(),
        )  # fmt: skip
