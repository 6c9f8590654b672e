"""Sends the letters: each alarm once to each of the site's owners, by the account of ``[smtp]``.

Where none is set nobody is told, and what happened before one is set is not told afterwards. A process that dies
between the mail server's answer and our write sends that one letter a second time, with the same Message-ID.
"""

from __future__ import annotations

from datetime import timedelta

import msgspec
import structlog

from wherefrom.accounts.store import User, list_owners
from wherefrom.alarms.letter import News, Place, compose_news, put_in_words
from wherefrom.errors import NotFound
from wherefrom.events import alarm_store
from wherefrom.events.alarm_store import Alarm
from wherefrom.events.store import find_event
from wherefrom.events.types import SHAPES
from wherefrom.mail.smtp import RecipientRefused, SenderFailed
from wherefrom.probes.door import Door
from wherefrom.probes.rounds import require_account
from wherefrom.services import Services
from wherefrom.sites.store import get_site

log = structlog.get_logger(__name__)

MOST_TRIES = 8
MOST_PERSONS = 50
_AT_ONCE = 10
_LONGEST_PAUSE = timedelta(hours=12)


def pause_after(tries: int) -> timedelta:
    """5 min, 15 min, 45 min … 12 h: eight tries take a day and a half."""
    return min(timedelta(minutes=5 * 3.0 ** (tries - 1)), _LONGEST_PAUSE)


class Teller(msgspec.Struct, frozen=True):
    """The worker's step."""

    services: Services

    async def step(self) -> bool:
        """Tells of what is due; whether there was any."""
        services, now = self.services, self.services.clock.now()
        async with services.db.read() as tx:
            if not await alarm_store.is_any_alarm_due(tx, now):
                return False
        async with services.db.write() as tx:
            due = await alarm_store.claim_alarms(tx, now, _AT_ONCE, pause_after)
        for one in due:
            if not services.settings.smtp.host or await self._try(one) or one.tries >= MOST_TRIES:
                async with services.db.write() as tx:
                    await alarm_store.remove_alarm(tx, one)
        return bool(due)

    async def _try(self, one: Alarm) -> bool:
        """As ``_tell``; False where it fails by a fault of ours."""
        try:
            return await self._tell(one)
        except Exception:  # of one alarm: it must not keep the others from being told
            log.exception("an alarm could not be told", site=one.site_id, event_id=one.event_id, tries=one.tries)
            return False

    async def _tell(self, one: Alarm) -> bool:
        """Whether everybody knows who can be told."""
        services = self.services
        async with services.db.read() as tx:
            event = await find_event(tx, one.site_id, one.event_id)
            persons = await list_owners(tx, one.site_id, MOST_PERSONS)
            try:
                site = await get_site(tx, one.site_id)
            except NotFound:
                return True
        if event is None:  # forgotten meanwhile
            return True
        place = Place(site.name, f"{services.settings.server.public_url.rstrip('/')}/sites/{site.id}/setup")
        news = put_in_words(msgspec.json.decode(event.json, type=SHAPES[event.type]), place, event.created_at)
        return await self._hand_in(one, news, [person for person in persons if person.id not in one.told])

    async def _hand_in(self, one: Alarm, news: News, persons: list[User]) -> bool:
        services, told = self.services, set(one.told)
        sender = services.settings.smtp.sender
        door, everybody = Door(services, require_account(services.settings)), True
        for person in persons:
            token = services.tokens.sign("alarm", f"{one.event_id}/{person.id}").replace("..", ".")
            raw = compose_news(news, sender, person.email, token, services.clock.now())
            try:
                await door.hand_in(sender, person.email, raw)
            except RecipientRefused as error:
                log.warning("a person cannot be told what is switched off", why=error.detail)
                everybody = everybody and error.permanent
                continue
            except SenderFailed as error:
                log.warning("nobody can be told what is switched off", why=error.detail, tries=one.tries)
                return False
            told.add(person.id)
            async with services.db.write() as tx:
                await alarm_store.set_told(tx, one, told)
        return everybody
