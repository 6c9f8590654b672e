"""Addresses in text: whatever stands around them, and however much (feature A08). How they look: ``forms/text.txt``."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.js.conftest import Shop

TARGETS = {
    "sales@company.com": "sales+k7f3q9x2@company.com",
    "info@company.com": "info+m4n5p6q7@company.com",
    "hello@company.com": "anna.k7@in.example",
    "info@xn--mller-kva.example": "info+c8d9e2f3@xn--mller-kva.example",
    "info@xn--e1afmkfd.xn--p1ai": "info+g4h5j6k7@xn--e1afmkfd.xn--p1ai",
    "info@xn--p1b6ci4b4b3a.xn--h2brj9c": "info+r3s4t5v6@xn--p1b6ci4b4b3a.xn--h2brj9c",
    "r&d@company.com": "r&d+w2x3y4z5@company.com",
    "o'brien@company.com": "o'brien+b2c3d4e5@company.com",
    "mail@company.com": "mail-f5g6h7j8@company.com",
    "post@company.com": "post=k9m2n3p4@company.com",
}

# Characters that can stand beside an address without being part of one.
EDGES = ' \t\n()[]<>{},;:!?"«»„“”…—–|\\^`~*#$/@\u00a0\u200b。、（）谢中あ한ня📧'


@pytest.fixture
async def many(shop: Shop) -> Shop:
    shop.collector.targets = TARGETS
    shop.collector.attributes = {"data-lend": "load"}
    return shop


async def test_any_text_around_an_address_stays_and_the_address_is_swapped(many: Shop) -> None:
    await many.open("late.html")
    await many.run("() => { place.textContent = 'sales@company.com' }")
    await many.shows("#place", "sales+k7f3q9x2@company.com")
    words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    before = st.builds(lambda word, end: word + end, words, st.sampled_from(EDGES)) | st.just("")
    after = st.builds(lambda end, word: end + word, st.sampled_from(EDGES.replace("@", "")), words) | st.just("")
    cases: list[tuple[str, str]] = []

    @given(before, after)
    @settings(max_examples=300, database=None, suppress_health_check=list(HealthCheck))
    def collect(left: str, right: str) -> None:
        cases.append((f"{left}sales@company.com{right}", f"{left}sales+k7f3q9x2@company.com{right}"))

    collect()
    shown = await many.run(
        """async (texts) => {
            place.replaceChildren(...texts.map(text => {
                const line = document.createElement("p");
                line.append(document.createTextNode(text));
                return line;
            }));
            await new Promise(done => setTimeout(done));
            return [...place.children].map(line => line.firstChild.data);
        }""",
        [original for original, _ in cases],
    )
    assert len(cases) > 200
    assert [text for text, (_, expected) in zip(shown, cases, strict=True) if text != expected] == []


async def test_a_huge_text_of_one_word_is_gone_through_once(many: Shop) -> None:
    """Whoever begins anew at each letter reads 125 billion: minutes. Once through is a second on a slow machine."""
    await many.open("late.html")
    async with asyncio.timeout(60):
        await many.run(
            """() => {
                place.textContent = "sales@company.com " + "a".repeat(500_000) + "@" + "b.".repeat(100_000);
            }"""
        )
        await many.until("() => place.textContent.startsWith('sales+k7f3q9x2@company.com a')")
        await many.quiet()
