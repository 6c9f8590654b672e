"""A site with targets and a collector, and pages as a visitor's browser shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import Table, select

from wherefrom.inbox.store.old_visits import forget_visits
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.sites.site import Compat, Site
from wherefrom.substitution.add import add_target
from wherefrom.substitution.target import Options
from wherefrom.visits.agents import Agents
from wherefrom.visits.answer import Answer
from wherefrom.visits.collect import Collector
from wherefrom.visits.gate import Caller
from wherefrom.visits.page import Reply
from wherefrom.visits.signals import take_signal
from wherefrom.visits.tables import dropped

PERSON = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
ORIGIN = "https://shop.example"
PAGE = ORIGIN + "/offer"
SALES = "sales@company.com"


@dataclass(slots=True)
class Stage:
    """``show`` a page, give a ``sign``, see what was stored."""

    services: Services
    collector: Collector
    site: Site

    async def show(self, page: str = PAGE, *, agent: str = PERSON, origin: str | None = ORIGIN, **told: Any) -> Answer:
        """A page that must be answered with 200."""
        reply = await self.ask(page, agent=agent, origin=origin, **told)
        assert isinstance(reply.value, Answer), reply.value
        return reply.value

    async def ask(
        self, page: str = PAGE, *, agent: str = PERSON, origin: str | None = ORIGIN, ip: str = "192.0.2.77", **told: Any
    ) -> Reply:
        body = msgspec.json.encode({"site": self.site.key, "page": page, **told})
        return await self.collector.collect(body, Caller(ip, agent, origin))

    async def again(self, before: Answer, page: str = PAGE, **told: Any) -> Answer:
        """A further page in the same browser."""
        return await self.show(page, visit=before.token, visitor=before.visitor, **told)

    async def sign(self, kind: str, token: str | None, *, origin: str | None = ORIGIN, **told: Any) -> Reply:
        body = msgspec.json.encode({"site": self.site.key, "kind": kind, "token": token, **told})
        return await take_signal(self.collector, body, Caller("192.0.2.77", PERSON, origin))

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        return await rows(self.services, table)

    async def forget(self, *visit_ids: int) -> None:
        """Takes visits away, as retention does."""
        end = self.services.clock.now() + timedelta(days=400)
        async with self.services.db.write() as tx:
            assert await forget_visits(tx, self.site.id, visit_ids, end, end, []) == len(visit_ids)

    async def drops(self) -> dict[tuple[int, str], int]:
        """Counts by site and reason."""
        return {(row["site_id"], row["reason"]): row["count"] for row in await self.rows(dropped)}


async def rows(services: Services, table: Table) -> list[dict[str, Any]]:
    """All rows in the order of their keys."""
    async with services.db.read() as tx:
        found = await tx.execute(select(table).order_by(*table.primary_key.columns))
        return [dict(row._mapping) for row in found]


AGENTS = Agents()
_PATIENCE = 60.0  # seconds: what a busy machine takes is nobody's fault


async def set_stage(services: Services, name: str = "shop", *, compat: Compat = "") -> Stage:
    site = await add_site(services, name, ["shop.example"], compat=compat)
    await add_target(services, site.id, SALES, Options(strategy="plus"))
    return Stage(services, Collector(services, time_limit=_PATIENCE, agents=AGENTS), site)
