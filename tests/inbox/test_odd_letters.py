"""Odd letters all the way to the API: the raw bytes stay what they are, and what is inside them can be downloaded."""

from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.inbox.letters import Post, letter
from tests.mail.outlook import attribute, named_file, winmail
from tests.support.management import management_api
from wherefrom.inbox.api import OPERATIONS
from wherefrom.mail.parse import parse_letter
from wherefrom.services import Services
from wherefrom.sites.add import add_site

SPECIMENS = Path(__file__).parent.parent / "mail" / "specimens"
ODD = ("raw-koi8-everything", "nul-and-controls", "mixed-line-ends", "bare-cr", "bom-before-header", "mbox-from-line",
       "not-closed", "unknown-charset", "message-id-bracketed", "base64-sloppy", "forwarded-twice-nested")  # fmt: skip
BODY = attribute(0x0002800C, b"See the files.\x00")


@pytest_asyncio.fixture
async def post(services: Services) -> Post:
    """A site with a mailbox."""
    return await Post.open(services, (await add_site(services, "shop", ["company.example"])).id)


@pytest_asyncio.fixture
async def api(post: Post) -> AsyncIterator[httpx.AsyncClient]:
    async with management_api(post.services, OPERATIONS) as client:
        yield client


async def test_whatever_is_made_of_a_letter_its_bytes_stay_what_they_are(api: httpx.AsyncClient, post: Post) -> None:
    for name in ODD:
        raw = (SPECIMENS / f"{name}.eml").read_bytes()
        detail = await post.receive(raw)
        told = (await api.get(f"/sites/shop/messages/{detail.row.id}")).json()
        assert (told["subject"], told["text"]) == (parse_letter(raw).subject, parse_letter(raw).text), name
        assert (await api.get(f"/sites/shop/messages/{detail.row.id}/raw")).content == raw, name


async def test_what_a_winmail_dat_and_a_forwarded_letter_hold_can_be_downloaded(
    api: httpx.AsyncClient, post: Post
) -> None:
    made = message_from_bytes(letter(text="\n"), policy=policy.SMTP)
    container = winmail(BODY, named_file("Прайс.pdf", b"%PDF-1.4", "application/pdf"))
    made.add_attachment(container, maintype="application", subtype="ms-tnef", filename="winmail.dat")
    made.add_attachment(message_from_bytes(letter(subject="Цена стула"), policy=policy.SMTP))
    detail = await post.receive(made.as_bytes())
    path = f"/sites/shop/messages/{detail.row.id}"
    told = (await api.get(path)).json()
    assert told["text"] == "See the files."
    assert [(one["name"], one["content_type"]) for one in told["attachments"]] == [
        ("Прайс.pdf", "application/pdf"), ("Цена стула.eml", "message/rfc822"),
    ]  # fmt: skip
    assert (await api.get(f"{path}/attachments/1")).content == b"%PDF-1.4"
    assert "Цена стула" in parse_letter((await api.get(f"{path}/attachments/2")).content).subject


def test_a_misspelt_word_of_a_letter_is_an_error_and_not_an_empty_string() -> None:
    with pytest.raises(AttributeError):
        parse_letter(letter()).subjekt  # type: ignore[attr-defined]  # noqa: B018
