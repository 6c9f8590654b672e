"""One contact: what it agreed to and when, what is kept under each word, its timeline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.audience.walk import all_rows
from tests.console.scene import Scene
from tests.outbound.stage import CHROME, GMAIL, Handed, Stage
from tests.support.management import management_api, read_pages
from wherefrom.audience.change import change_contact
from wherefrom.audience.contact_api import OPERATIONS
from wherefrom.contacts.change import ChangeContact
from wherefrom.sites.store import get_site

CONTACTS = "/sites/shop/contacts"
BEHAVIOUR = ("hit", "engagement", "event", "delivery")
"""Tables whose rows say that somebody did something."""


async def behaviour(stage: Stage) -> dict[str, list[dict[str, Any]]]:
    rows = await all_rows(stage.services)
    return {name: rows[name] for name in BEHAVIOUR}


async def test_every_change_of_consent_is_kept_with_time_method_and_who_wrote_it_down(stage: Stage) -> None:
    async with management_api(stage.services, OPERATIONS) as api:
        made = (
            await api.post(CONTACTS, json={"email": "ann@mail.example", "consent": "granted", "consent_method": "form"})
        ).json()
        path = f"{CONTACTS}/{made['id']}"
        wanted = (
            {"consent": "denied", "consent_method": "by telephone"},
            {"consent": "denied", "consent_method": "by telephone"},  # the same again is no new word
            {"name": "Ann"},
            {"mode": "open_date"},
            {"consent": "granted", "consent_method": "form"},
        )
        for body in wanted:
            stage.clock.advance(timedelta(hours=1))
            assert (await api.patch(path, json=body)).status_code == 200
        said = (await api.get(f"{path}/consents")).json()["data"]
        assert [(one["at"][11:16], one["consent"], one["mode"], one["method"], one["by"]) for one in said] == [
            ("14:00", "granted", "open_date", "form", "key 1"),
            ("13:00", "denied", "open_date", "by telephone", "key 1"),
            ("10:00", "denied", "all", "by telephone", "key 1"),
            ("09:00", "granted", "all", "form", "key 1"),
        ]
        shown = (await api.get(path)).json()
        assert (shown["consent"], shown["consent_at"][11:16], shown["consent_method"]) == ("granted", "14:00", "form")
        refused = await api.patch(path, json={"consent_method": "form"})
        assert (refused.status_code, refused.json()["field"]) == (400, "consent")
        assert (await api.get(f"{CONTACTS}/7/consents")).status_code == 404


async def test_who_was_never_asked_has_no_history(stage: Stage) -> None:
    handed = await stage.hand_in()
    async with management_api(stage.services, OPERATIONS) as api:
        assert (await api.get(f"{CONTACTS}/{handed.contact.id}/consents")).json()["data"] == []


async def act(stage: Stage, handed: Handed) -> None:
    """Opens the letter and follows a link, as a person; what they asked for is there, whoever they are."""
    opened = await stage.hit(handed.pixel, GMAIL)
    assert (opened.status_code, opened.headers["content-type"]) == (200, "image/gif")
    stage.clock.advance(timedelta(seconds=20))
    for url in handed.clicks[:1]:
        clicked = await stage.hit(url, CHROME)
        assert (clicked.status_code, clicked.headers["location"]) == (307, "https://shop.example/1?a=1&b=2")
    await stage.settle()


async def test_after_a_withdrawal_old_letters_still_work_and_nothing_of_it_is_stored(stage: Stage) -> None:
    handed = await stage.hand_in()
    await change_contact(stage.services, stage.site_id, handed.contact.id, ChangeContact(consent="denied"), "key 1")
    before = await all_rows(stage.services)
    stage.clock.advance(timedelta(minutes=1))
    await act(stage, handed)
    assert await all_rows(stage.services) == before


async def test_of_who_is_known_by_the_day_of_the_last_open_nothing_else_is_stored(stage: Stage) -> None:
    async with management_api(stage.services, OPERATIONS) as api:
        await api.post(CONTACTS, json={"email": "ann@mail.example", "mode": "open_date"})
    handed = await stage.hand_in()
    before = await all_rows(stage.services)
    await act(stage, handed)
    stage.clock.advance(timedelta(days=2))
    await act(stage, handed)
    after = await all_rows(stage.services)
    day = stage.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    (contact,) = after.pop("contact")
    assert contact == before.pop("contact")[0] | {"opened_on": day}
    assert after == before


async def test_who_asks_to_be_known_by_the_day_alone_is_forgotten_but_for_that_day(stage: Stage) -> None:
    handed, other = await stage.hand_in(), await stage.hand_in("bob@mail.example")
    await act(stage, handed)
    await act(stage, other)
    opened_at = (await stage.contact()).opened_at
    assert opened_at is not None
    await stage.hit(handed.pixel, GMAIL)  # it waits to be judged
    await change_contact(stage.services, stage.site_id, handed.contact.id, ChangeContact(mode="open_date"), "key 1")
    rows = await all_rows(stage.services)
    assert {row["send_id"] for name in ("hit", "engagement") for row in rows[name]} == {other.sent.id}
    contact, sent = await stage.contact(), await stage.look(handed)
    assert (contact.emails_opened_count, contact.last_email_clicked_at, contact.emails_sent_count) == (0, None, 1)
    assert contact.opened_on == opened_at.replace(hour=0, minute=0, second=0, microsecond=0)
    assert (sent.status, sent.opened_at, sent.clicks) == ("accepted", None, 0)
    assert (await stage.contact("bob@mail.example")).emails_clicked_count == 1


async def test_the_timeline_holds_letters_both_ways_clicks_notices_and_consent(stage: Stage) -> None:
    async with stage.services.db.read() as tx:
        scene = Scene(stage.services, await get_site(tx, stage.site_id))
    handed = await stage.hand_in(subject="Our prices")
    stage.clock.advance(timedelta(minutes=5))
    await act(stage, handed)
    await scene.add_visit(1042)
    at = stage.clock.now() + timedelta(minutes=5)
    letter = await scene.add_letter("About a chair", visit_number=1042, from_address="ann@mail.example", at=at)
    await scene.add_letter("Somebody else's")
    await scene.add_letter("A bounce", from_address="ann@mail.example", status="taken")
    stage.clock.advance(timedelta(hours=1))
    await change_contact(
        stage.services, stage.site_id, handed.contact.id, ChangeContact(consent="denied", consent_method="mail"), "k"
    )
    async with management_api(stage.services, OPERATIONS) as api:
        path = f"{CONTACTS}/{handed.contact.id}/activities"
        whole = (await api.get(path)).json()["data"]
        assert [(one["kind"], one["subject"], one["word"], one["detail"]) for one in whole] == [
            ("consent", "", "denied", "mail"),
            ("letter", "About a chair", "matched", "code"),
            ("click", "Our prices", "human", "https://shop.example/1?a=1&b=2"),
            ("open", "Our prices", "proxy", ""),
            ("sent", "Our prices", "", ""),
        ]
        assert (whole[1]["message_id"], whole[1]["visit"], whole[1]["send_id"]) == (str(letter), "1042", None)
        assert await read_pages(api, path, 2) == whole


@pytest.mark.parametrize("body", [{"email": "nobody"}, {"email": "a@b.example", "name": "x" * 201}])
async def test_a_contact_that_cannot_be_is_refused(stage: Stage, body: dict[str, str]) -> None:
    async with management_api(stage.services, OPERATIONS) as api:
        assert (await api.post(CONTACTS, json=body)).status_code == 400
        assert (await api.get(CONTACTS)).json()["data"] == []
        for name in ("email", "reference"):
            assert (await api.get(CONTACTS, params={name: "a\x00"})).status_code == 400
