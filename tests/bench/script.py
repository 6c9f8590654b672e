"""What the browser's script costs the page's own thread, beside the bare walk over the same page.

    python -m tests.bench.script [--texts 10000] [--addresses 20] [--rounds 60] [--json FILE]

Opens a page of many text nodes in Chromium, with the core (and its helper) and with the full script, and measures: its
start (the script compiled, run, the whole page read, all of it cold), a sweep (the whole page read and drawn again),
the observers' turn for one row, for ten, a hundred and a thousand rows put in at once; and beside them a TreeWalker
that only counts the same nodes. Starts and sweeps in processor time of the page's thread, which a busy machine disturbs
little; turns by the page's own clock, whose 5 µs (instead of 100) an isolated page has. Only the ratios say something
about another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
from typing import Any

from playwright.async_api import Browser, CDPSession

from tests.bench.figures import Row, add_json_option, hand_in
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
BARE = """(() => {
    const walker = document.createTreeWalker(document, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    let count = 0;
    while (walker.nextNode()) count++;
})()"""
SWEEP = "wherefrom.email.refresh()"
TURNS = """async ({ rounds, batches }) => {
    const took = {};
    const turn = () => new Promise(done => setTimeout(done));
    const row = number => number % 500 ? `<p>Some words of line ${number}</p>`
        : "<p>Write to <a href='mailto:sales@company.com'>sales@company.com</a></p>";
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
STARTS = 9
SWEEP_GOAL = 10.0  # milliseconds
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
    return f"<!doctype html><meta charset=utf-8><title>Long</title>{WRAP}{''.join(lines)}<!--wherefrom-->"


class Thread:
    """The page's own thread, by the processor time it spends in scripts."""

    def __init__(self, session: CDPSession) -> None:
        self._session = session

    async def spent(self) -> float:
        """Milliseconds so far."""
        metrics = (await self._session.send("Performance.getMetrics"))["metrics"]
        return 1000 * float(next(metric["value"] for metric in metrics if metric["name"] == "ScriptDuration"))

    async def cost(self, code: str) -> float:
        """Milliseconds for ``code``, in a turn of its own."""
        before = await self.spent()
        turn = f"new Promise(done => setTimeout(() => {{ {code}; setTimeout(done) }}))"
        await self._session.send("Runtime.evaluate", {"expression": turn, "awaitPromise": True})
        return await self.spent() - before


async def measure(browser: Browser, collector: Collector, rounds: int) -> dict[str, list[float]]:
    """Milliseconds by way: start, bare, sweep, and the sizes of what was put in."""
    context = await browser.new_context()
    page = await context.new_page()
    session = await context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})
    thread = Thread(session)
    await page.goto(collector.url("/long", "localhost"))
    took: dict[str, Any] = {"start": [await thread.spent()], "bare": [], "sweep": []}
    await page.wait_for_function("window.wherefrom?.email.loaded && document.readyState === 'complete'")
    if not collector.missing:
        await page.wait_for_function("!wherefrom.core")  # the core has its helper
    for _ in range(rounds):
        took["bare"].append(await thread.cost(BARE))
        took["sweep"].append(await thread.cost(SWEEP))
    assert await page.evaluate("crossOriginIsolated")
    took |= await page.evaluate(TURNS, {"rounds": rounds, "batches": BATCHES})
    await context.close()
    return took


def show(name: str, took: list[float], bare: float) -> None:
    median, p95 = statistics.median(took), sorted(took)[math.ceil(len(took) * 0.95) - 1]
    print(f"  {name:28}{median:10.3f}{p95:10.3f}{median / bare:12.2f}")


async def run(texts: int, addresses: int, rounds: int) -> list[Row]:
    rows: list[Row] = []
    collector = Collector(headers=ISOLATED)
    collector.start()
    try:
        async with open_chromium() as browser:
            for name, script, missing in WAYS:
                collector.missing, collector.attributes = missing, {"src": script, "async": "false"}
                starts = []
                for size in (addresses, texts):  # a start on a small page is what the script itself costs
                    collector.pages["/long"] = make_page(size, addresses)
                    runs = [await measure(browser, collector, 0) for _ in range(STARTS)]
                    starts.append([run["start"][0] for run in runs])
                took = await measure(browser, collector, rounds)
                bare = statistics.median(took["bare"])
                print(f"{name}, {texts} text nodes, {addresses} addresses; milliseconds")
                print(f"  {'':28}{'median':>10}{'p95':>10}{'of bare':>12}")
                show("bare TreeWalker", took["bare"], bare)
                show("start on a small page", starts[0], bare)
                show("start", starts[1], bare)
                show("sweep of the page", took["sweep"], bare)
                for size in BATCHES:
                    show(f"{size} row{'s' if size > 1 else ''} put in", took[str(size)], bare)
                rows += _rows(name, texts, took, bare)
    finally:
        collector.stop()
    return rows


def _rows(name: str, texts: int, took: dict[str, list[float]], bare: float) -> list[Row]:
    sweep, row = statistics.median(took["sweep"]), statistics.median(took["1"])
    return [
        Row(f"script: {texts:,} text nodes swept, {name}", sweep, "ms", most=SWEEP_GOAL),
        Row("the same", sweep, "ms", against=f"a bare TreeWalker, {bare:.1f} ms", ratio=sweep / bare),
        Row(f"script: one row put in, {name}", row, "ms"),
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--texts", type=int, default=10_000)
    options.add_argument("--addresses", type=int, default=20)
    options.add_argument("--rounds", type=int, default=60)
    add_json_option(options)
    chosen = options.parse_args()
    hand_in(asyncio.run(run(chosen.texts, chosen.addresses, chosen.rounds)), chosen.json)


if __name__ == "__main__":
    main()
