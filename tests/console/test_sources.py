"""The page of sources: its lines, what they lead to, and what it says where there is nothing."""

from datetime import timedelta
from decimal import Decimal

from wherefrom.webhooks.told import ChangeDeal, change_deal


async def test_g04_an_empty_site_says_so_in_words(client, scene):
    page = await client.get(f"/sites/{scene.site.id}/sources")
    assert page.status_code == 200
    assert "No visits and no letters in this time" in page.text
    assert 'aria-current="page">Sources</a>' in page.text


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
