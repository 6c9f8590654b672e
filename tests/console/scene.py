"""Puts a site, visits and letters into the database, the way sorting leaves them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from argon2 import PasswordHasher

from wherefrom.accounts import store
from wherefrom.accounts.store import User
from wherefrom.console.session import cookie_name
from wherefrom.inbox.store.traits import add_traits
from wherefrom.inbox.tables import attachment, match, message, message_address
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.sites.site import Site
from wherefrom.tokens import hash_token, random_token
from wherefrom.visits.store import find_visit
from wherefrom.visits.tables import intent, pageview, visit
from wherefrom.webhooks.tables import deal

EMAIL, PASSWORD = "anna@company.com", "correct horse battery"

SOURCE: dict[str, Any] = {
    "kind": "source", "source_key": "5" * 64, "visitor_id": 0, "pageviews": 640, "landing_page": "", "referrer": "",
    "country_code": None, "country": None, "region": None, "city": None, "ip": None, "device": "", "os": "",
    "browser": "", "user_agent": "", "language": None, "timezone": None,
}  # fmt: skip
"""What makes of a visit one that stands for everybody who came by its source."""


@dataclass
class Scene:
    """A site with a user. Letters get later the later they are added."""

    services: Services
    site: Site
    minute: int = 0
    visits: dict[int, dict[str, Any]] = field(default_factory=dict)

    async def add_visit(self, number: int, **given: Any) -> int:
        """A visit from a paid search; any column can be given."""
        now = self.services.clock.now()
        values = {
            "site_id": self.site.id, "id": number, "visitor_id": number, "first_visit": number, "started_at": now,
            "last_seen_at": now, "pageviews": 2, "landing_page": "https://shop.example/offer?utm_source=google",
            "referrer": "https://www.google.com/", "domain": "shop.example", "marker": ":utm:google_cpc_spring",
            "channel": "paid_search", "source_levels": ["google", "cpc", "spring"], "utm_source": "google",
            "utm_medium": "cpc", "utm_campaign": "spring", "country_code": "DE", "country": "Germany",
            "region": "Berlin", "city": "Berlin", "ip": "203.0.113.0", "device": "desktop", "os": "Windows 11",
            "browser": "Firefox 140", "user_agent": "Mozilla/5.0", "language": "de-DE", "timezone": "Europe/Berlin",
            "params": {}, **given,
        }  # fmt: skip
        async with self.services.db.write() as tx:
            await tx.execute(visit.insert().values(values))
            if values.get("kind") == "source":  # its pages are counted, not kept
                return number
            await tx.execute(
                pageview.insert().values(
                    site_id=self.site.id, id=self.services.ids.next(), visit_id=number, page=values["landing_page"],
                    title="Our offer", referrer="", seen_at=now,
                )
            )  # fmt: skip
            await tx.execute(
                intent.insert().values(
                    site_id=self.site.id, id=self.services.ids.next(), visit_id=number, kind="copy",
                    address="sales@shop.example", page=values["landing_page"], seen_at=now + timedelta(seconds=40),
                )
            )  # fmt: skip
        return number

    async def add_letter(
        self, subject: str = "A question", *, visit_number: int | None = None, rule: str = "code",
        confidence: float = 0.99, at: datetime | None = None, receivers: tuple[str, ...] = ("sales+k7f3@shop.example",),
        files: tuple[tuple[str, str, bytes], ...] = (), deal_number: str = "", raw: bytes = b"", reasons: tuple = (),
        candidates: tuple = (), **given: Any,
    ) -> int:  # fmt: skip
        """A sorted letter; any column of ``message`` can be given. Answers its id."""
        ids, clock, blobs, site_id = self.services.ids, self.services.clock, self.services.blobs, self.site.id
        self.minute += 1
        at = at or clock.now() - timedelta(days=1) + timedelta(minutes=self.minute)
        number = ids.next()
        raw = raw or f"Subject: {number}\r\n\r\nHello\r\n".encode()
        values = {
            "site_id": site_id, "id": number, "mailbox_id": 1, "folder_id": 1, "folder_kind": "inbox",
            "uidvalidity": 1, "uid": self.minute, "sha256": await blobs.put(raw), "size": len(raw), "truncated": False,
            "status": "sorted", "status_reason": "", "tries": 1, "arrived_at": at, "stored_at": at, "written_at": at,
            "message_id": f"{number}@mail.example", "subject": subject, "from_address": "writer@mail.example",
            "from_name": "Walter Writer", "to_address": receivers[0] if receivers else "",
            "text": "Hello, what does it cost?",
            "has_html": False, "automatic": "", "first_of_thread": True, **given,
        }  # fmt: skip
        key = {"site_id": site_id, "message_id": number}
        async with self.services.db.write() as tx:
            await tx.execute(message.insert().values(values))
            for place, address in enumerate(receivers, 1):
                await tx.execute(
                    message_address.insert().values(**key, number=place, role="to", address=address, name="")
                )
            for place, (name, content_type, content) in enumerate(files, 1):
                await tx.execute(
                    attachment.insert().values(
                        **key, number=place, name=name, content_type=content_type, size=len(content),
                        sha256=await blobs.put(content), inline=False, content_id="",
                    )
                )  # fmt: skip
            await tx.execute(
                match.insert().values(
                    **key, visit_id=visit_number, lease_id=None, rule=rule if visit_number else "none",
                    confidence=confidence if visit_number else 0.0, reasons=list(reasons), candidates=list(candidates),
                    matched_at=at,
                )
            )  # fmt: skip
            found = None if visit_number is None else await find_visit(tx, site_id, visit_number)
            if found is not None:
                await add_traits(tx, site_id, (at, number), found)
            if deal_number:
                await tx.execute(
                    deal.insert().values(
                        site_id=site_id, subject_id=number, number=deal_number, endpoint_id=None, recorded_at=at
                    )
                )
        return number


async def make_scene(services: Services, name: str = "Shop", host: str = "shop.example") -> Scene:
    """A new site."""
    return Scene(services, await add_site(services, name, [host]))


@cache
def _password_hash() -> str:
    """Made once: it takes its time by design."""
    return PasswordHasher().hash(PASSWORD)


async def make_user(services: Services) -> User:
    """Somebody who may log in, with EMAIL and PASSWORD."""
    anna = User(services.ids.next(), EMAIL, services.clock.now())
    async with services.db.write() as tx:
        await store.add_user(tx, anna, _password_hash())
    return anna


async def open_session(services: Services) -> dict[str, str]:
    """The cookie of a session of Anna's, without the way through the form."""
    token, now = random_token(), services.clock.now()
    async with services.db.write() as tx:
        found = await store.find_user(tx, EMAIL)
        assert found, "make_user first"
        await store.add_login(tx, hash_token(token), found[0].id, now, now + timedelta(days=14))
    return {cookie_name(services): token}
