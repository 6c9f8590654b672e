"""The pages of contacts: found, filtered, kept as filters, exported, changed, erased; and who may do so."""

from __future__ import annotations

import csv
import io
import json
import random
import re

import pytest
import pytest_asyncio

from tests.audience.crowd import draw, write
from tests.audience.walk import find_anywhere
from tests.console.conftest import csrf_of
from tests.console.crowded import Crowd, fill
from tests.console.scene import open_session

NAMES = re.compile(r'<a class="subject cut" href="[^"]+/(\d+)"')


@pytest_asyncio.fixture
async def crowd(scene, clock) -> Crowd:
    return await fill(scene, clock)


@pytest.fixture
def base(scene) -> str:
    return f"/sites/{scene.site.id}/contacts"


async def found(client, path: str) -> list[int]:
    page = await client.get(path)
    assert page.status_code == 200, page.text[:500]
    return [int(one) for one in NAMES.findall(page.text)]


async def test_h08_the_list_shows_everybody_with_sums_and_flags(client, crowd, base):
    page = (await client.get(base)).text
    assert NAMES.findall(page) == [str(one) for one in (crowd.day, crowd.eve, crowd.bob, crowd.ann)]
    assert "4 contacts" in page
    assert 'aria-current="page">Contacts</a>' in page
    assert "&lt;b&gt;Eve&lt;/b&gt;" in page
    assert "left offers" in page
    assert "open date only" in page
    ann = page[page.index("Ann Ableton") :]
    assert re.findall(r'data-label="(\w+)">(\d+) <time', ann)[:3] == [("Sent", "2"), ("Opened", "1"), ("Clicked", "1")]


FOUND = {
    "?e0=opened": ("day", "ann"),
    "?e0=not-opened&p0=30": ("eve", "bob"),
    "?e0=opened&e1=clicked&u1=example/1": ("ann",),
    "?match=any&e0=failed&e1=unsubscribed&l1=offers": ("eve", "bob"),
    "?e0=sent&n0=2&l0=news": ("ann",),
    "?q=LONG-host": ("bob",),
    "?q=crm-1&e0=complained": (),
}


async def test_j01_a_filter_finds_people_by_what_they_did(client, crowd, base):
    for query, names in FOUND.items():
        ids = [getattr(crowd, name) for name in names]
        assert await found(client, base + query) == ids, query
        part = await client.get(base + query, headers={"hx-request": "true"})
        assert "<html" not in part.text
        assert [int(one) for one in NAMES.findall(part.text)] == ids
        assert ("Nobody fits these conditions" in part.text) is not bool(names)
        rows = csv.DictReader(io.StringIO((await client.get(f"{base}.csv{query}")).text.removeprefix("\ufeff")))
        assert [int(row["id"]) for row in rows] == ids


async def test_a_long_list_is_turned_over_and_counted_when_it_is_there(client, scene, base, services, clock):
    crowd = draw(services, clock, scene.site.id, random.Random(3), people=55)
    await write(crowd)
    first = (await client.get(base)).text
    assert "more than 50</span> contacts" in first
    assert (await client.get(f"{base}/count")).text == "55"
    assert (await client.get(f"{base}/count?q=p1@")).text == "1"
    (older,) = re.findall(r'href="([^"]+cursor=[^"]+)" rel="next"', first)
    second = (await client.get(older.replace("&amp;", "&"))).text
    assert [int(one) for one in NAMES.findall(first + second)] == sorted(crowd.people, reverse=True)
    assert "No older contacts" in second
    assert (await client.get(f"{base}?cursor=x")).status_code == 400


async def test_an_empty_address_book_says_what_to_do(client, scene, base):
    page = (await client.get(base)).text
    assert "Nobody yet" in page
    assert f"/api/v1/sites/{scene.site.id}/sends" in page
    assert "No letters in this time" in (await client.get(f"{base}/totals")).text


async def test_j01_a_filter_is_kept_under_a_name_used_replaced_and_removed(client, crowd, base):
    query = "?e0=not-opened&p0=30"
    token = csrf_of((await client.get(base + query)).text)
    saved = await client.post(f"{base}/filters", data={"csrf": token, "name": "Asleep & away", "query": query})
    assert saved.status_code == 303
    path = saved.headers["location"]
    assert await found(client, path) == [crowd.eve, crowd.bob]
    page = (await client.get(path)).text
    assert "<span>Asleep &amp; away</span>" in page
    assert 'option value="not-opened" selected' in page
    again = await client.post(f"{base}/filters", data={"csrf": token, "name": "Asleep & away", "query": "?e0=clicked"})
    assert again.headers["location"] == path
    assert await found(client, path) == [crowd.ann]
    refused = await client.post(f"{base}/filters", data={"csrf": token, "name": "All", "query": ""})
    assert (refused.status_code, "it would find everybody" in refused.text) == (400, True)
    filter_id = path.rpartition("=")[2]
    assert (await client.post(f"{base}/filters/{filter_id}/remove", data={"csrf": token})).status_code == 303
    assert (await client.get(path)).status_code == 404
    assert "Asleep" not in (await client.get(base)).text


async def test_j02_one_contact_shows_all_that_happened_with_the_letter_and_its_visit(client, crowd, base):
    page = (await client.get(f"{base}/{crowd.ann}")).text
    lines = re.findall(r"<b>([^<]+)</b> (?:<a[^>]*>)?<bdi>([^<]*)</bdi>", page)
    assert lines == [
        ("Wrote to you", "About a chair"),
        ("Opened", "Did you see it?, by a machine, ahead of the reader"),
        ("Letter sent", "Did you see it?"),
        ("Clicked", "Our prices, by a person"),
        ("Opened", "Our prices, by a person, through their provider"),
        ("Letter sent", "Our prices"),
    ]
    assert "from visit 1042" in page
    day = (await client.get(f"{base}/{crowd.day}")).text
    assert "day of the last open" in day
    assert "nothing else is kept" in day
    client.cookies.set("wherefrom_zone", "America/New_York")
    for path in (f"{base}/{crowd.day}", f"{base}?q=dana"):
        page = (await client.get(path)).text
        shown = re.search(r"<b>2 Nov</b>|>2 Nov</time>\s*</td>\s*<td[^>]*data-label=\"Clicked", page)
        assert shown, "a day of UTC stays that day"


async def test_h10_consent_is_changed_by_form_and_its_history_shown(client, crowd, base):
    path = f"{base}/{crowd.ann}"
    token = csrf_of((await client.get(path)).text)
    form = {"csrf": token, "consent": "denied", "consent_method": "by <telephone>", "mode": "all"}
    assert (await client.post(path, data=form)).headers["location"] == f"{path}?saved=1#consent"
    page = (await client.get(path)).text
    assert '<b>Does not agree</b>: by &lt;telephone&gt; <span class="muted">(by anna@company.com)</span>' in page
    await client.post(path, data={"csrf": token, "consent": "denied", "consent_method": "", "mode": "all"})
    await client.post(path, data={"csrf": token, "name": "Ann Other", "reference": ""})
    page = (await client.get(path)).text
    assert page.count("<b>Does not agree</b>") == 1, "saying nothing new is no new word"
    assert '<h1 id="who"><bdi>Ann Other</bdi></h1>' in page
    refused = await client.post(path, data={"csrf": token, "consent": "perhaps"})
    assert (refused.status_code, "does not fit" in refused.text) == (400, True)


async def test_i04_a_suppression_is_undone_by_a_person_and_that_is_kept(client, crowd, base):
    path = f"{base}/{crowd.eve}"
    page = (await client.get(path)).text
    (undo,) = re.findall(r'action="([^"]+/undo)"', page)
    token = csrf_of(page)
    wrong = undo.replace(str(crowd.eve), str(crowd.ann))
    assert (await client.post(wrong, data={"csrf": token})).status_code == 400
    assert (await client.post(undo, data={"csrf": token})).status_code == 303
    page = (await client.get(path)).text
    assert "undone by anna@company.com" in page
    assert "<b>Mail ended</b> <bdi>list offers, unsubscribed</bdi>" in page
    assert "<b>Mail allowed again</b> <bdi>list offers, unsubscribed</bdi>" in page
    assert "by anna@company.com</span></div></li>" in page
    assert "may be mailed" in page


async def test_a_person_is_exported_and_erased_once_the_address_is_typed(client, crowd, base, services):
    path = f"{base}/{crowd.ann}"
    told = await client.get(f"{path}/export.json?letters=1")
    assert "attachment" in told.headers["content-disposition"]
    document = json.loads(told.text)
    assert (document["contact"]["email"], len(document["sends"]), len(document["letters"])) == (
        "ann@mail.example",
        2,
        1,
    )
    token = csrf_of((await client.get(path)).text)
    wrong = await client.post(f"{path}/erase", data={"csrf": token, "email": "ann@mail"})
    assert (wrong.status_code, "nothing was erased" in wrong.text) == (400, True)
    assert (await client.post(f"{path}/erase", data={"email": "ann@mail.example"})).status_code == 403
    done = await client.post(f"{path}/erase", data={"csrf": token, "email": " Ann@mail.example "})
    assert done.headers["location"] == f"{base}?erased=1"
    assert "The person is erased" in (await client.get(done.headers["location"])).text
    assert (await client.get(path)).status_code == 404
    assert {table for table, _ in await find_anywhere(services, "ann@mail.example", "Ableton")} == {"message"}


async def test_a_person_is_erased_with_the_letters_they_wrote_where_that_is_ticked(client, crowd, base, services):
    path = f"{base}/{crowd.ann}"
    token = csrf_of((await client.get(path)).text)
    given = {"csrf": token, "email": "ann@mail.example", "letters": "on"}
    assert (await client.post(f"{path}/erase", data=given)).status_code == 303
    assert await find_anywhere(services, "ann@mail.example", "Ableton") == []


async def test_a_contact_is_added_by_form_and_what_is_wrong_is_said_beside_it(client, scene, base):
    token = csrf_of((await client.get(base)).text)
    added = await client.post(base, data={"csrf": token, "email": "Zoe@mail.example", "consent": "granted"})
    assert added.status_code == 303
    assert "zoe@mail.example" in (await client.get(added.headers["location"])).text
    for email, status, words in (("zoe@mail.example", 409, "already"), ("<zoe>", 400, "is no e-mail address")):
        refused = await client.post(base, data={"csrf": token, "email": email, "name": "Z"})
        assert (refused.status_code, words in refused.text) == (status, True)
        assert 'value="Z"' in refused.text


async def test_j03_totals_are_drawn_and_written_out_in_the_sites_zone(client, crowd, base):
    page = (await client.get(f"{base}/totals?list=news")).text
    assert re.findall(r'<b class="number">(\d+)</b><span>(\w+)</span>', page) == [
        ("3", "Sent"), ("0", "Delivered"), ("1", "Opened"), ("1", "Clicked"), ("1", "Bounced"), ("0", "Complained"),
        ("0", "Unsubscribed"),
    ]  # fmt: skip
    assert "<title>2 Nov 2026: 2</title>" in page
    assert page.count("<rect") == 7 * 31
    assert len(re.findall(r'<tr><th scope="row" class="nowrap">', page)) == 31
    token = csrf_of(page)
    assert (await client.post(f"{base}/totals/zone", data={"csrf": token, "zone": "Asia/Tokyo"})).status_code == 303
    page = (await client.get(f"{base}/totals?step=hour&from=2026-11-02&to=2026-11-02")).text
    assert "<title>2 Nov, 18:00: 4</title>" in page
    assert "Days begin in Asia/Tokyo" in page
    refused = await client.post(f"{base}/totals/zone", data={"csrf": token, "zone": "Moon"})
    assert (refused.status_code, "no time zone known here" in refused.text) == (400, True)
    refused = await client.get(f"{base}/totals?step=hour&from=2020-01-01")
    assert (refused.status_code, "has more than 750 steps" in refused.text) == (400, True)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # the doors alone
async def test_every_page_wants_a_log_in_and_every_change_a_token(guest, scene, clock, base, services):
    crowd = await fill(scene, clock)
    ends = ("", ".csv", "/count", "/totals", f"/{crowd.ann}", f"/{crowd.ann}/export.json")
    for path in (base + end for end in ends):
        answer = await guest.get(path)
        assert (answer.status_code, answer.headers["location"][:6]) == (303, "/login"), path
    guest.cookies.update(await open_session(services))
    for path in ("", "/filters", "/filters/1/remove", "/totals/zone", f"/{crowd.ann}", f"/{crowd.ann}/erase",
                 f"/{crowd.ann}/suppressions/1/undo"):  # fmt: skip
        assert (await guest.post(base + path, data={"email": "ann@mail.example"})).status_code == 403, path
    assert (await guest.get(f"{base}/1")).status_code == 404
