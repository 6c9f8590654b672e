"""A letter that the site's account sent is known again when it comes back, whatever of it is returned."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.bounces.forms import dsn, multipart, part, recipient
from tests.inbox.letters import Post
from tests.outbound.office import Office
from wherefrom.bounces.taker import BounceTaker
from wherefrom.outbound.store.bounces import Bounce, list_bounces
from wherefrom.outbound.store.sends import get_send

UNKNOWN = recipient("5.1.1", "smtp; 550 5.1.1 nobody of that name", final="rfc822; ann@mail.example")
OWN = "news@shop.example"


def without(raw: str, *names: str) -> str:
    """``raw`` with these header fields taken out, folded or not."""
    for name in names:
        raw = re.sub(rf"(?im)^{name}:[^\n]*\n(?:[ \t][^\n]*\n)*", "", raw, count=1)
    return raw


async def come_back(office: Office, form: str) -> list[Bounce]:
    post = await Post.open(office.stage.services, office.stage.site_id)
    await post.store(form.encode())
    await post.sort(BounceTaker())
    async with office.stage.services.db.read() as tx:
        return await list_bounces(tx, office.stage.site_id, limit=10)


async def send(office: Office) -> tuple[str, str]:
    """The letter as the mail server took it, and its return path."""
    await office.set(bounce_address="bounce@shop.example")
    await office.send(html='<p><a href="https://shop.example/offer">the offer</a></p>', text="Hello")
    await office.work()
    taken = office.sink.letters[-1]
    office.stage.clock.advance(timedelta(minutes=1))
    return taken.raw.decode().replace("\r\n", "\n"), taken.sender


async def test_by_the_return_path_alone(office: Office) -> None:
    _, path = await send(office)
    (found,) = await come_back(office, dsn(UNKNOWN, to=path.upper(), returned=None))
    assert (found.proof, found.weight, found.ended) == ("return-path", "hard", True)
    problem = await office.refused("POST", "/sends", 422, json={"contact": {"email": "ann@mail.example"}})
    assert problem["reason"] == "bounced"


@pytest.mark.parametrize(
    "lost",
    [
        (),
        ("Message-ID",),
        ("List-Unsubscribe", "List-Unsubscribe-Post"),
        ("Message-ID", "List-Unsubscribe"),  # a link of its text is left
    ],
)
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what is found in a letter does not depend on it
async def test_by_what_is_returned_of_it(office: Office, lost: tuple[str, ...]) -> None:
    raw, _ = await send(office)
    (found,) = await come_back(office, dsn(UNKNOWN, to=OWN, returned=without(raw, *lost)))
    assert (found.proof, found.weight, found.ended) == ("token", "hard", True)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
async def test_not_by_a_letter_out_of_which_all_that_is_signed_was_taken(office: Office) -> None:
    raw, _ = await send(office)
    bare = without(raw, "Message-ID", "List-Unsubscribe").partition("\n\n")[0] + "\n\nHello\n"
    assert await come_back(office, dsn(UNKNOWN, to=OWN, returned=bare)) == []


async def test_a_complaint_about_it_ends_all_mail(office: Office) -> None:
    raw, path = await send(office)
    report = multipart(
        "report",
        part("text/plain", "spam"),
        "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: FBL/1\n"
        f"Original-Mail-From: <{path}>",
        f"Content-Type: message/rfc822\n\n{raw}",
        report="feedback-report",
    )
    form = f"From: fbl@provider.example\nTo: {OWN}\nSubject: complaint\nMessage-ID: <c@provider.example>\n{report}"
    (found,) = await come_back(office, form)
    assert (found.weight, found.code, found.ended) == ("complaint", "abuse", True)
    async with office.stage.services.db.read() as tx:
        assert (await get_send(tx, office.stage.site_id, found.send_id)).status == "complained"
