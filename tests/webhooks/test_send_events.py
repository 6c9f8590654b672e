"""What becomes of sends, told to the endpoints that chose it."""

import json
from datetime import timedelta
from typing import Any, get_args

import httpx
import pytest
from standardwebhooks import Webhook

from tests.support.management import management_api
from tests.support.receiver import Receiver
from tests.webhooks.conftest import SITE, listen, tell, work
from tests.webhooks.test_deliver import deliveries
from wherefrom.clock import FixedClock
from wherefrom.errors import BadInput
from wherefrom.events.snapshots import OfSend, SendBounced, SendClicked, SendDelivered
from wherefrom.events.store import append_event
from wherefrom.events.types import OF_SENDS, SHAPES, EventType
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.webhooks.api import OPERATIONS
from wherefrom.webhooks.change import ChangeEndpoint, change_endpoint
from wherefrom.webhooks.endpoint import EVENT_NAMES, EventName, choose_events
from wherefrom.webhooks.store.endpoints import get_endpoint
from wherefrom.webhooks.trial import try_endpoint

WHO: dict[str, Any] = {
    "send_id": str(2**62), "reference": "offer-7", "subject": "Your offer", "list": "offers",
    "contact_id": str(2**61), "email": "ann@mail.example", "contact_reference": "crm-42",
}  # fmt: skip


async def happen(services: Services, type_: EventType, **own: Any) -> None:
    """Something became of the send, as the outbound room appends it."""
    at = services.clock.now()
    usual: dict[str, Any] = {name: at for name in SHAPES[type_].__struct_fields__ if name.endswith("_at")}
    text = {"detail": "", "kind": "abuse", "scope": "", "code": "5.1.1", "status": "failed", "verdict": "human",
            "url": "https://shop.example/", "permanent": True}  # fmt: skip
    fields = {name: text[name] for name in SHAPES[type_].__struct_fields__ if name in text}
    async with services.db.write() as tx:
        await append_event(
            tx, id=services.ids.next(), site_id=SITE, type=type_, subject_id=2**62,
            data=SHAPES[type_](**WHO | usual | fields | own), now=at,
        )  # fmt: skip


def test_an_endpoint_may_choose_letters_and_everything_told_of_sends() -> None:
    assert set(EVENT_NAMES) == {EventType.MESSAGE_RECEIVED.value, *(one.value for one in OF_SENDS)}
    assert all(issubclass(SHAPES[one], OfSend) for one in OF_SENDS)


async def test_an_endpoint_is_told_of_letters_alone_unless_it_chose_more(
    services: Services, receiver: Receiver
) -> None:
    await listen(services, receiver.url)
    for one in OF_SENDS:
        await happen(services, one)
    await tell(services, 5)
    await work(services)
    assert [json.loads(one.body)["type"] for one in receiver.requests] == ["message.received"]


async def test_each_endpoint_is_told_of_what_it_chose(services: Services) -> None:
    some = await listen(services, "http://127.0.0.1:9999/a", events=["send.opened", "send.bounced"])
    every = await listen(services, "http://127.0.0.1:9999/b", events=list(EVENT_NAMES))
    for one in OF_SENDS:
        await happen(services, one)
    await tell(services, 5)
    await work(services)
    told: dict[int, list[str]] = {some.endpoint.id: [], every.endpoint.id: []}
    for one in await deliveries(services):
        told[one.endpoint_id].append(one.event_type)
    assert sorted(told[some.endpoint.id]) == ["send.bounced", "send.opened"]
    assert sorted(told[every.endpoint.id]) == sorted(EVENT_NAMES)


async def test_what_became_of_a_send_is_posted_whole_signed_and_numbered_by_contact(
    services: Services, receiver: Receiver, clock: FixedClock
) -> None:
    added = await listen(services, receiver.url, events=["send.delivered", "send.clicked", "send.bounced"])
    receiver.answer(503)
    await happen(services, EventType.SEND_DELIVERED, detail="250 taken")
    await work(services)
    await happen(services, EventType.SEND_CLICKED, url="https://shop.example/sofa?a=1&b=ü")
    await happen(services, EventType.SEND_BOUNCED, contact_id="9", permanent=False, code="4.2.2", detail="full")
    await work(services)
    clock.advance(timedelta(seconds=6))
    await work(services)
    bodies = [Webhook(added.secret).verify(one.body, dict(one.headers)) for one in receiver.requests]
    assert receiver.requests[0].body == receiver.requests[-1].body  # tried again with the same bytes
    assert receiver.requests[0].headers["webhook-id"] == receiver.requests[-1].headers["webhook-id"]
    last = {body["type"]: body["data"] for body in bodies}
    assert last["send.delivered"]["lead"] == {"id": f"contact-{2**61}", "sequence": 1}
    assert last["send.clicked"]["lead"] == {"id": f"contact-{2**61}", "sequence": 2}
    assert last["send.bounced"]["lead"] == {"id": "contact-9", "sequence": 1}
    assert receiver.requests[-1].headers["wherefrom-lead"] == f"contact-{2**61}"
    at = clock.now() - timedelta(seconds=6)
    clicked = {name: value for name, value in last["send.clicked"].items() if name != "lead"}
    assert clicked == WHO | {"clicked_at": as_json(at), "url": "https://shop.example/sofa?a=1&b=ü"}
    assert {**last["send.bounced"], "lead": 0} == WHO | {
        "contact_id": "9", "bounced_at": as_json(at), "permanent": False, "code": "4.2.2", "detail": "full", "lead": 0,
    }  # fmt: skip


def as_json(at: Any) -> str:
    return str(at.isoformat().replace("+00:00", "Z"))


async def test_an_answer_to_what_became_of_a_send_is_no_deal(services: Services, receiver: Receiver) -> None:
    await listen(services, receiver.url, events=["send.opened"])
    receiver.answer(200, {"deal_id": 7})
    await happen(services, EventType.SEND_OPENED)
    await work(services)
    async with management_api(services, OPERATIONS, key=str(SITE)) as api:
        answer = await api.patch(f"/sites/{SITE}/deals/7", json={"status": "won"})
    assert answer.status_code == 404 or answer.json() == {"count": 0}


@pytest.mark.parametrize(
    ("events", "format_", "words"),
    [
        ([], "standard", "no event is chosen"),
        (["send.opened"], "roistat", "none for send.opened"),
        (["message.received", "send.clicked", "send.bounced"], "roistat", "none for send.bounced, send.clicked"),
    ],
)
def test_a_choice_that_cannot_be_told_is_refused_in_words(events: list[EventName], format_: Any, words: str) -> None:
    with pytest.raises(BadInput) as caught:
        choose_events(events, format_)
    assert words in caught.value.detail
    assert caught.value.hint
    assert caught.value.extra["field"] == "events"


async def test_a_format_that_cannot_tell_what_is_chosen_is_not_changed_to(services: Services) -> None:
    added = await listen(services, "http://127.0.0.1:9999/a", events=["message.received", "send.opened"])
    with pytest.raises(BadInput, match=r"none for send\.opened"):
        await change_endpoint(services, SITE, added.endpoint.id, ChangeEndpoint(format="roistat"))
    wish = ChangeEndpoint(format="roistat", events=["message.received"])
    assert (await change_endpoint(services, SITE, added.endpoint.id, wish)).events == ("message.received",)
    with pytest.raises(BadInput):
        await change_endpoint(services, SITE, added.endpoint.id, ChangeEndpoint(events=["send.opened"]))
    async with services.db.read() as tx:
        assert (await get_endpoint(tx, SITE, added.endpoint.id)).events == ("message.received",)


async def test_events_are_chosen_over_the_api_and_shown_each_once(services: Services) -> None:
    site = await add_site(services, "shop", ["company.com"])
    async with management_api(services, OPERATIONS, key=str(site.id)) as api:
        wish: dict[str, Any] = {"url": "https://crm.example/hook"}
        plain = (await api.post("/sites/shop/endpoints", json=wish)).json()
        assert plain["events"] == ["message.received"]
        url = f"/sites/shop/endpoints/{plain['id']}"
        changed = await api.patch(url, json={"events": ["send.clicked", "send.opened", "send.opened"]})
        assert changed.json()["events"] == ["send.opened", "send.clicked"]
        assert (await api.patch(url, json={"junk": True})).json()["events"] == ["send.opened", "send.clicked"]
        for bad in ([], ["send.seen"], ["webhook.disabled"], "send.opened", ["send.opened"] * 100):
            refused: httpx.Response = await api.patch(url, json={"events": bad})
            assert refused.status_code == 400, bad
            assert "events" in refused.text


def test_the_names_outside_are_those_of_the_types() -> None:
    assert get_args(EventName) == EVENT_NAMES
    assert {SendDelivered, SendClicked, SendBounced} <= {SHAPES[EventType(name)] for name in EVENT_NAMES}


async def test_a_sample_click_has_the_shape_of_a_real_one_and_goes_where_it_can_be_told(
    services: Services, receiver: Receiver
) -> None:
    added = await listen(services, receiver.url, events=["send.clicked"])
    await happen(services, EventType.SEND_CLICKED)
    await work(services)
    trial = await try_endpoint(services, SITE, added.endpoint.id, "click")
    assert trial.answer.accepted
    real, sample = [Webhook(added.secret).verify(one.body, dict(one.headers)) for one in receiver.requests]
    assert (sample["type"], set(sample["data"])) == (real["type"], set(real["data"]))
    assert receiver.requests[1].headers["wherefrom-test"] == "click"
    assert trial.deal is None
    flat = await listen(services, receiver.url, format="roistat")
    with pytest.raises(BadInput, match="format roistat"):
        await try_endpoint(services, SITE, flat.endpoint.id, "click")
