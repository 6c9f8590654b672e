"""The page of one letter: text, HTML in its box, files, source and reasons, webhooks (G01, E02, F05)."""

import hashlib
import re
from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import update

from tests.console.conftest import csrf_of
from tests.console.scene import SOURCE
from wherefrom.outbound.send import Draft, make_send
from wherefrom.webhooks.change import AddEndpoint, add_endpoint, remove_endpoint
from wherefrom.webhooks.store.deliveries import NewDelivery, add_deliveries, append_attempt, get_delivery
from wherefrom.webhooks.tables import delivery, endpoint

PIXEL = "R0lGODlhAQABAAAAACwAAAAAAQABAAA="
HTML = f"""From: Lena <lena@mail.example>\r
To: sales@shop.example\r
Subject: Quote\r
MIME-Version: 1.0\r
Content-Type: multipart/related; boundary=x\r
\r
--x\r
Content-Type: text/html; charset=utf-8\r
\r
<p onclick="steal()">Forty <b>chairs</b></p><script>alert(1)</script><form action="https://evil.example"><input></form>
<img src="https://tracker.example/pixel.gif"><img src="http://t2.example/2.gif"><img src="cid:logo">
<a href="javascript:alert(1)">no</a> <a href="https://shop.example/">yes</a><link rel=stylesheet href="https://x.example">
\r
--x\r
Content-Type: image/gif\r
Content-Transfer-Encoding: base64\r
Content-ID: <logo>\r
\r
{PIXEL}\r
--x--\r
""".encode()


@pytest.fixture
def base(scene):
    return f"/sites/{scene.site.id}/messages"


# ------------------------------------------------------------------------------------------------ where from


async def test_the_page_says_where_from_how_sure_and_why(client, scene, base):
    await scene.add_visit(2042, first_visit=1881, params={"1": "blue"}, google_client_id="12.34")
    letter = await scene.add_letter(
        "Forty chairs", visit_number=2042, rule="pool", confidence=0.93,
        reasons=("pool: visit 2042 held the address", "code: no recipient is a code"),
        candidates=(
            {"visit_id": "2042", "rule": "pool", "confidence": 0.93, "reason": "held it"},
            {"visit_id": "2011", "rule": "pool", "confidence": 0.06, "reason": "held it before"},
        ),
    )  # fmt: skip
    page = (await client.get(f"{base}/{letter}")).text
    for words in ("google / cpc / spring", "Likely", "Confidence 93 %", "by who held the address", "<b>Pool:</b>",
                  "Visit 2042 held the address.", "1 other candidate", "Visit 2011, 6 %: held it before.",
                  "first visit was 1881", "Berlin, Germany", "Desktop, Windows 11, Firefox 140", "12.34", "blue",
                  "Copied sales@shop.example", "Our offer", "utm_campaign"):  # fmt: skip
        assert words in page, words
    assert page.count("Visit 2042, ") == 0  # the answer is not its own runner-up


async def test_a_letter_of_a_source_says_that_no_person_is_known(client, scene, base):
    await scene.add_visit(12, **SOURCE)
    letter = await scene.add_letter("Forty chairs", visit_number=12)
    page = (await client.get(f"{base}/{letter}")).text
    for words in ("Source 12", "everybody who came by it", "First came", "of the person who wrote nothing is kept",
                  "640 by all of them", "google / cpc / spring", "Landed on"):  # fmt: skip
        assert words in page, words
    for words in ("Visit 12", "first visit", "Landing page", "IP address", "Device", "Started"):
        assert words not in page, words


async def test_a_letter_without_a_match_says_so_and_shows_no_confidence(client, scene, base):
    letter = await scene.add_letter(reasons=("code: no recipient is a code",))
    page = (await client.get(f"{base}/{letter}")).text
    assert "Not matched" in page
    assert "<meter" not in page
    assert "no webhook is set up" in page.lower()


async def test_a_letter_whose_visit_was_erased_still_has_a_page(client, scene, base):
    letter = await scene.add_letter(visit_number=404)
    assert "Visit 404, which has been erased" in (await client.get(f"{base}/{letter}")).text


async def test_a_letter_that_is_still_arriving_shows_its_text_and_says_what_is_to_come(client, scene, base):
    letter = await scene.add_letter("Plans", status="arriving", size=314_572_800, text="Seven chairs.")
    page = (await client.get(f"{base}/{letter}")).text
    assert "Seven chairs." in page
    assert "is on its way from the mail server" in page
    assert "still arriving" in page
    assert "Not posted yet" in page or "No webhook is set up" in page
    assert "original.eml" not in page
    assert "still arriving" in (await client.get(base)).text


async def test_an_unreadable_letter_says_why_and_keeps_its_original(client, scene, base):
    letter = await scene.add_letter(status="unreadable", status_reason="it has 4000 nested parts", raw=b"odd bytes")
    page = (await client.get(f"{base}/{letter}")).text
    assert "it has 4000 nested parts" in page
    assert (await client.get(f"{base}/{letter}/original.eml")).content == b"odd bytes"


@pytest.mark.parametrize("number", ["1", "99999999999999999999", "-1", "abc", "٣", "9223372036854775808"])
async def test_an_address_of_no_letter_is_a_page_not_found(client, base, number):
    answer = await client.get(f"{base}/{number}")
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


# ------------------------------------------------------------------------------------------------ HTML, files


async def test_html_is_shown_in_a_box_without_scripts_forms_or_anything_fetched(client, scene, base):
    letter = await scene.add_letter(raw=HTML, has_html=True)
    page = (await client.get(f"{base}/{letter}?view=html")).text
    frame = re.search(r"<iframe[^>]*>", page)[0]
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in frame
    assert "2 remote pictures were not loaded" in page
    sheet = await client.get(f"{base}/{letter}/sheet")
    assert "Forty <b>chairs</b>" in sheet.text
    for words in ("script", "onclick", "<form", "<input", "tracker.example", "t2.example", "javascript:", "<link"):
        assert words not in sheet.text, words
    assert f"data:image/gif;base64,{PIXEL}" in sheet.text  # the letter's own picture travels with it
    policy = sheet.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "script-src" not in policy
    assert re.search(r"sandbox allow-popups allow-popups-to-escape-sandbox$", policy)
    assert sheet.headers["x-frame-options"] == "SAMEORIGIN"
    assert sheet.headers["referrer-policy"] == "no-referrer"


async def test_a_letter_without_html_shows_its_text_whatever_is_asked_for(client, scene, base):
    letter = await scene.add_letter()
    page = (await client.get(f"{base}/{letter}?view=html")).text
    assert "<iframe" not in page
    assert "Hello, what does it cost?" in page


async def test_the_original_and_attachments_are_downloads_and_never_shown(client, scene, base):
    letter = await scene.add_letter(
        raw=HTML, files=(("evil.html", "text/html", b"<script>"), ("план / 2.pdf", "application/pdf", b"%PDF"))
    )
    for path, content in (("original.eml", HTML), ("files/1", b"<script>"), ("files/2", b"%PDF")):
        answer = await client.get(f"{base}/{letter}/{path}")
        assert answer.content == content
        assert answer.headers["content-disposition"].startswith("attachment;")
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not answer.headers["content-type"].startswith("text/html")
    assert (await client.get(f"{base}/{letter}/files/3")).status_code == 404


async def test_bytes_that_are_gone_are_told_in_words(client, scene, base, services):
    letter = await scene.add_letter(raw=HTML, has_html=True)
    services.blobs.path(hashlib.sha256(HTML).hexdigest()).unlink()
    for path in ("original.eml", "sheet"):
        answer = await client.get(f"{base}/{letter}/{path}")
        assert answer.status_code == 404
        assert "erased" in answer.text
    assert (await client.get(f"{base}/{letter}?view=html")).status_code == 200  # everything but the HTML is still there


# ------------------------------------------------------------------------------------------------ webhooks


@pytest_asyncio.fixture
async def posted(scene, services):
    """A letter, and its delivery that was given up after one attempt."""
    letter = await scene.add_letter()
    endpoint = (await add_endpoint(services, scene.site.id, AddEndpoint(url="http://127.0.0.1:1999/hook"))).endpoint
    number = services.ids.next()
    now = services.clock.now()
    async with services.db.write() as tx:
        new = NewDelivery(scene.site.id, number, endpoint.id, 1, "message.received", letter, "{}")
        await add_deliveries(tx, [new], now)
        one, _ = await get_delivery(tx, scene.site.id, number)
        await append_attempt(tx, one, services.ids.next(), now, 183, 503, "", "<b>down</b>")
        await tx.execute(update(delivery).where(delivery.c.id == number).values(status="exhausted", ended_at=now))
    return letter, number, endpoint


async def test_deliveries_show_their_attempts_and_what_the_receiver_said(client, base, posted):
    page = (await client.get(f"{base}/{posted[0]}")).text
    for words in ("given up", "http://127.0.0.1:1999/hook", "1 attempt", "183 ms", "503", "&lt;b&gt;down&lt;/b&gt;"):
        assert words in page, words


async def test_resend_puts_the_delivery_on_its_way_again(client, base, scene, services, posted):
    letter, number, _ = posted
    token = csrf_of((await client.get(f"{base}/{letter}")).text)
    answer = await client.post(f"{base}/{letter}/deliveries/{number}", data={"csrf": token})
    assert answer.status_code == 303
    async with services.db.read() as tx:
        one, _ = await get_delivery(tx, scene.site.id, number)
    assert (one.status, one.failures) == ("pending", 0)
    page = (await client.get(answer.headers["location"])).text
    assert "It is on its way again." in page


async def test_a_delivery_that_waits_for_a_failing_endpoint_says_so(client, base, scene, services, posted):
    letter, number, _ = posted
    later = services.clock.now() + timedelta(minutes=3)
    async with services.db.write() as tx:
        await tx.execute(update(delivery).where(delivery.c.id == number).values(status="pending", ended_at=None))
        await tx.execute(update(endpoint).values(failures=7, failing_since=services.clock.now(), quiet_until=later))
    assert "the endpoint has failed 7 times in a row and rests" in (await client.get(f"{base}/{letter}")).text
    async with services.db.write() as tx:
        await tx.execute(update(endpoint).values(failures=0, failing_since=None, quiet_until=later, per_minute=1))
    assert "Waits for its turn" in (await client.get(f"{base}/{letter}")).text


async def test_a_delivery_whose_endpoint_is_gone_offers_no_resend(client, base, scene, services, posted):
    letter, number, endpoint = posted
    token = csrf_of((await client.get(f"{base}/{letter}")).text)
    await remove_endpoint(services, scene.site.id, endpoint.id)
    page = (await client.get(f"{base}/{letter}")).text
    assert "Resend" not in page
    assert "an endpoint that was removed" in page
    answer = await client.post(f"{base}/{letter}/deliveries/{number}", data={"csrf": token})
    assert answer.status_code == 409
    assert "has been removed" in answer.text


async def test_a_later_letter_of_a_thread_says_why_no_endpoint_for_first_letters_has_it(client, base, scene, services):
    await add_endpoint(services, scene.site.id, AddEndpoint(url="http://127.0.0.1:1999/hook", which="first"))
    letter = await scene.add_letter(first_of_thread=False)
    assert "ask for the first only" in (await client.get(f"{base}/{letter}")).text


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "ask for matched letters only"),
        ({"automatic": "auto-submitted"}, "automatic mail"),
        ({"folder_kind": "junk"}, "found in Junk"),
    ],
)
async def test_a_letter_that_was_not_posted_says_why(client, base, scene, services, given, why):
    await add_endpoint(services, scene.site.id, AddEndpoint(url="http://127.0.0.1:1999/hook"))
    letter = await scene.add_letter(**given)
    assert why in (await client.get(f"{base}/{letter}")).text


# ------------------------------------------------------------------------------------------------ who wrote


async def test_the_contact_who_wrote_is_named_with_the_letter_that_led_them_here(client, scene, base, services):
    sent, ann, _ = await send_to(services, scene, "ann@mail.example", "Ann <b>Buyer</b>", "Our <i>offer</i>")
    await scene.add_visit(2042, contact_id=ann.id, send_id=sent.id)
    number = await scene.add_letter(visit_number=2042, from_address="ann.private@else.example")
    page = (await client.get(f"{base}/{number}")).text
    assert f'<a href="/sites/{scene.site.id}/contacts/{ann.id}"><b>Ann &lt;b&gt;Buyer&lt;/b&gt;</b></a>' in page
    assert "ann@mail.example, reference crm-1" in page
    assert "the visit came by a link in a letter “<bdi>Our &lt;i&gt;offer&lt;/i&gt;</bdi>”" in page
    listed = (await client.get(base)).text
    assert "↳ Ann &lt;b&gt;Buyer&lt;/b&gt;" in listed
    assert "ann@mail.example,crm-1" in (await client.get(f"{base}.csv")).text


async def test_a_letter_from_a_contacts_address_says_that_it_was_known_by_it(client, scene, base, services):
    await send_to(services, scene, "writer@mail.example", "", "Hello")
    number = await scene.add_letter()
    page = (await client.get(f"{base}/{number}")).text
    assert "the letter came from their address" in page
    stranger = await scene.add_letter(from_address="stranger@else.example")
    assert "Contact</dt>" not in (await client.get(f"{base}/{stranger}")).text


async def send_to(services, scene, email, name, subject):
    return await make_send(
        services, scene.site.id, Draft(email=email, name=name, contact_reference="crm-1", subject=subject, text="Hello")
    )
