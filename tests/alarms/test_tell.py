"""Owners are told by a letter, once, that something is switched off: from the event to a real SMTP server."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import func, insert, select, update
from structlog.testing import capture_logs

from tests.probes.stage import with_smtp
from tests.support.receiver import Receiver
from tests.support.smtp_sink import SmtpSink
from tests.webhooks.conftest import listen, tell, work
from wherefrom.accounts.store import User, add_user
from wherefrom.accounts.tables import membership
from wherefrom.alarms.tell import MOST_TRIES, Teller, pause_after
from wherefrom.clock import FixedClock
from wherefrom.events.snapshots import SenderStopped
from wherefrom.events.store import append_event
from wherefrom.events.tables import alarm, event
from wherefrom.events.types import EventType
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.sites.site import Site


async def add_person(services: Services, email: str) -> int:
    one = User(services.ids.next(), email, services.clock.now())
    async with services.db.write() as tx:
        await add_user(tx, one, "no password opens this")
    return one.id


async def open_shop(services: Services, smtp_sink: SmtpSink, *emails: str) -> tuple[Services, Site]:
    """A site whose people may be told by ``smtp_sink``."""
    services = with_smtp(services, smtp_sink)
    site = await add_site(services, "shop", ["shop.example"])
    for email in emails:
        await add_person(services, email)
    return services, site


async def stop_sender(services: Services, site: Site) -> int:
    """The event's id."""
    now, event_id = services.clock.now(), services.ids.next()
    data = SenderStopped(
        host="smtp.shop.example", username="news", from_address="news@shop.example", trouble="login",
        reason="the password is refused", hint="enter it anew", failing_since=now,
    )  # fmt: skip
    async with services.db.write() as tx:
        await append_event(
            tx, id=event_id, site_id=site.id, type=EventType.SENDER_STOPPED, subject_id=site.id, data=data, now=now
        )
    return event_id


async def left(services: Services) -> int:
    async with services.db.read() as tx:
        return int(await tx.scalar(select(func.count()).select_from(alarm)) or 0)


def receivers(sink: SmtpSink) -> list[str]:
    return [one for letter in sink.letters for one in letter.recipients]


async def test_a_receiver_that_says_gone_is_told_of_to_whoever_may_log_in_and_once(
    services: Services, smtp_sink: SmtpSink, receiver: Receiver, clock: FixedClock
) -> None:
    services = with_smtp(services, smtp_sink)
    site = await add_site(services, "Große Stühle", ["shop.example"])
    await add_person(services, "anna@shop.example")
    await listen(services, receiver.url + "/crm?key=secret", site.id)
    receiver.answer(410)
    await tell(services, 5, site_id=site.id)
    await work(services)
    teller = Teller(services)
    assert await teller.step()
    [letter] = smtp_sink.letters
    assert letter.recipients == ("anna@shop.example",)
    read = message_from_bytes(letter.raw, policy=default)
    assert read["Subject"] == "The webhook of Große Stühle is switched off"
    text = read.get_content()
    assert f"{receiver.url}/crm of the site" in text
    assert f"/sites/{site.id}/setup#webhooks" in text
    assert not await teller.step()
    clock.advance(timedelta(days=3))
    assert not await teller.step()
    assert len(smtp_sink.letters) == 1


async def test_where_owners_are_named_they_are_told_and_nobody_else(services: Services, smtp_sink: SmtpSink) -> None:
    services = with_smtp(services, smtp_sink)
    site = await add_site(services, "shop", ["shop.example"])
    anna, bob = await add_person(services, "anna@shop.example"), await add_person(services, "bob@shop.example")
    rows = [
        {"site_id": site.id, "user_id": anna, "role": "owner"},
        {"site_id": site.id, "user_id": bob, "role": "analyst"},
    ]
    async with services.db.write() as tx:
        await tx.execute(insert(membership), rows)
    await stop_sender(services, site)
    await Teller(services).step()
    assert receivers(smtp_sink) == ["anna@shop.example"]


async def test_without_an_outgoing_mail_server_nobody_is_told_and_nothing_is_told_late(
    services: Services, smtp_sink: SmtpSink
) -> None:
    site = await add_site(services, "shop", ["shop.example"])
    await add_person(services, "anna@shop.example")
    await stop_sender(services, site)
    assert await Teller(services).step()
    assert await left(services) == 0
    assert not await Teller(with_smtp(services, smtp_sink)).step()
    assert smtp_sink.letters == []


async def test_a_mail_server_that_is_away_is_tried_again_and_who_knows_is_not_told_twice(
    services: Services, smtp_sink: SmtpSink, clock: FixedClock
) -> None:
    services, site = await open_shop(services, smtp_sink, "anna@shop.example", "bob@shop.example")
    await stop_sender(services, site)
    smtp_sink.refuse("bob@shop.example", "451 4.3.0 try later")
    teller = Teller(services)
    await teller.step()
    assert receivers(smtp_sink) == ["anna@shop.example"]
    assert not await teller.step()  # not before its time
    smtp_sink.stop()
    clock.advance(pause_after(1))
    await teller.step()
    assert await left(services) == 1
    smtp_sink.start()
    smtp_sink.refuse("bob@shop.example", "")
    clock.advance(pause_after(2))
    await teller.step()
    assert receivers(smtp_sink) == ["anna@shop.example", "bob@shop.example"]
    assert await left(services) == 0


async def test_an_address_that_is_refused_for_good_ends_it_and_so_do_eight_tries(
    services: Services, smtp_sink: SmtpSink, clock: FixedClock
) -> None:
    services, site = await open_shop(services, smtp_sink, "gone@shop.example")
    smtp_sink.refuse("gone@shop.example")
    await stop_sender(services, site)
    teller = Teller(services)
    await teller.step()
    assert await left(services) == 0
    smtp_sink.stop()
    await stop_sender(services, site)
    for tries in range(1, MOST_TRIES + 1):
        assert await left(services) == 1
        await teller.step()
        clock.advance(pause_after(tries))
    assert await left(services) == 0


@pytest.mark.parametrize(("tries", "minutes"), [(1, 5), (2, 15), (4, 135), (8, 720)])
def test_tries_get_rarer(tries: int, minutes: int) -> None:
    assert pause_after(tries) == timedelta(minutes=minutes)


async def test_a_person_whose_address_is_not_ascii_keeps_nobody_else_from_being_told(
    services: Services, smtp_sink: SmtpSink
) -> None:
    services, site = await open_shop(services, smtp_sink, "käthe@shop.example", "anna@shop.example")
    await stop_sender(services, site)
    assert await Teller(services).step()
    assert receivers(smtp_sink) == ["anna@shop.example"]
    assert await left(services) == 0


async def test_an_alarm_that_cannot_be_read_keeps_no_other_from_being_told_and_is_tried_again(
    services: Services, smtp_sink: SmtpSink, clock: FixedClock
) -> None:
    services, site = await open_shop(services, smtp_sink, "anna@shop.example")
    spoilt = await stop_sender(services, site)
    of_it = update(event).where(event.c.site_id == site.id, event.c.id == spoilt)
    async with services.db.write() as tx:
        sound = await tx.scalar(select(event.c.data).where(event.c.site_id == site.id, event.c.id == spoilt))
        await tx.execute(of_it.values(data={"host": "smtp.shop.example"}))
    clock.advance(timedelta(seconds=1))
    await stop_sender(services, site)
    teller = Teller(services)
    with capture_logs() as logs:
        assert await teller.step()
    assert receivers(smtp_sink) == ["anna@shop.example"]
    [said] = [one for one in logs if one["log_level"] == "error"]
    assert (said["event"], said["event_id"], said["tries"]) == ("an alarm could not be told", spoilt, 1)
    assert said["exc_info"]
    assert not await teller.step()  # not before its time
    async with services.db.write() as tx:
        await tx.execute(of_it.values(data=sound))
    clock.advance(pause_after(1))
    assert await teller.step()
    assert receivers(smtp_sink) == ["anna@shop.example"] * 2
    assert await left(services) == 0


async def test_an_alarm_that_can_never_be_read_is_given_up_after_eight_tries(
    services: Services, smtp_sink: SmtpSink, clock: FixedClock
) -> None:
    services, site = await open_shop(services, smtp_sink, "anna@shop.example")
    spoilt = await stop_sender(services, site)
    async with services.db.write() as tx:
        await tx.execute(update(event).where(event.c.site_id == site.id, event.c.id == spoilt).values(data={}))
    for tries in range(1, MOST_TRIES + 1):
        assert await left(services) == 1
        assert await Teller(services).step()
        clock.advance(pause_after(tries))
    assert await left(services) == 0
    assert smtp_sink.letters == []
