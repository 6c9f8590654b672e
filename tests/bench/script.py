"""What the browser's script costs the page's own thread, beside the bare walk over the same page.

    python -m tests.bench.script [--texts 10000] [--addresses 20] [--rounds 60]

Opens a page of many text nodes in Chromium, with the core (and its helper) and with the full script, and measures in
the page: a sweep (the whole page read and drawn, as at its start), the observers' turn for one row, for ten, a hundred
and a thousand rows put in at once, and a TreeWalker that only counts the same nodes. The page is isolated, which gives
its clock 5 µs instead of 100. The median counts; only the ratios say something about another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
from typing import Any

from playwright.async_api import Browser

from tests.js.collector import Collector
from tests.support.chromium import open_chromium

ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
WRAP = """<script>
window.turns = [];
const Observer = window.MutationObserver;
window.MutationObserver = class extends Observer {
    constructor(callback) {
        super((...given) => {
            const began = performance.now();
            callback(...given);
            turns.push(performance.now() - began);
        });
    }
};
</script>"""
MEASURE = """async ({ rounds, batches }) => {
    const took = { bare: [], sweep: [] };
    const time = action => { const began = performance.now(); action(); return performance.now() - began };
    const turn = () => new Promise(done => setTimeout(done));
    const bare = () => {
        const walker = document.createTreeWalker(document, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
        let count = 0;
        while (walker.nextNode()) count++;
        return count;
    };
    const row = number => number % 500 ? `<p>Some words of line ${number}</p>`
        : "<p>Write to <a href='mailto:sales@company.com'>sales@company.com</a></p>";
    for (let round = 0; round < rounds; round++) {
        took.bare.push(time(bare));
        took.sweep.push(time(() => wherefrom.email.refresh()));
        await turn();
    }
    for (const size of batches) {
        took[size] = [];
        const box = document.body.appendChild(document.createElement("section"));
        for (let round = 0; round < rounds; round++) {
            turns.length = 0;
            box.innerHTML = Array.from({ length: size }, (_, number) => row(number + 1)).join("");
            await turn();
            took[size].push(turns.reduce((sum, turn) => sum + turn, 0));
            box.textContent = "";
            await turn();
        }
        box.remove();
    }
    return took;
}"""
BATCHES = [1, 10, 100, 1000]
WAYS: list[tuple[str, str, set[str]]] = [
    ("the core alone", "/wf.js", {"-full.js"}),
    ("the core and its helper", "/wf.js", set()),
    ("the full script", "/wf-full.js", set()),
]


def make_page(texts: int, addresses: int) -> str:
    """A page of ``texts`` text nodes, ``addresses`` of them with an address in a link."""
    every = max(1, texts // addresses)
    link = "<p>Write to <a href='mailto:sales@company.com'>sales@company.com</a></p>"
    lines = [link if number % every == 0 else f"<p>Some words of line {number}</p>" for number in range(texts)]
    return f"<!doctype html><meta charset=utf-8><title>Long</title>{WRAP}<!--wherefrom-->{''.join(lines)}"


async def measure(browser: Browser, collector: Collector, script: str, rounds: int) -> dict[str, list[float]]:
    """Milliseconds by way: bare, sweep, and the sizes of what was put in."""
    collector.attributes = {"src": script}
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(collector.url("/long", "localhost"))
    await page.wait_for_function("window.wherefrom?.email.loaded && document.readyState === 'complete'")
    assert await page.evaluate("crossOriginIsolated")
    took: dict[str, Any] = await page.evaluate(MEASURE, {"rounds": rounds, "batches": BATCHES})
    await context.close()
    return took


def show(name: str, took: list[float], bare: float) -> None:
    ordered = sorted(took)
    median, p95 = statistics.median(ordered), ordered[int(len(ordered) * 0.95) - 1]
    print(f"  {name:28}{median:10.3f}{p95:10.3f}{median / bare:12.2f}")


async def run(texts: int, addresses: int, rounds: int) -> None:
    collector = Collector(headers=ISOLATED)
    collector.pages["/long"] = make_page(texts, addresses)
    collector.start()
    try:
        async with open_chromium() as browser:
            for name, script, missing in WAYS:
                collector.missing = missing
                took = await measure(browser, collector, script, rounds)
                bare = statistics.median(took["bare"])
                print(f"{name}, {texts} text nodes, {addresses} addresses; milliseconds of the page's thread")
                print(f"  {'':28}{'median':>10}{'p95':>10}{'of bare':>12}")
                show("bare TreeWalker", took["bare"], bare)
                show("sweep of the page", took["sweep"], bare)
                for size in BATCHES:
                    show(f"{size} row{'s' if size > 1 else ''} put in", took[str(size)], bare)
    finally:
        collector.stop()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--texts", type=int, default=10_000)
    options.add_argument("--addresses", type=int, default=20)
    options.add_argument("--rounds", type=int, default=60)
    chosen = options.parse_args()
    asyncio.run(run(chosen.texts, chosen.addresses, chosen.rounds))


if __name__ == "__main__":
    main()
