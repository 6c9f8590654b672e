"""People of a site for the pages of contacts: letters opened, clicked, bounced, an unsubscription, a letter back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import httpx
from starlette.applications import Starlette

from tests.console.scene import Scene
from tests.outbound.stage import CHROME, GMAIL, Handed, Stage
from tests.support.management import management_api
from wherefrom.audience.change import change_contact
from wherefrom.clock import FixedClock
from wherefrom.contacts.change import ChangeContact
from wherefrom.outbound.api import OPERATIONS
from wherefrom.outbound.routes import routes


@dataclass(frozen=True, slots=True)
class Crowd:
    """``ann`` did everything, ``bob`` nothing, ``eve`` left, ``day`` is known by the day alone."""

    ann: int
    bob: int
    eve: int
    day: int


async def fill(scene: Scene, clock: FixedClock) -> Crowd:
    """Everything through the doors a real letter, reader or owner comes by."""
    services = scene.services
    app = Starlette(routes=routes(services))
    base = services.settings.server.public_url
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base) as http:
        stage = Stage(services, clock, scene.site.id, http)
        news = {"subject": "Our prices", "list": "news"}
        ann = await stage.hand_in("ann@mail.example", name="Ann Ableton", contact_reference="crm-1", **news)
        bob = await stage.hand_in("bob@a-rather-long-host-name-for-an-address.example", **news)
        eve = await stage.hand_in("eve@mail.example", name="<b>Eve</b>", subject="Our offer", list="offers")
        day = await stage.hand_in("day@mail.example", name="Dana Day")
        await change_contact(services, scene.site.id, day.contact.id, ChangeContact(mode="open_date"), "key 1")
        await _act(stage, ann)
        await _act(stage, day)
        clock.advance(timedelta(days=2))
        again = await stage.hand_in("ann@mail.example", subject="Did you see it?", list="news")
        await stage.hit(again.pixel, "Mozilla/5.0")  # a machine
        await stage.settle()
        await _tell(stage, eve, "unsubscribed")
        await _tell(stage, bob, "failed")
        await scene.add_visit(1042)
        await scene.add_letter("About a chair", visit_number=1042, from_address="ann@mail.example", at=clock.now())
        clock.advance(timedelta(minutes=1))
    return Crowd(ann.contact.id, bob.contact.id, eve.contact.id, day.contact.id)


async def _act(stage: Stage, handed: Handed) -> None:
    stage.clock.advance(timedelta(minutes=7))
    await stage.hit(handed.pixel, GMAIL)
    stage.clock.advance(timedelta(seconds=40))
    for url in handed.clicks[:1]:
        await stage.hit(url, CHROME)
    await stage.settle()


async def _tell(stage: Stage, handed: Handed, status: str) -> None:
    async with management_api(stage.services, OPERATIONS) as api:
        path = f"/sites/{stage.site_id}/sends/{handed.sent.id}/notices"
        answer = await api.post(path, json={"status": status, "detail": "550 5.1.1 no such user"})
    assert answer.status_code == 200, answer.text
