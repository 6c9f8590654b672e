"""Who of the address book wrote a letter: by the sender's address, else by the link the visit came by (H09)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from tests.inbox.letters import Post, letter
from tests.inbox.test_api import CODE
from tests.support.management import management_api
from wherefrom.audience.timeline import list_moments
from wherefrom.contacts.contact import Contact
from wherefrom.contacts.store import append_contact, get_contact
from wherefrom.db import Database
from wherefrom.events.snapshots import MessageReceived
from wherefrom.inbox.api import OPERATIONS
from wherefrom.inbox.writer import Person, choose_writer
from wherefrom.services import Services
from wherefrom.sites.add import add_site
from wherefrom.visits.store import set_contact

ANN, BOB = Person(1, "ann@mail.example", "Ann", "crm-1"), Person(2, "bob@mail.example", "", "")


@pytest.mark.parametrize(
    ("sender", "contact_id", "answer"),
    [
        ("ann@mail.example", None, (1, "sender", None)),
        ("Ann@MAIL.example", None, (1, "sender", None)),
        ("ann@mail.example", 1, (1, "sender", 7)),
        ("bob@mail.example", 1, (2, "sender", None)),  # Ann's letter was forwarded to Bob
        ("ann.private@other.example", 1, (1, "click", 7)),
        ("ann.private@other.example", None, None),
        ("", 1, (1, "click", 7)),
        ("no address", None, None),
        ("ann@mail.example", 99, (1, "sender", None)),
        ("someone@else.example", 99, None),  # that contact is erased
    ],
)
def test_the_address_says_more_than_the_link(
    sender: str, contact_id: int | None, answer: tuple[Any, ...] | None
) -> None:
    found = choose_writer([ANN, BOB], sender, contact_id, 7)
    assert (None if found is None else (found.person.id, found.by, found.send_id)) == answer


@given(st.permutations([ANN, BOB, Person(3, "", "", "")]), st.sampled_from(["ann@mail.example", "x@y.example", ""]))
def test_the_order_in_which_contacts_are_found_does_not_matter(people: list[Person], sender: str) -> None:
    for contact_id in (None, 1, 2, 3):
        expected = choose_writer([ANN, BOB, Person(3, "", "", "")], sender, contact_id, 7)
        assert choose_writer(people, sender, contact_id, 7) == expected


@pytest_asyncio.fixture
async def post(services: Services) -> Post:
    """A site whose visit 7 came by send 70 to Ann, and was shown CODE."""
    site = await add_site(services, "shop", ["company.example"])
    made = await Post.open(services, site.id)
    await made.rows.visit(7)
    await made.rows.lease(7, await made.rows.target("sales@company.example"), CODE)
    now = services.clock.now()
    async with services.db.write() as tx:
        for one in (ANN, BOB):
            await append_contact(
                tx,
                Contact(
                    site_id=site.id, id=one.id, email=one.email, name=one.name, reference=one.reference, created_at=now
                ),
            )  # fmt: skip
        await set_contact(tx, site.id, 7, ANN.id, 70)
    return made


async def received(post: Post, sender: str) -> tuple[MessageReceived, dict[str, Any]]:
    """The event of a letter to CODE, and the letter as the API lists it."""
    detail = await post.receive(letter(CODE, sender=sender), at=post.minutes(1))
    [event] = await post.events(detail.row.id)
    async with management_api(post.services, OPERATIONS) as api:
        shown: httpx.Response = await api.get("/sites/shop/messages")
        alone = (await api.get(f"/sites/shop/messages/{detail.row.id}")).json()
    [listed] = shown.json()["data"]
    assert alone["contact"] == listed["contact"]
    return event.read_as(MessageReceived), listed


async def test_a_letter_from_the_visit_belongs_to_the_contact_whatever_address_it_came_from(post: Post) -> None:
    told, listed = await received(post, "Ann at home <ann.private@other.example>")
    assert told.contact is not None
    assert (told.contact.id, told.contact.email, told.contact.reference) == ("1", "ann@mail.example", "crm-1")
    assert (told.contact.send_id, told.contact.by) == ("70", "click")
    assert listed["contact"] == {
        "id": "1", "email": "ann@mail.example", "name": "Ann", "reference": "crm-1", "send_id": "70", "by": "click",
    }  # fmt: skip
    assert listed["visit"]["id"] == "7"


async def test_a_letter_from_a_known_address_belongs_to_that_contact_though_the_link_was_anothers(post: Post) -> None:
    told, listed = await received(post, "BOB@mail.example")
    assert told.contact is not None
    assert (told.contact.id, told.contact.send_id, told.contact.by) == ("2", None, "sender")
    assert (listed["contact"]["id"], listed["contact"]["by"]) == ("2", "sender")


async def test_a_letter_without_a_visit_is_of_the_contact_whose_address_it_came_from(post: Post) -> None:
    detail = await post.receive(letter("info@company.example", sender="ann@mail.example"))
    [event] = await post.events(detail.row.id)
    told = event.read_as(MessageReceived)
    assert told.visit is None
    assert told.contact is not None
    assert (told.contact.id, told.contact.by, told.contact.send_id) == ("1", "sender", None)


async def test_a_letter_of_nobody_known_names_nobody(post: Post) -> None:
    detail = await post.receive(letter("info@company.example", sender="stranger@else.example"))
    [event] = await post.events(detail.row.id)
    assert event.read_as(MessageReceived).contact is None
    assert detail.row.writer is None


@pytest.mark.parametrize("apart", [False, True], ids=["this process", "another process"])
async def test_the_first_contact_of_a_site_is_known_from_the_next_letter_on(services: Services, apart: bool) -> None:
    site = await add_site(services, "shop", ["company.example"])
    post = await Post.open(services, site.id)
    stranger = await post.receive(letter(sender="ann@mail.example", message_id="<1@x>"))
    now = services.clock.now()
    ann = Contact(site_id=site.id, id=1, email="ann@mail.example", name="Ann", created_at=now)
    writes = Database(services.settings.database.url) if apart else services.db
    async with writes.write() as tx:
        await append_contact(tx, ann)
    if apart:
        await writes.close()
    known = await post.receive(letter(sender="ann@mail.example", message_id="<2@x>"))
    assert [await writer_of(post, one.row.id) for one in (stranger, known)] == ["", "Ann"]


async def writer_of(post: Post, message_id: int) -> str:
    """The name of the contact that was told with the letter."""
    (event,) = await post.events(message_id)
    contact = event.read_as(MessageReceived).contact
    return contact.name if contact else ""


async def test_a_contacts_timeline_has_letters_from_its_visits_and_none_of_other_contacts(post: Post) -> None:
    mine = [
        await post.receive(letter(CODE, sender=sender, message_id=f"<{sender}>"), at=post.minutes(minute))
        for minute, sender in enumerate(("ann@mail.example", "home@else.example", "bob@mail.example"))
    ]
    async with post.services.db.read() as tx:
        ann, bob = [await get_contact(tx, post.rows.site_id, one.id) for one in (ANN, BOB)]
        of_ann, of_bob = [await list_moments(tx, one, limit=50) for one in (ann, bob)]
    assert [one.message_id for one in of_ann if one.kind == "letter"] == [mine[1].row.id, mine[0].row.id]
    assert [one.message_id for one in of_bob if one.kind == "letter"] == [mine[2].row.id]
