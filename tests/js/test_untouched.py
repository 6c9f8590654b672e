"""What is never touched: what people edit, what machines read, what the owner switched off (features A07, A12).

How it looks: ``forms/untouched.txt``."""

from __future__ import annotations

from tests.js.conftest import Shop

SUBSTITUTE = "sales+k7f3q9x2@company.com"


async def test_what_is_off_causes_no_question(shop: Shop) -> None:
    shop.collector.targets = {}
    await shop.open("late.html")
    await shop.run(
        """() => {
            place.dataset.wherefrom = "off";
            place.innerHTML = "<p>sales@company.com <a href='mailto:info@company.com'>Write</a></p>";
        }"""
    )
    await shop.quiet()
    assert shop.collector.asked == []


async def test_an_element_switched_off_later_gets_its_original_back_at_the_refresh(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#text", f"Write to {SUBSTITUTE} today.")
    await shop.run("() => { document.querySelector('#text').dataset.wherefrom = 'off'; wherefrom.email.refresh() }")
    assert await shop.text("#text") == "Write to sales@company.com today."
    assert await shop.text("#link") == SUBSTITUTE


async def test_typing_a_substitute_or_a_target_into_an_editor_stays_as_typed(shop: Shop) -> None:
    await shop.open("late.html")
    await shop.run(
        """() => {
            place.innerHTML =
                "<p id=text>sales@company.com</p><p id=editor contenteditable></p><textarea id=field></textarea>";
        }"""
    )
    await shop.shows("#text", SUBSTITUTE)
    typed = f"sales@company.com {SUBSTITUTE} "
    for field in ("#editor", "#field"):
        await shop.page.click(field)
        await shop.page.keyboard.type(typed)
    await shop.quiet()
    assert (await shop.text("#editor")).replace("\u00a0", " ") == typed
    assert await shop.run("() => document.querySelector('#field').value") == typed
    await shop.run("() => { wherefrom.email.enabled = false }")
    assert (await shop.text("#editor")).replace("\u00a0", " ") == typed


async def test_a_text_put_into_an_editor_in_one_go_is_not_swapped_before_it_gets_there(shop: Shop) -> None:
    """The observer hears of the node when it already stands elsewhere."""
    await shop.open("late.html")
    await shop.run("() => { place.innerHTML = '<p id=text>sales@company.com</p><p id=editor contenteditable></p>' }")
    await shop.shows("#text", SUBSTITUTE)
    await shop.run(
        """() => {
            const node = document.createTextNode("to sales@company.com");
            place.append(node);
            place.querySelector("#editor").append(node);
            const gone = place.appendChild(document.createTextNode("sales@company.com"));
            gone.remove();
            window.gone = gone;
        }"""
    )
    await shop.quiet()
    assert await shop.text("#editor") == "to sales@company.com"
    assert await shop.run("() => gone.data") == "sales@company.com"
