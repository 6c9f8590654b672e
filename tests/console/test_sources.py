"""The page of sources: its lines, what they lead to, and what it says where there is nothing."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

from wherefrom.webhooks.told import ChangeDeal, change_deal


async def test_g04_an_empty_site_says_so_in_words(client, scene):
    page = await client.get(f"/sites/{scene.site.id}/sources")
    assert page.status_code == 200
    assert "No visits and no letters in this time" in page.text
    assert 'aria-current="page">Sources</a>' in page.text
    assert "Take a longer period" in page.text
    assert '<svg class="bars"' not in page.text
    year = await client.get(f"/sites/{scene.site.id}/sources?days=365")
    assert "once the script is on the pages of Shop" in year.text
    assert "Take a longer period" not in year.text


async def test_g04_each_source_shows_its_visits_letters_and_what_they_were_worth(client, scene, services):
    before = services.clock.now()
    await scene.add_visit(41, source_levels=["<google>", "brand"], channel="paid_search", started_at=before)
    await scene.add_visit(42, source_levels=[], channel="direct", marker="", started_at=before)
    letter = await scene.add_letter(visit_number=41, at=before)
    await change_deal(services, scene.site.id, letter, ChangeDeal(deal_value=Decimal(1250), deal_currency="EUR"))
    services.clock.advance(timedelta(hours=1))
    page = (await client.get(f"/sites/{scene.site.id}/sources")).text
    assert "&lt;google&gt;" in page
    assert ">Direct</span>" in page
    assert "1\u00a0250.00 EUR" in page
    day = f"{services.clock.now():%Y-%m-%d}"
    assert f"/messages?source=%3Cgoogle%3E&amp;from={services.clock.now() - timedelta(days=29):%Y-%m-%d}" in page
    listed = await client.get(f"/sites/{scene.site.id}/messages", params={"source": "<google>", "from": day, "to": day})
    assert f"/messages/{letter}" in listed.text
    by_channel = (await client.get(f"/sites/{scene.site.id}/sources?by=channel&days=7")).text
    assert ">Paid search</span>" in by_channel
    assert '<a href="?by=channel&amp;days=7" aria-current="true">' in by_channel


async def test_g04_what_is_not_understood_shows_the_usual_page(client, scene):
    page = await client.get(f"/sites/{scene.site.id}/sources?by=shoes&days=1e9")
    assert '<a href="?by=source&amp;days=30" aria-current="true">' in page.text


async def test_g04_a_long_source_leads_to_its_letters(client, scene, services):
    long = "spring sale " * 21 + "now"
    assert len(long) == 255  # as long as a value may be
    await scene.add_visit(41, source_levels=[long])
    letter = await scene.add_letter(visit_number=41, at=services.clock.now())
    services.clock.advance(timedelta(minutes=1))
    page = (await client.get(f"/sites/{scene.site.id}/sources")).text
    led = re.search(r'<a href="(/sites/[^"]+)" aria-label="1: the letters of spring sale', page)
    assert led, page
    assert f"/messages/{letter}" in (await client.get(unescape(led[1]))).text


async def test_g04_beyond_two_hundred_sources_the_others_are_one_click_away(client, scene, services):
    for number in range(1, 204):
        await scene.add_visit(number, source_levels=[f"number {number:03}"], started_at=services.clock.now())
    services.clock.advance(timedelta(minutes=1))
    few = (await client.get(f"/sites/{scene.site.id}/sources")).text
    assert ">number 200</span>" in few
    assert ">number 201</span>" not in few
    assert "These are the 200 most visited; 3 more are in the sums alone." in few
    assert '<a href="?by=source&amp;days=30&amp;lines=all">Show 3 more</a>' in few
    everything = (await client.get(f"/sites/{scene.site.id}/sources?lines=all")).text
    assert ">number 203</span>" in everything
    assert "in the sums alone" not in everything
