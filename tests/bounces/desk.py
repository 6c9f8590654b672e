"""A site that sends letters, and the mailbox in which reports on them arrive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.inbox.letters import Post
from tests.outbound.stage import Handed, Stage
from wherefrom.bounces.taker import BounceTaker
from wherefrom.errors import Unprocessable
from wherefrom.events.store import Event, list_subject_events
from wherefrom.outbound.return_path import return_path
from wherefrom.outbound.store.bounces import Bounce, list_bounces
from wherefrom.outbound.store.suppressions import list_suppressions
from wherefrom.outbound.suppression import Suppression
from wherefrom.tokens import Tokens
from wherefrom.tracking.marks import Mark

OWN = "news@firm.example"
BASE = "bounce@firm.example"


@dataclass
class Desk:
    stage: Stage
    post: Post

    @property
    def site_id(self) -> int:
        return self.stage.site_id

    async def send(self, email: str = "ann+news@mail.example", **more: Any) -> Handed:
        return await self.stage.hand_in(email, **more)

    def fill(self, form: str, of: Handed, number: int = 0) -> bytes:
        """``form`` (see ``forms``) as it comes back of a letter."""
        email = of.contact.email
        local, _, host = email.partition("@")
        mark = Mark(self.site_id, of.sent.id)
        path = return_path(self.stage.services.tokens, BASE, mark)
        leave = of.letter.headers["List-Unsubscribe"].strip("<>")
        values = {
            "to": email, "TO": email.upper(), "own": OWN, "path": path, "PATH": path.upper(), "leave": leave,
            "soft": f"{leave[:30]}=\n{leave[30:]}", "xtext": email.replace("+", "+2B"), "below": f"{local}@mx.{host}",
            "detailed": f"{local.partition('+')[0]}@{host}",
            "archive": f"{local.partition('+')[0]}+archive@{host}",
            "forged": return_path(Tokens(b"somebody else's key, 32 bytes at least"), BASE, mark),
        }  # fmt: skip
        for name, value in values.items():
            form = form.replace("{" + name + "}", value)
        return form.replace("<r1@", f"<r{number}-{of.sent.id}@").encode()

    async def receive(self, form: str, of: Handed, number: int = 0) -> tuple[str, str]:
        """The report arrives and is sorted; what became of it: status, reason."""
        message_id = await self.post.store(self.fill(form, of, number))
        await self.sort()
        return await self.post.status(message_id)

    async def sort(self) -> None:
        await self.post.sort(BounceTaker())

    async def bounces(self, of: Handed | None = None) -> list[Bounce]:
        """Oldest first."""
        async with self.stage.services.db.read() as tx:
            found = await list_bounces(tx, self.site_id, limit=1000, send_id=of.sent.id if of else None)
        return found[::-1]

    async def suppressions(self, email: str | None = None) -> list[Suppression]:
        async with self.stage.services.db.read() as tx:
            return await list_suppressions(tx, self.site_id, limit=1000, email=email)

    async def events(self, of: Handed) -> list[Event]:
        async with self.stage.services.db.read() as tx:
            return await list_subject_events(tx, self.site_id, of.sent.id)

    async def refused(self, email: str = "ann+news@mail.example") -> str | None:
        """The reason for which a further letter is refused."""
        try:
            await self.send(email)
        except Unprocessable as error:
            return str(error.extra["reason"])
        return None
