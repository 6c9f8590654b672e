"""Every form an address takes on pages (features A08–A14): what must change does, and nothing else, to the byte.

Each group is read twice: loaded and swapped as a visitor would see it, and switched on and put back again. The groups
that need no option run with the core, which fetches the rest when it sees the need, and with the full script at once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.js.conftest import Shop
from tests.js.forms import Form, load_forms
from tests.js.test_addresses import TARGETS

EVERYWHERE = ["text", "torn", "links", "places", "untouched", "late"]
OPTIONS: dict[str, dict[str, str]] = {
    "attributes": {"data-attributes": "title aria-label data-clipboard-text value"},
    "spelt": {"data-spelt": "at,ät;dot,punkt"},
    "frames": {"data-frames": ""},
    "veiled": {"src": "/wf-full.js"},
}
LEAST = 120

READ = """readers => readers.map((reader, index) => {
    try { return String(new Function("box", `return ${reader}`)(document.getElementById(`form-${index}`))) }
    catch (error) { return `(${error})` }
})"""
RUN = """async steps => {
    const moment = () => new Promise(done => setTimeout(done, 150));
    const Steps = Object.getPrototypeOf(async function () {}).constructor;
    await Promise.all(steps.map((step, index) =>
        new Steps("box", "moment", step)(document.getElementById(`form-${index}`), moment)));
}"""
PLAIN = """texts => texts.map(text => {
    const template = document.createElement("template");
    template.innerHTML = text;
    return template.innerHTML;
})"""
OFF = "<script>window.wherefrom = { email: { enabled: false } }</script>"


async def prepare(shop: Shop, forms: Sequence[Form], attributes: dict[str, str], inline: str) -> None:
    """Opens a page with all forms and runs their statements."""
    boxes = "".join(f'<section id="form-{index}">{form.html}</section>' for index, form in enumerate(forms))
    shop.collector.targets = TARGETS
    shop.collector.attributes = attributes
    shop.collector.inline = inline
    shop.collector.pages["/forms"] = (
        "<!doctype html><meta charset=utf-8><title>Forms</title><style>section { display: inline-block; width: 250px; "
        f"height: 60px; overflow: hidden }}</style><!--wherefrom--><body>{boxes}"
    )
    await shop.page.set_viewport_size({"width": 1600, "height": 4000})
    await shop.open("forms")
    await shop.run(RUN, [form.then for form in forms])


async def read(shop: Shop, forms: Sequence[Form]) -> list[str]:
    texts: list[str] = await shop.run(READ, [form.read for form in forms])
    return texts


async def find_wrong(shop: Shop, forms: Sequence[Form], expected: Sequence[str]) -> list[dict[str, Any]]:
    """The forms that do not come to look as expected, however long one waits; and those that do and then do not."""
    deadline = time.monotonic() + 4
    while time.monotonic() < deadline:
        if await read(shop, forms) == list(expected):
            break
        await asyncio.sleep(0.05)
    await shop.quiet()
    found = await read(shop, forms)
    return [
        {"form": f"{form.group}: {form.name}", "expected": wanted, "found": text}
        for form, wanted, text in zip(forms, expected, found, strict=True)
        if text != wanted
    ]


async def find_all_wrong(shop: Shop, forms: Sequence[Form], attributes: dict[str, str]) -> list[dict[str, Any]]:
    """What is wrong switched on and off again, and loaded as usual."""
    await prepare(shop, forms, attributes, OFF)
    originals = await read(shop, forms)
    plain = await shop.run(PLAIN, [form.shows or "" for form in forms])
    expected = [
        original if form.shows is None else shows for form, original, shows in zip(forms, originals, plain, strict=True)
    ]
    await shop.run("() => { wherefrom.email.enabled = true }")
    wrong = await find_wrong(shop, forms, expected)
    await shop.run("() => { wherefrom.email.restore() }")
    wrong += await find_wrong(shop, forms, originals)
    await shop.page.context.clear_cookies()
    await shop.run("() => localStorage.clear()")
    await prepare(shop, forms, attributes, "")
    return wrong + await find_wrong(shop, forms, expected)


Figure = Callable[[str, object], None]


def report(forms: Sequence[Form], wrong: Sequence[dict[str, Any]], record_property: Figure) -> None:
    """Tells the count, which the end of the run prints."""
    right = len(forms) - len({fault["form"] for fault in wrong})
    record_property("figure", f"{right} of {len(forms)} forms right")
    assert list(wrong) == []


@pytest.mark.parametrize("script", ["/wf.js", "/wf-full.js"])
async def test_every_form_that_needs_no_option_is_right_and_comes_back_to_the_byte(
    shop: Shop, script: str, record_property: Figure
) -> None:
    forms = [form for group in EVERYWHERE for form in load_forms(group)]
    report(forms, await find_all_wrong(shop, forms, {"src": script}), record_property)


@pytest.mark.parametrize("group", list(OPTIONS))
async def test_every_form_that_the_owner_chose_is_right_and_comes_back_to_the_byte(
    shop: Shop, group: str, record_property: Figure
) -> None:
    forms = load_forms(group)
    report(forms, await find_all_wrong(shop, forms, OPTIONS[group]), record_property)


def test_the_corpus_is_large_and_names_each_form_once() -> None:
    forms = [form for group in (*EVERYWHERE, *OPTIONS) for form in load_forms(group)]
    assert len(forms) >= LEAST
    assert len({(form.group, form.name) for form in forms}) == len(forms)
