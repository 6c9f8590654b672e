"""A site, letters handed in, and whoever asks for their pixel and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from starlette.applications import Starlette

from wherefrom.clock import FixedClock
from wherefrom.contacts.contact import Contact
from wherefrom.contacts.store import find_contact_by_email
from wherefrom.outbound.judge import judge_hits
from wherefrom.outbound.routes import routes
from wherefrom.outbound.send import Draft, Letter, make_send
from wherefrom.outbound.store.sends import Sent, get_send
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.tracking.store import Engagement, StoredHit, list_engagements, list_hits

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
)
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
APPLE = "Mozilla/5.0"
HTML = (
    '<html><body><a href="https://shop.example/1?a=1&amp;b=2">one</a> <a href="https://shop.example/2">two</a>'
    '<a href="https://shop.example/3">three</a></body></html>'
)
SETTLED = timedelta(seconds=4)


@dataclass(slots=True)
class Handed:
    """A letter as it came back."""

    sent: Sent
    contact: Contact
    letter: Letter

    @property
    def pixel(self) -> str:
        return re.findall(r'src="([^"]*/o/[^"]*)"', self.letter.html)[0]

    @property
    def clicks(self) -> list[str]:
        return re.findall(r'href="([^"]*/c/[^"]*)"', self.letter.html)


@dataclass(slots=True)
class Stage:
    services: Services
    clock: FixedClock
    site_id: int
    http: httpx.AsyncClient

    async def hand_in(self, email: str = "ann@mail.example", html: str = HTML, **more: Any) -> Handed:
        return Handed(*await make_send(self.services, self.site_id, Draft(email=email, html=html, **more)))

    async def hit(self, url: str, agent: str = CHROME, method: str = "GET", **headers: str) -> httpx.Response:
        return await self.http.request(method, url, headers={"user-agent": agent, **headers})

    async def settle(self, after: timedelta = SETTLED) -> None:
        """Time goes by, and everything that is due is judged."""
        self.clock.advance(after)
        while await judge_hits(self.services):
            pass

    async def look(self, handed: Handed) -> Sent:
        async with self.services.db.read() as tx:
            return await get_send(tx, self.site_id, handed.sent.id)

    async def waiting(self) -> list[StoredHit]:
        """Hits that are not judged yet."""
        async with self.services.db.read() as tx:
            return await list_hits(tx, 1000)

    async def hits(self, handed: Handed) -> list[Engagement]:
        async with self.services.db.read() as tx:
            return await list_engagements(tx, self.site_id, handed.sent.id)

    async def contact(self, email: str = "ann@mail.example") -> Contact:
        async with self.services.db.read() as tx:
            found = await find_contact_by_email(tx, self.site_id, email)
        assert found is not None
        return found


async def set_stage(services: Services, clock: FixedClock) -> Stage:
    site = await add_site(services, "shop", ["company.example"])  # not where the letters of the tests lead to
    base = services.settings.server.public_url
    app = Starlette(routes=routes(services))
    return Stage(services, clock, site.id, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base))
