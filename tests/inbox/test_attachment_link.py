"""Links to attachments: signed, expiring, and harmless in a browser."""

from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes, policy
from urllib.parse import unquote

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from tests.inbox.letters import Post, letter
from wherefrom.clock import FixedClock
from wherefrom.inbox.file import content_disposition, safe_type
from wherefrom.inbox.routes import routes
from wherefrom.inbox.store.details import MessageDetail
from wherefrom.services import Services
from wherefrom.webhooks.fanout import attachment_link


@pytest_asyncio.fixture
async def browser(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(Starlette(routes=routes(services)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8025") as client:
        yield client


@pytest_asyncio.fixture
async def detail(services: Services) -> MessageDetail:
    made = message_from_bytes(letter(), policy=policy.SMTP)
    for subtype, name, content in (("pdf", "plan.pdf", b"%PDF"), ("html", 'a"b\\c/../d\r\n.html', b"<script>alert(1)")):
        made.add_attachment(content, maintype="application" if subtype == "pdf" else "text", subtype=subtype,
                            filename=name.replace("\r\n", ""))  # fmt: skip
    return await (await Post.open(services)).receive(made.as_bytes())


def link(services: Services, detail: MessageDetail, number: int = 1) -> str:
    return attachment_link(services, 1, detail.row.id, services.clock.now())(number)


async def test_the_link_of_a_webhook_gives_the_file(
    browser: httpx.AsyncClient, services: Services, detail: MessageDetail
) -> None:
    answer = await browser.get(link(services, detail))
    assert (answer.status_code, answer.content) == (200, b"%PDF")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == "attachment; filename=\"plan.pdf\"; filename*=UTF-8''plan.pdf"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert "private" in answer.headers["cache-control"]


async def test_a_page_among_the_attachments_is_only_bytes_to_a_browser(
    browser: httpx.AsyncClient, services: Services, detail: MessageDetail
) -> None:
    answer = await browser.get(link(services, detail, 2))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "/" not in answer.headers["content-disposition"].partition("filename*")[0]


async def test_a_link_ends_after_its_days_and_says_so(
    browser: httpx.AsyncClient, services: Services, detail: MessageDetail, clock: FixedClock
) -> None:
    url = link(services, detail)
    clock.advance(timedelta(days=services.settings.webhooks.link_days, seconds=-1))
    assert (await browser.get(url)).status_code == 200
    clock.advance(timedelta(seconds=2))
    answer = await browser.get(url)
    assert answer.status_code == 410
    assert "expired" in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_a_forged_link_gives_nothing(
    browser: httpx.AsyncClient, services: Services, detail: MessageDetail
) -> None:
    genuine = link(services, detail).rpartition("/")[2]
    body, until, mac = genuine.split(".")
    other = services.tokens.sign("something else", f"1/{detail.row.id}/1")
    later = format(int(until, 16) + 1, "x")
    for token in (f"{body}.{later}.{mac}", f"{body}..{mac}", f"{body}.{until}.{mac[:-1]}x", other, "x", "...", "ü.1.2"):
        answer = await browser.get(f"/a/{token}")
        assert answer.status_code == 404, token
        assert "no such file" in answer.text


async def test_a_file_that_was_erased_is_told_in_words(
    browser: httpx.AsyncClient, services: Services, detail: MessageDetail
) -> None:
    await services.blobs.delete(detail.attachments[0].sha256)
    answer = await browser.get(link(services, detail))
    assert answer.status_code == 404
    assert "no longer kept" in answer.text
    gone = services.tokens.sign("attachment", f"1/{detail.row.id}/9", expires_at=services.clock.now())
    assert (await browser.get(f"/a/{gone}")).status_code == 404


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("plan.pdf", "plan.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ('q"uote; filename=evil.exe', "q_uote_ filename=evil.exe"),
        ("Прайс.xlsx", "_____.xlsx"),
        ("line\r\nbreak", "line__break"),
        ("...", "file"),
        ("report\u202egpj.exe", "report_gpj.exe"),
        ("x" * 400 + ".txt", "x" * 146 + ".txt"),
    ],
)
def test_names_are_safe_in_the_header_and_on_disk(name: str, plain: str) -> None:
    header = content_disposition(name)
    assert f'filename="{plain}"' in header
    assert unquote(header.rpartition("''")[2]).isprintable()
    assert header.isascii()
    assert header.isprintable()


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        ("image/png", "image/png"),
        ("Application/PDF; name=x", "application/pdf"),
        ("text/html", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"),
        ("message/rfc822", "application/octet-stream"),
        ("nonsense\r\nx: y", "application/octet-stream"),
    ],
)
def test_active_types_are_sent_as_plain_bytes(declared: str, sent: str) -> None:
    assert safe_type(declared) == sent
