"""The history page, its poll and its export, without a browser (G01, G02)."""

import csv
import io
import re
from decimal import Decimal

import pytest

from tests.console.scene import SOURCE, make_scene
from wherefrom.console.history import ON_A_PAGE
from wherefrom.inbox.store.history import MOST_ROWS
from wherefrom.substitution.add import add_target
from wherefrom.substitution.target import Options
from wherefrom.webhooks.store.deals import record_deal
from wherefrom.webhooks.told import ChangeDeal, change_deal

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def base(scene):
    return f"/sites/{scene.site.id}/messages"


def subjects(page):
    return re.findall(r'class="subject cut"[^>]*><bdi>([^<]*)</bdi>', page)


def poll_of(page):
    return re.search(r'hx-get="([^"]+)" hx-trigger="every 2s"', page)[1].replace("&amp;", "&")


# ------------------------------------------------------------------------------------------------ the list


async def test_a_line_shows_date_sender_receivers_visit_deal_subject_and_source(client, scene, base):
    await scene.add_visit(1042)
    await scene.add_letter(
        "Forty chairs", visit_number=1042, deal_number="D-7", receivers=("sales+k7@shop.example", "info@shop.example"),
        files=(("plan.pdf", "application/pdf", b"x"),),
    )  # fmt: skip
    page = (await client.get(base)).text
    for words in ("Forty chairs", "Walter Writer", "writer@mail.example", "sales+k7@shop.example", "and 1 more",
                  ">1042<", ">D-7<", "google / cpc / spring", "sure, code", "1 attachment"):  # fmt: skip
        assert words in page, words


async def test_what_writers_choose_is_shown_as_text_and_never_as_markup(client, scene, base):
    await scene.add_visit(7, marker=EVIL, source_levels=[EVIL], landing_page="javascript:alert(1)", referrer=EVIL)
    letter = await scene.add_letter(
        EVIL, visit_number=7, from_name=EVIL, from_address='"><img src=x>@x.example', text=EVIL, deal_number=EVIL,
        receivers=(EVIL,), files=((EVIL, "text/html", b"x"),), reasons=(f"code: {EVIL}",), message_id=EVIL,
        candidates=({"visit_id": "9", "rule": "pool", "confidence": 0.1, "reason": EVIL},),
    )  # fmt: skip
    for path in (base, f"{base}?q={EVIL}&source={EVIL}", f"{base}/{letter}", f"{base}/poll?q={EVIL}"):
        text = (await client.get(path)).text
        assert "<script>alert" not in text, path
        assert "<img" not in text, path
    assert 'href="javascript:' not in (await client.get(f"{base}/{letter}")).text


async def test_pages_follow_each_other_and_each_letter_stands_on_one_of_them(client, scene, base):
    for number in range(ON_A_PAGE + 3):
        await scene.add_letter(f"Letter {number}")
    first = (await client.get(base)).text
    older = re.search(r'href="([^"]+)" rel="next"', first)[1].replace("&amp;", "&")
    second = (await client.get(older)).text
    assert subjects(first) + subjects(second) == [f"Letter {n}" for n in reversed(range(ON_A_PAGE + 3))]
    assert 'rel="next"' not in second
    assert "every 2s" not in second  # only the newest page grows


async def test_a_cursor_that_is_none_of_ours_is_answered_in_words(client, base):
    page = await client.get(base, params={"cursor": "nonsense"})
    assert page.status_code == 400
    assert "cursor" in page.text
    assert page.headers["content-type"].startswith("text/html")


async def test_filters_choose_and_stay_in_the_links(client, scene, base):
    await scene.add_visit(1)
    await scene.add_visit(2, utm_source="bing", source_levels=["bing"], country="France", country_code="FR")
    await scene.add_letter("From Google", visit_number=1)
    wanted = await scene.add_letter("From Bing", visit_number=2)
    await scene.add_letter("From nowhere")
    await scene.add_letter("Out of office", automatic="auto-submitted")
    await scene.add_letter("Cheap pills", folder_kind="junk")
    for query, found in {
        "": ["Cheap pills", "From nowhere", "From Bing", "From Google"],
        "utm_source=bing": ["From Bing"],
        "source=google": ["From Google"],
        "country=FR": ["From Bing"],
        "match=no&show=all": ["Cheap pills", "Out of office", "From nowhere"],
        "show=junk": ["Cheap pills"],
        "show=automatic": ["Out of office"],
        "q=NOWHERE": ["From nowhere"],
        "visit=2": ["From Bing"],
        "period=today&match=yes": [],
    }.items():
        page = (await client.get(f"{base}?{query}")).text
        assert subjects(page) == found, query
    page = (await client.get(f"{base}?utm_source=bing")).text
    assert f'href="{base}.csv?utm_source=bing"' in page
    letter = re.search(rf'href="({base}/{wanted}[^"]*)"', page)[1].replace("&amp;", "&")
    assert f'href="{base}?utm_source=bing"' in (await client.get(letter)).text


async def test_htmx_gets_the_part_below_the_filters_alone(client, scene, base):
    await scene.add_letter("Hello")
    part = await client.get(f"{base}?q=hello", headers={"hx-request": "true"})
    assert "<html" not in part.text
    assert 'id="filters"' not in part.text
    assert subjects(part.text) == ["Hello"]
    assert part.headers["vary"] == "HX-Request"


async def test_times_are_those_of_the_browsers_zone_and_the_page_says_which(client, scene, base):
    from datetime import UTC, datetime

    await scene.add_letter(at=datetime(2026, 11, 1, 23, 30, tzinfo=UTC))
    assert "Times in UTC" in (await client.get(base)).text
    client.cookies.set("wherefrom_zone", "Asia/Tokyo")
    page = (await client.get(base)).text
    assert "Times in Asia/Tokyo" in page
    assert 'datetime="2026-11-01T23:30:00Z" title="2026-11-01 23:30:00 UTC"' in page
    assert re.search(r"<span>Today</span>\s*<span class=\"sub\">08:30", page)


# ------------------------------------------------------------------------------------------------ nothing to show


async def test_an_empty_list_says_what_to_do_next(client, scene, base, services):
    page = (await client.get(base)).text
    assert "wherefrom target add Shop sales@shop.example" in page
    await add_target(services, scene.site.id, "sales@shop.example", Options())
    page = (await client.get(base)).text
    assert "wherefrom mailbox add Shop --host imap.shop.example --user sales@shop.example" in page
    from wherefrom.inbox.mailbox import AddMailbox, add_mailbox

    await add_mailbox(services, scene.site.id, AddMailbox(host="127.0.0.1", username="u", password="p"))
    page = (await client.get(base)).text
    assert "Waiting for the first letter" in page
    page = (await client.get(f"{base}?q=chairs")).text
    assert "No letter fits these filters" in page
    assert "Nothing with “chairs”" in page


async def test_a_site_whose_name_has_a_space_is_quoted_in_the_command(client, services):
    other = await make_scene(services, "My Shop", "my.example")
    page = (await client.get(f"/sites/{other.site.id}/messages")).text
    assert "wherefrom target add &#39;My Shop&#39; sales@my.example" in page


async def test_a_site_that_is_off_says_so(client, scene, base, services):
    from wherefrom.sites.add import set_site

    assert "switched off" not in (await client.get(base)).text
    await set_site(services, scene.site.id, enabled=False)
    assert "switched off" in (await client.get(base)).text


# ------------------------------------------------------------------------------------------------ the poll


async def test_the_poll_is_silent_until_something_changes(client, scene, base):
    await scene.add_letter("First")
    poll = poll_of((await client.get(base)).text)
    assert (await client.get(poll)).status_code == 204
    await scene.add_letter("Second")
    answer = await client.get(poll)
    assert subjects(answer.text) == ["Second", "First"]
    assert (await client.get(poll_of(answer.text))).status_code == 204


async def test_the_poll_keeps_the_filter(client, scene, base):
    await scene.add_letter("About chairs")
    poll = poll_of((await client.get(f"{base}?q=chairs")).text)
    await scene.add_letter("About tables")
    answer = await client.get(poll)
    assert subjects(answer.text) == ["About chairs"]
    await scene.add_letter("More chairs")
    assert subjects((await client.get(poll_of(answer.text))).text) == ["More chairs", "About chairs"]


async def test_a_deal_number_that_comes_later_appears_by_itself(client, scene, base, services):
    letter = await scene.add_letter("First")
    poll = poll_of((await client.get(base)).text)
    async with services.db.write() as tx:
        await record_deal(
            tx, site_id=scene.site.id, subject_id=letter, number="D-99", endpoint_id=None, now=services.clock.now()
        )
    assert "D-99" in (await client.get(poll)).text


async def test_a_deal_is_shown_and_exported_with_its_status_and_value(client, scene, base, services):
    letter = await scene.add_letter("First")
    wish = ChangeDeal(deal_number="D-7", deal_status="won", deal_value=Decimal("1500.5"), deal_currency="EUR")
    await change_deal(services, scene.site.id, letter, wish)
    [row] = await rows_of(client, f"{base}.csv")
    assert (row["deal"], row["deal_status"], row["deal_value"], row["deal_currency"]) == (
        "D-7", "won", "1500.50", "EUR",
    )  # fmt: skip
    assert "D-7 · won · 1\xa0500.50 EUR" in (await client.get(f"{base}/{letter}")).text


async def test_the_first_letter_takes_the_place_of_the_empty_page(client, scene, base):
    poll = poll_of((await client.get(base)).text)
    await scene.add_letter("The very first")
    assert subjects((await client.get(poll)).text) == ["The very first"]


# ------------------------------------------------------------------------------------------------ the export


async def rows_of(client, path):
    answer = await client.get(path)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="wherefrom-2026-11-')
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))


async def test_the_file_has_all_letters_that_fit_beyond_one_page(client, scene, base):
    await scene.add_visit(5)
    for number in range(MOST_ROWS + 5):
        await scene.add_letter(f"Letter {number}", visit_number=5 if number % 2 else None)
    rows = await rows_of(client, f"{base}.csv?match=yes")
    assert [row["subject"] for row in rows] == [f"Letter {n}" for n in reversed(range(MOST_ROWS + 5)) if n % 2]
    assert {row["utm_campaign"] for row in rows} == {"spring"}
    assert rows[0]["visit"] == "5"
    assert rows[0]["confidence"] == "0.99"
    assert len(await rows_of(client, f"{base}.csv")) == MOST_ROWS + 5


async def test_the_list_and_the_file_tell_a_source_from_a_visit(client, scene, base):
    await scene.add_visit(12, **SOURCE)
    await scene.add_visit(13)
    await scene.add_letter("Of a source", visit_number=12)
    await scene.add_letter("Of a visit", visit_number=13)
    await scene.add_letter("Of nobody")
    page = (await client.get(base)).text
    assert (page.count('data-label="Source"'), page.count('data-label="Visit"')) == (1, 1)
    rows = await rows_of(client, f"{base}.csv")
    assert [(row["visit"], row["visit_kind"]) for row in rows] == [("", ""), ("13", "visit"), ("12", "source")]


async def test_a_subject_that_is_a_formula_is_only_text_in_the_file(client, scene, base):
    await scene.add_letter(
        '=HYPERLINK("http://evil.example","Invoice")', from_name="+49 30 1", from_address="-x@y.example"
    )
    row = (await rows_of(client, f"{base}.csv"))[0]
    assert row["subject"] == '\'=HYPERLINK("http://evil.example","Invoice")'
    assert row["from_name"] == "'+49 30 1"
    assert row["from_address"] == "'-x@y.example"
