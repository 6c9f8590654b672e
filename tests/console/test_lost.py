"""The page of lost mail, and setting a letter's visit by hand."""

from datetime import timedelta

from tests.console.conftest import csrf_of
from tests.inbox.rows import Rows


async def test_e05_an_empty_site_says_so_in_words(client, scene):
    page = await client.get(f"/sites/{scene.site.id}/lost")
    assert page.status_code == 200
    assert "No letter of a person lies in Junk." in page.text
    assert 'aria-current="page">Lost mail</a>' in page.text


async def test_e05_the_page_lists_who_clicked_and_did_not_write(client, scene, services):
    await scene.add_visit(41)
    rows = Rows(services, scene.site.id)
    await rows.target("sales@shop.example")
    await rows.intent(41, "copy", "sales@shop.example")
    stray = await scene.add_letter(
        "Typed <by> hand", receivers=("sales@shop.example",), at=services.clock.now()
    )  # fmt: skip
    services.clock.advance(timedelta(seconds=1))
    page = (await client.get(f"/sites/{scene.site.id}/lost?days=7")).text
    assert "Visit 41" in page
    assert "copied sales@shop.example" in page
    assert f'<a href="/sites/{scene.site.id}/messages/{stray}">Typed &lt;by&gt; hand</a>' in page
    assert '<a href="?days=7" aria-current="true">' in page


async def test_e05_an_unknown_period_shows_the_usual_one(client, scene):
    page = await client.get(f"/sites/{scene.site.id}/lost?days=1e9")
    assert '<a href="?days=30" aria-current="true">' in page.text


async def test_e04_a_person_sets_the_visit_and_the_correction_stands_with_its_reasons(client, scene):
    await scene.add_visit(41)
    await scene.add_visit(42)
    number = await scene.add_letter(visit_number=41, rule="pool", confidence=0.61, reasons=("pool: held it",))
    path = f"/sites/{scene.site.id}/messages/{number}"
    token = csrf_of((await client.get(path)).text)
    answer = await client.post(f"{path}/match", data={"csrf": token, "visit": "42"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{path}#where")
    page = (await client.get(path)).text
    assert "Visit 42" in page
    assert "set by a person" in page
    assert "anna@company.com set visit 42" in page
    assert "before: visit 41 by rule pool (61 %)" in page
    assert "Held it" in page, "what the rules said stays"


async def test_e04_an_empty_field_says_that_there_is_no_visit(client, scene):
    await scene.add_visit(41)
    number = await scene.add_letter(visit_number=41)
    path = f"/sites/{scene.site.id}/messages/{number}"
    token = csrf_of((await client.get(path)).text)
    assert (await client.post(f"{path}/match", data={"csrf": token, "visit": " "})).status_code == 303
    assert "set no visit" in (await client.get(path)).text


async def test_e04_a_visit_that_is_not_there_is_told_beside_the_field(client, scene):
    number = await scene.add_letter()
    path = f"/sites/{scene.site.id}/messages/{number}"
    token = csrf_of((await client.get(path)).text)
    for asked, status, words in (
        ("999", 404, "There is no visit 999."),
        ("<b>", 400, "“&lt;b&gt;” is no visit number"),
    ):
        answer = await client.post(f"{path}/match", data={"csrf": token, "visit": asked})
        assert answer.status_code == status
        assert words in answer.text
    assert (await client.post(f"{path}/match", data={"visit": "1"})).status_code == 403
