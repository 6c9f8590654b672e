"""The letter's page: what the writer says stands first, what is quoted is folded, pictures are told from files."""

import re

import pytest
from sqlalchemy import update

from wherefrom.inbox.tables import attachment

QUOTED = "Two, please.\n\nAnna\n\nOn Mon, Nov 2, 2026 at 10:00 AM Sales <s@shop.example> wrote:\n> How many <chairs>?\n"


@pytest.fixture
def base(scene):
    return f"/sites/{scene.site.id}/messages"


async def test_what_is_quoted_is_folded_below_what_was_written(client, scene, base):
    letter = await scene.add_letter(text=QUOTED)
    page = (await client.get(f"{base}/{letter}")).text
    own, folded = re.search(r'<div class="text">(.*?)<details class="others">(.*?)</details>', page, re.S).groups()
    assert "Two, please.\n\nAnna" in own
    assert "wrote:" not in own
    assert "On Mon, Nov 2, 2026 at 10:00 AM" in folded
    assert "&gt; How many &lt;chairs&gt;?" in folded


async def test_a_letter_that_only_forwards_is_shown_unfolded(client, scene, base):
    letter = await scene.add_letter(text="---------- Forwarded message ---------\nFrom: a@b.example\n\nold words")
    assert '<details class="others" open><summary>Quoted text</summary>' in (await client.get(f"{base}/{letter}")).text


async def test_a_letter_without_text_says_so(client, scene, base):
    assert "(no text)" in (await client.get(f"{base}/{await scene.add_letter(text='')}")).text


async def test_pictures_in_the_text_stand_apart_from_files(client, scene, base):
    letter = await scene.add_letter(
        files=(("logo.png", "image/png", b"\x89PNG"), ("price.pdf", "application/pdf", b"%PDF"))
    )
    async with scene.services.db.write() as tx:
        values = {"inline": True, "content_id": "logo@x"}
        await tx.execute(update(attachment).where(attachment.c.name == "logo.png").values(values))
    page = (await client.get(f"{base}/{letter}")).text
    files, pictures = page.split("1 picture in the text")
    assert "price.pdf" in files
    assert "logo.png" not in files
    assert "logo.png" in pictures


async def test_the_list_shows_the_first_of_the_writer_s_own_words(client, scene, base):
    await scene.add_letter(
        text="On Mon, Nov 2, 2026 at 10:00 Sales <s@shop.example> wrote:\n> How many?\n\nTwo, please."
    )
    page = (await client.get(base)).text
    assert "Two, please." in page
    assert "How many?" not in page
