"""Asking for a letter to be sent: what may be said of it, and that asking twice sends one."""

from __future__ import annotations

import asyncio
from typing import Any

import dkim as dkimpy
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from tests.outbound.office import ANN, Office
from tests.outbound.stage import HTML
from wherefrom.outbound import send
from wherefrom.outbound.tables import outgoing, sender
from wherefrom.outbound.tables import send as sends

KEY = {"Idempotency-Key": "order-7"}


async def count(office: Office) -> tuple[int, int]:
    """Sends and letters there are."""
    async with office.stage.services.db.read() as tx:
        return (
            await tx.scalar(select(func.count()).select_from(sends)),
            await tx.scalar(select(func.count()).select_from(outgoing)),
        )


async def test_who_asks_again_with_the_same_key_sends_one_letter(office: Office) -> None:
    first = await office.send(headers=KEY)
    again = await office.send(headers=KEY)
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert again["send"]["id"] == first["send"]["id"]
    await office.work()
    after = await office.send(headers=KEY)
    assert (after["repeated"], after["delivery"]["state"]) == (True, "sent")
    await office.work()
    assert len(office.sink.letters) == 1
    assert await count(office) == (1, 1)
    contact = await office.stage.contact()
    assert contact.emails_sent_count == 1


async def test_requests_with_the_same_key_at_once_send_one_letter(office: Office) -> None:
    made = await asyncio.gather(*(office.send(headers=KEY) for _ in range(6)))
    assert len({one["send"]["id"] for one in made}) == 1
    assert sorted(one["repeated"] for one in made) == [False] + [True] * 5
    await office.work()
    assert len(office.sink.letters) == 1
    assert await count(office) == (1, 1)


async def test_a_key_that_came_with_another_letter_is_refused(office: Office) -> None:
    first = await office.send(headers=KEY)
    body = {"contact": ANN, "subject": "Other", "html": HTML, "deliver": True}
    problem = await office.refused("POST", "/sends", 409, json=body, headers=KEY)
    assert problem["send"] == first["send"]["id"]
    await office.send(headers={"Idempotency-Key": "order-8"}, subject="Other")
    assert await count(office) == (2, 2)


async def test_a_refused_request_uses_up_no_key(office: Office) -> None:
    suppressed = await office.call("POST", "/suppressions", json={"email": "ann@mail.example"})
    body = {"contact": ANN, "subject": "News", "html": HTML, "deliver": True}
    assert (await office.refused("POST", "/sends", 422, json=body, headers=KEY))["reason"] == "manual"
    assert await count(office) == (0, 0)
    await office.call("POST", f"/suppressions/{suppressed['id']}/undo")
    assert (await office.send(headers=KEY))["repeated"] is False


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is refused, whatever the database
@pytest.mark.parametrize("key", ["", "  ", "x" * 201])
async def test_a_key_that_is_none_is_refused(office: Office, key: str) -> None:
    body = {"contact": ANN, "html": HTML, "deliver": True}
    assert (await office.refused("POST", "/sends", 400, json=body, headers={"Idempotency-Key": key}))["field"]
    assert await count(office) == (0, 0)


async def test_a_letter_says_who_it_is_from_where_answers_go_and_what_else(office: Office) -> None:
    await office.send(
        reply_to="desk@shop.example",
        headers=None,
        **{"from": {"email": "anna@shop.example", "name": "Änna, the desk"}},
    )
    body = {"contact": ANN, "html": HTML, "deliver": True, "headers": {"X-Campaign": "autumn", "List-ID": "<n.shop>"}}
    await office.call("POST", "/sends", json=body)
    await office.work()
    by_campaign = {str(office.read(number)["X-Campaign"]): office.read(number) for number in range(2)}
    plain, marked = by_campaign["None"], by_campaign["autumn"]
    assert plain["From"].addresses[0].addr_spec == "anna@shop.example"
    assert plain["Reply-To"] == "desk@shop.example"
    assert str(plain["Message-ID"]).endswith("@shop.example>")
    assert marked["List-ID"] == "<n.shop>"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is refused, whatever the database
@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"html": ""}, "html"), ({"html": "  ", "text": "\n"}, "html"), ({"reply_to": "desk"}, "reply_to"),
        ({"reply_to": "a@b.example\r\nBcc: c@d.example"}, "reply_to"), ({"from": {"email": "x"}}, "from.email"),
        ({"from": {"email": "новости@shop.example"}}, "from.email"),
        ({"headers": {"Bcc": "a@b.example"}}, "headers.Bcc"),
        ({"headers": {"X-A": "b\r\nBcc: c@d.example"}}, "headers.X-A"),
        ({"contact": {"email": "ü@mail.example"}}, "contact.email"),
        ({"deliver": False, "reply_to": "a@b.example"}, "reply_to"),
        ({"deliver": False, "headers": {"X-A": "b"}}, "headers"),
    ],
)  # fmt: skip
async def test_what_cannot_be_sent_is_refused_with_the_field_and_nothing_is_noted_down(
    office: Office, more: dict[str, Any], field: str
) -> None:
    body = {"contact": ANN, "html": HTML, "deliver": True, **more}
    assert (await office.refused("POST", "/sends", 400, json=body))["field"] == field
    assert await count(office) == (0, 0)


async def test_whatever_fault_is_met_the_letter_goes_untouched(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise RecursionError

    monkeypatch.setattr(send, "wrap_html", fail)  # a fault nobody knows of yet cannot be had otherwise
    made = await office.send()
    assert made["send"]["note"] == send.FAULT
    await office.work()
    html = office.read().get_body(("html",))
    assert html is not None
    assert html.get_content().strip() == HTML


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is sent does not depend on the database
@given(subject=st.text(max_size=60), name=st.text(max_size=40), text=st.text(min_size=1, max_size=200))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_a_letter_says_it_goes_to_one_person_with_our_fields_alone(
    office: Office, subject: str, name: str, text: str
) -> None:
    body = {"contact": ANN, "subject": subject, "html": HTML, "text": text, "deliver": True,
            "from": {"email": "a@shop.example", "name": name}}  # fmt: skip
    try:
        answer = await office.api.post("/sites/shop/sends", json=body)
    except (UnicodeEncodeError, httpx.InvalidURL):
        return
    assert answer.status_code == 201, answer.text
    await office.work()
    read = office.read()
    assert office.sink.letters[-1].recipients == ("ann@mail.example",)
    assert [name for name in read if name not in ("List-Unsubscribe", "List-Unsubscribe-Post")] == [
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
    ]  # fmt: skip


# ---------------------------------------------------------------------------------------------- signatures


async def test_letters_arrive_signed_by_each_key_as_it_was_published(office: Office) -> None:
    records = {}
    for algorithm, selector in (("rsa", "s1"), ("ed25519", "s2")):
        key = await office.call("POST", "/sender/dkim", json={"algorithm": algorithm, "selector": selector})
        records[key["record_name"]] = key["record"]
    assert set(records) == {"s1._domainkey.shop.example", "s2._domainkey.shop.example"}
    await office.send(text="line\n.\n..\nFrom here\n", subject="Привет " * 30)
    await office.work()
    raw = office.sink.letters[0].raw

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        found = records.get(name.decode().rstrip("."))
        return found.encode() if found else None

    assert [dkimpy.DKIM(raw).verify(idx=number, dnsfunc=look_up) for number in range(2)] == [True, True]
    assert not dkimpy.DKIM(raw.replace(b"shop.example>\r\nTo:", b"shop.invalid>\r\nTo:")).verify(dnsfunc=look_up)


async def test_the_private_half_is_sealed_and_never_shown(office: Office) -> None:
    made = await office.call("POST", "/sender/dkim", json={})
    shown = await office.sender()
    assert shown["dkim"] == [made]
    assert "PRIVATE" not in f"{made}{shown}"
    async with office.stage.services.db.read() as tx:
        [[stored]] = await tx.scalars(select(sender.c.dkim))
    assert "PRIVATE" not in str(stored)
    assert "BEGIN RSA PRIVATE KEY" in office.stage.services.tokens.decrypt(stored["sealed"])


async def test_keys_stay_when_the_account_is_set_anew_and_are_removed_by_their_selector(office: Office) -> None:
    await office.call("POST", "/sender/dkim", json={"selector": "s1"})
    assert (await office.refused("POST", "/sender/dkim", 409, json={"selector": "S1"}))["field"] == "selector"
    assert [key["selector"] for key in (await office.set(from_name="Another"))["dkim"]] == ["s1"]
    assert (await office.refused("DELETE", "/sender/dkim/s2", 404))["hint"]
    await office.call("DELETE", "/sender/dkim/s1")
    assert (await office.sender())["dkim"] == []
    await office.send()
    await office.work()
    assert office.read()["DKIM-Signature"] is None
