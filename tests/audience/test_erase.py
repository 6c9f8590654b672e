"""Erasing and exporting one person: nothing that says who it was is left in any table, and old letters still work."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audience.walk import all_rows, find_anywhere
from tests.console.scene import Scene
from tests.inbox.letters import Post, letter
from tests.outbound.stage import CHROME, GMAIL, Handed, Stage
from tests.support.management import management_api
from wherefrom.audience.api import OPERATIONS as AUDIENCE_OPERATIONS
from wherefrom.audience.contact_api import OPERATIONS
from wherefrom.audience.forget import Who
from wherefrom.audience.totals_api import OPERATIONS as TOTALS_OPERATIONS
from wherefrom.errors import Conflict, WherefromError
from wherefrom.events.store import list_events
from wherefrom.events.tables import event
from wherefrom.events.types import SHAPES, EventType
from wherefrom.outbound.api import OPERATIONS as SEND_OPERATIONS
from wherefrom.outbound.judge import judge_hits
from wherefrom.outbound.leave import leave
from wherefrom.outbound.store.outgoing import Outgoing, append_outgoing
from wherefrom.outbound.store.suppressions import list_suppressions
from wherefrom.outbound.suppression_api import OPERATIONS as SUPPRESSION_OPERATIONS
from wherefrom.sites.store import get_site
from wherefrom.tracking.marks import Mark
from wherefrom.visits.store import set_contact
from wherefrom.webhooks.change import AddEndpoint, add_endpoint
from wherefrom.webhooks.fanout import fan_out

EMAIL, NAME = "zoe+vip@mail.example", "Zoë Quimby"
HTML = (
    f'<p>Dear {NAME}</p><a href="https://shop.example/offer?to={quote(EMAIL)}&amp;name={quote(NAME)}&amp;x=1">one</a>'
    '<a href="https://shop.example/plain">two</a>'
)
EVERYTHING = (
    *OPERATIONS, *SEND_OPERATIONS, *SUPPRESSION_OPERATIONS, *AUDIENCE_OPERATIONS, *TOTALS_OPERATIONS
)  # fmt: skip


async def know_her(stage: Stage) -> Handed:
    """A person of whom every room knows something, beside another one."""
    await add_endpoint(stage.services, stage.site_id, AddEndpoint(url="http://127.0.0.1:9999/hook", events=[*EVENTS]))
    handed = await stage.hand_in(
        EMAIL, HTML, name=NAME, contact_reference="crm-77", subject=f"Dear {NAME}", reference=f"order of {EMAIL}"
    )
    of_bob = HTML.replace(quote(EMAIL), "bob@mail.example").replace(quote(NAME), "Bob").replace(NAME, "Bob")
    other = await stage.hand_in("bob@mail.example", of_bob, name="Bob Baker")
    for one in (handed, other):
        await stage.hit(one.pixel, GMAIL)
        stage.clock.advance(timedelta(seconds=20))
        await stage.hit(one.clicks[0], CHROME)
        await stage.settle()
    async with management_api(stage.services, EVERYTHING) as api:
        path = f"/sites/shop/contacts/{handed.contact.id}"
        await api.patch(path, json={"consent": "granted", "consent_method": f"a letter of {EMAIL}"})
        for status in ("delivered", "failed", "unsubscribed"):
            body = {"status": status, "detail": f"550 <{EMAIL}> says no"}
            assert (await api.post(f"/sites/shop/sends/{handed.sent.id}/notices", json=body)).status_code == 200
        undone = (await api.post("/sites/shop/suppressions", json={"email": EMAIL, "detail": NAME})).json()
        assert (await api.post(f"/sites/shop/suppressions/{undone['id']}/undo")).status_code == 200
        await api.post("/sites/shop/contact-filters", json={"name": "She", "definition": {"text": EMAIL.upper()}})
        await api.post("/sites/shop/contact-filters", json={"name": "All", "definition": {}})
    await fan_out(stage.services)
    now = stage.clock.now()
    queued = Outgoing(
        site_id=stage.site_id, id=handed.sent.id, email=EMAIL, message_id="1@shop.example", raw=f"To: {EMAIL}",
        created_at=now, expires_at=now + timedelta(days=1), next_at=now,
    )  # fmt: skip
    async with stage.services.db.write() as tx:
        assert await append_outgoing(tx, queued)
    await stage.hit(handed.pixel, GMAIL)  # waits to be judged
    return handed


EVENTS = ("send.opened", "send.clicked", "send.delivered", "send.failed", "send.unsubscribed")


async def erase(stage: Stage, contact_id: int) -> dict[str, Any]:
    async with management_api(stage.services, EVERYTHING) as api:
        answer = await api.delete(f"/sites/shop/contacts/{contact_id}")
        assert answer.status_code == 200, answer.text
        again = await api.delete(f"/sites/shop/contacts/{contact_id}")
        assert again.status_code == 404
        found: dict[str, Any] = answer.json()
        return found


async def totals(stage: Stage) -> dict[str, int]:
    async with management_api(stage.services, EVERYTHING) as api:
        found: dict[str, int] = (await api.get("/sites/shop/reports/totals")).json()["sums"]
        return found


async def test_no_table_knows_an_erased_person_and_all_others_stay_as_they_were(stage: Stage) -> None:
    handed = await know_her(stage)
    known = {table for table, _ in await find_anywhere(stage.services, EMAIL, NAME)}
    assert known >= {"contact", "consent", "send", "send_notice", "link", "event", "delivery", "suppression"}
    assert known >= {"contact_filter", "outgoing"}
    before = await all_rows(stage.services)
    assert {row["send_id"] for row in before["hit"]} == {handed.sent.id}
    numbered = {row["lead"] for row in before["lead"]}
    assert f"contact-{handed.contact.id}" in numbered
    assert len(numbered) == 2
    bob = await find_anywhere(stage.services, "bob@mail.example", "Bob Baker")
    sums = await totals(stage)
    told = await erase(stage, handed.contact.id)
    assert told == {"contact_id": str(handed.contact.id), "letters": 1, "own_letters": 0, "suppressions": 1}
    assert await find_anywhere(stage.services, EMAIL, NAME, "zoe+vip", "crm-77", "Quimby") == []
    rows = await all_rows(stage.services)
    assert handed.sent.id not in {row["send_id"] for name in ("hit", "engagement") for row in rows[name]}
    assert await find_anywhere(stage.services, "bob@mail.example", "Bob Baker") == bob
    assert await totals(stage) == sums
    assert [one["name"] for one in rows["contact_filter"]] == ["All"]
    assert {row["lead"] for row in rows["lead"]} == numbered - {f"contact-{handed.contact.id}"}


async def test_old_letters_of_an_erased_person_still_work_and_are_not_measured(stage: Stage) -> None:
    handed = await know_her(stage)
    await erase(stage, handed.contact.id)
    before = await all_rows(stage.services)
    assert (await stage.hit(handed.pixel, GMAIL)).headers["content-type"] == "image/gif"
    first, second = [await stage.hit(url) for url in handed.clicks]
    assert (first.status_code, first.headers["location"]) == (307, "https://shop.example/offer?to=&name=&x=1")
    assert second.headers["location"] == "https://shop.example/plain"
    await stage.settle()
    assert await all_rows(stage.services) == before


async def test_what_is_told_later_of_a_letter_to_an_erased_person_is_of_nobody(stage: Stage) -> None:
    handed = await know_her(stage)
    await erase(stage, handed.contact.id)
    async with management_api(stage.services, EVERYTHING) as api:
        path = f"/sites/shop/sends/{handed.sent.id}"
        for status in ("complained", "unsubscribed", "failed"):
            answer = await api.post(f"{path}/notices", json={"status": status, "at": "2026-11-03T00:00:00Z"})
            assert answer.status_code == 200, answer.text
        shown = (await api.get(path)).json()
        assert (shown["email"], shown["send"]["subject"], shown["opens"]) == ("", "", [])
        assert (await api.get("/sites/shop/sends")).status_code == 200
    standing = await leave(stage.services, Mark(stage.site_id, handed.sent.id), "all")
    assert standing is not None
    assert (standing.email, standing.ended) == ("", "forgotten")
    await fan_out(stage.services)
    assert await find_anywhere(stage.services, EMAIL, NAME) == []


async def test_what_waits_for_a_webhook_is_called_off_and_what_was_told_can_still_be_read(stage: Stage) -> None:
    handed = await know_her(stage)
    await erase(stage, handed.contact.id)
    rows = (await all_rows(stage.services))["delivery"]
    mine = [row for row in rows if row["subject_id"] == handed.sent.id]
    assert {row["status"] for row in mine} == {"cancelled"}
    assert {row["event_type"] for row in mine} == set(EVENTS)
    for row in mine:
        assert json.loads(row["body"])["data"]["email"] == ""
    assert {row["status"] for row in rows if row["subject_id"] != handed.sent.id} == {"pending"}
    async with stage.services.db.read() as tx:
        events = await list_events(tx, stage.site_id)
    assert events[0].type is EventType.CONTACT_ERASED
    assert events[0].data == {
        "contact_id": str(handed.contact.id), "by": "key 1", "letters": 1, "suppressed": True,
    }  # fmt: skip
    for one in events:
        one.read_as(SHAPES[one.type])  # of its shape still


async def test_who_wanted_no_mail_gets_none_after_they_were_erased(stage: Stage) -> None:
    handed = await know_her(stage)
    await erase(stage, handed.contact.id)
    async with stage.services.db.read() as tx:
        (kept,) = await list_suppressions(tx, stage.site_id, limit=9)
    assert (kept.email[:7], len(kept.email), kept.detail, kept.send_id) == ("erased:", 39, "", None)
    with pytest.raises(WherefromError, match="does not want this mail any more") as refused:
        await stage.hand_in(EMAIL.upper())
    assert EMAIL in str(refused.value)
    assert await find_anywhere(stage.services, EMAIL) == []  # what is refused leaves nothing
    async with management_api(stage.services, EVERYTHING) as api:
        for _ in range(2):
            made = (await api.post("/sites/shop/contacts", json={"email": EMAIL})).json()
            assert (made["unsubscribed"], made["suppressed"]) == (True, False)
            (barred,) = (await api.get("/sites/shop/suppressions", params={"email": EMAIL})).json()["data"]
            assert await erase(stage, int(made["id"])) == {
                "contact_id": made["id"],
                "letters": 0,
                "own_letters": 0,
                "suppressions": 1,
            }
        await api.post("/sites/shop/contacts", json={"email": EMAIL})
        assert (await api.post(f"/sites/shop/suppressions/{barred['id']}/undo")).status_code == 200
    await stage.hand_in(EMAIL)


async def test_letters_of_an_erased_person_are_told_without_the_contact_and_visits_do_not_know_it(stage: Stage) -> None:
    handed = await stage.hand_in(EMAIL, HTML, name=NAME)
    async with stage.services.db.read() as tx:
        scene = Scene(stage.services, await get_site(tx, stage.site_id))
    await scene.add_visit(7)
    letter = await scene.add_letter("From work", visit_number=7, from_address="other@work.example")
    body = {"subject": "From work", "from_address": "other@work.example"}
    who = {"id": str(handed.contact.id), "email": EMAIL, "name": NAME, "reference": "", "send_id": None, "by": "click"}
    async with stage.services.db.write() as tx:
        await set_contact(tx, stage.site_id, 7, handed.contact.id, handed.sent.id)
        await tx.execute(
            event.insert().values(
                site_id=stage.site_id, id=1, type="message.received", subject_id=letter,
                data={"message": body, "match": None, "visit": {"id": "7"}, "contact": who},
                created_at=stage.clock.now(),
            )
        )  # fmt: skip
    await erase(stage, handed.contact.id)
    rows = await all_rows(stage.services)
    assert [row["data"] for row in rows["event"] if row["subject_id"] == letter] == [
        {"message": body, "match": None, "visit": {"id": "7"}, "contact": None}
    ]
    assert [(row["contact_id"], row["send_id"]) for row in rows["visit"]] == [(None, None)]
    assert await find_anywhere(stage.services, EMAIL, NAME) == []


async def test_the_export_holds_everything_and_letters_when_asked(stage: Stage) -> None:
    handed = await know_her(stage)
    await stage.settle()
    async with stage.services.db.read() as tx:
        scene = Scene(stage.services, await get_site(tx, stage.site_id))
    await scene.add_visit(7)
    await scene.add_letter("Mine", visit_number=7, from_address=EMAIL, files=(("cv.pdf", "application/pdf", b"%PDF"),))
    await scene.add_letter("Not mine")
    async with management_api(stage.services, EVERYTHING) as api:
        path = f"/sites/shop/contacts/{handed.contact.id}/export"
        told = (await api.get(path)).json()
        assert told["letters"] is None
        assert (told["contact"]["email"], told["site"]) == (EMAIL, "shop")
        assert [one["consent"] for one in told["consents"]] == ["granted"]
        (send,) = told["sends"]
        assert [(one["kind"], one["verdict"]) for one in send["hits"]] == [
            ("open", "proxy"), ("click", "human"), ("open", "proxy"),
        ]  # fmt: skip
        assert [one["status"] for one in send["notices"]] == ["delivered", "failed", "unsubscribed"]
        assert len(send["links"]) == 2
        assert [one["reason"] for one in told["suppressions"]] == ["manual", "unsubscribed"]
        (letter,) = (await api.get(path, params={"letters": "true"})).json()["letters"]
        assert (letter["subject"], letter["visit"], letter["attachments"]) == ("Mine", "7", ["cv.pdf"])
        assert (await api.get("/sites/shop/contacts/5/export")).status_code == 404


async def test_a_letter_handed_in_while_its_person_is_erased_leaves_no_trace_or_is_there_whole(stage: Stage) -> None:
    for _ in range(4):
        handed = await stage.hand_in("gone@mail.example", name="Gone Girl", subject="For Gone Girl")
        async with management_api(stage.services, EVERYTHING) as api:
            erased, *sent = await asyncio.gather(
                api.delete(f"/sites/shop/contacts/{handed.contact.id}"),
                *(stage.hand_in("gone@mail.example", name="Gone Girl", subject="For Gone Girl") for _ in range(3)),
                return_exceptions=True,
            )
        assert not isinstance(erased, BaseException)
        assert erased.status_code == 200, erased.text
        assert all(isinstance(one, (Handed, Conflict)) for one in sent), sent
        rows = await all_rows(stage.services)
        people = {row["id"] for row in rows["contact"]}
        assert all(row["contact_id"] in people for row in rows["send"] if row["subject"]), "of nobody, and yet named"
        for row in rows["contact"]:
            mine = [one for one in rows["send"] if one["contact_id"] == row["id"]]
            assert row["emails_sent_count"] == len(mine)
            await erase(stage, row["id"])
        assert await find_anywhere(stage.services, "gone@mail.example", "Gone Girl") == []


async def test_who_is_erased_while_they_read_is_forgotten_and_other_readers_are_counted(stage: Stage) -> None:
    for round_ in range(3):
        gone, stays = await stage.hand_in("gone@mail.example"), await stage.hand_in(f"stays{round_}@mail.example")
        for one in (gone, stays):
            await stage.hit(one.pixel, GMAIL)
        stage.clock.advance(timedelta(seconds=5))
        async with management_api(stage.services, EVERYTHING) as api:
            erased, *_ = await asyncio.gather(
                api.delete(f"/sites/shop/contacts/{gone.contact.id}"),
                *(judge_hits(stage.services) for _ in range(2)),
                *(stage.hit(url, CHROME) for one in (gone, stays) for url in one.clicks[:1]),
                *(judge_hits(stage.services) for _ in range(2)),
            )
        assert erased.status_code == 200
        await stage.settle()
        rows = await all_rows(stage.services)
        assert {row["send_id"] for name in ("hit", "engagement") for row in rows[name]} & {gone.sent.id} == set()
        assert (await stage.contact(f"stays{round_}@mail.example")).emails_clicked_count == 1
        assert await find_anywhere(stage.services, "gone@mail.example") == []


@given(
    st.from_regex(r"[a-z0-9][a-z0-9+._-]{0,10}[a-z0-9]@[a-z]{2,6}\.example", fullmatch=True),
    st.sampled_from(["", "Zoë Quimby", "Ann", "A & B", "100 %"]),
    st.text("/?&=#a%20.", max_size=20),
)
def test_what_is_cut_from_an_address_is_the_person_alone(email: str, name: str, rest: str) -> None:
    who = Who(email, name)
    url = f"https://shop.example/{rest}"
    assert who.cut_from_url(url) == url if f"={name}" not in url else True
    for form in (email, email.upper(), quote(email, safe=""), email.replace("@", "%40")):
        found = who.cut_from_url(f"{url}?e={form}&n={quote(name)}&z=1")
        assert found.startswith("https://shop.example/")
        assert found.endswith("?e=&n=&z=1")
    told = {"email": email, "list": "news", "n": 3, "deep": [{"subject": "x", "text": f"to {email}."}]}
    assert who.cut_from_told(told) == {
        "email": "", "list": "news", "n": 3, "deep": [{"subject": "", "text": "to ."}],
    }  # fmt: skip


async def test_the_letters_a_person_wrote_go_with_them_when_that_is_asked_for(stage: Stage) -> None:
    """With their files, and with what waits to be told of them; a stranger's letter of the same words stays."""
    services = stage.services
    post = await Post.open(services, stage.site_id)
    await add_endpoint(services, stage.site_id, AddEndpoint(url="http://127.0.0.1:9999/", which="all"))
    handed = await know_her(stage)
    words = "The plans are attached."
    told = await post.receive(letter(sender=f"Zoe <{EMAIL}>", text=words, message_id="<1@mail.example>"))
    await fan_out(services)  # a delivery waits
    untold = await post.receive(letter(sender=f"Zoe <{EMAIL}>", text=words, message_id="<2@mail.example>"))
    other = await post.receive(letter(sender="Bob <bob@mail.example>", text=words, message_id="<3@mail.example>"))
    async with management_api(services, EVERYTHING) as api:
        answer = await api.delete(f"/sites/shop/contacts/{handed.contact.id}", params={"letters": "true"})
    assert answer.json()["own_letters"] == 2
    rows = await all_rows(services)
    assert [row["id"] for row in rows["message"]] == [other.row.id]
    assert {row["sha256"] for row in rows["loose_blob"]} == {told.sha256, untold.sha256}
    gone = {told.row.id, untold.row.id}
    for table in ("match", "message_address", "attachment", "author"):
        assert not gone & {row["message_id"] for row in rows[table]}, table
    assert not gone & {row["subject_id"] for name in ("event", "delivery") for row in rows[name]}
    assert await find_anywhere(services, EMAIL, NAME) == []
