"""Content that comes or changes after the load, and the page's own code beside the script (features A09, A13, A14)."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.js.collector import LIBRARIES
from tests.js.conftest import Shop

SUBSTITUTE = "sales+k7f3q9x2@company.com"
LINK = "mailto:sales%2Bk7f3q9x2@company.com"

NEXT_FRAME = "await new Promise(done => requestAnimationFrame(() => done()));"


async def test_content_that_comes_late_is_swapped(shop: Shop) -> None:
    await shop.open("late.html")
    await shop.run(
        "() => { place.innerHTML = '<p>Write to <a href=\"mailto:sales@company.com\">sales@company.com</a></p>' }"
    )
    await shop.shows("#place", f"Write to {SUBSTITUTE}")
    assert await shop.href("#place a") == LINK
    late = shop.collector.visits[-1]
    assert (late["addresses"], late["pageview"], late["visit"]) == (["sales@company.com"], False, "token-100")


async def test_a_known_address_is_swapped_before_it_is_painted(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    painted = await shop.run(
        f"""async () => {{
            const line = document.body.appendChild(document.createElement("p"));
            line.innerHTML = "New: <b>sales@company.com</b>";
            {NEXT_FRAME}
            return line.textContent;
        }}"""
    )
    assert painted == f"New: {SUBSTITUTE}"
    assert shop.collector.asked.count("sales@company.com") == 1


async def test_a_changed_text_and_a_changed_link_are_swapped_again(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    seen = await shop.run(
        f"""async () => {{
            const text = document.querySelector("#text").firstChild, link = document.querySelector("#link");
            text.data = "Now sales@company.com!";
            link.href = "mailto:sales@company.com?subject=Hi";
            {NEXT_FRAME}
            return [text.data, link.getAttribute("href"), document.querySelector("#text").firstChild === text];
        }}"""
    )
    assert seen == [f"Now {SUBSTITUTE}!", f"{LINK}?subject=Hi", True]
    await shop.run("() => { wherefrom.email.enabled = false }")
    assert await shop.text("#text") == "Now sales@company.com!"
    assert await shop.href("#link") == "mailto:sales@company.com?subject=Hi"


async def test_nodes_are_the_same_before_and_after_and_none_is_added_or_moved(shop: Shop) -> None:
    await shop.page.add_init_script(
        """document.addEventListener("DOMContentLoaded", () => {
            window.nodes = () => {
                const walker = document.createTreeWalker(document, NodeFilter.SHOW_ALL), all = [];
                while (walker.nextNode()) all.push(walker.currentNode);
                return all;
            };
            window.before = nodes();
            window.records = [];
            new MutationObserver(list => records.push(...list)).observe(document, {
                subtree: true, childList: true, characterData: true, attributes: true,
            });
        })"""
    )
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    assert await shop.run("() => nodes().length === before.length && nodes().every((node, i) => node === before[i])")
    kinds = await shop.run("() => records.map(record => record.type + ' ' + (record.attributeName || ''))")
    assert sorted(kinds) == ["attributes href", "characterData ", "characterData "]


async def test_listeners_and_references_of_the_page_survive(shop: Shop) -> None:
    await shop.open("plain.html", settled=False)
    await shop.run(
        """() => {
            window.clicks = 0;
            window.link = document.querySelector("#link");
            link.addEventListener("click", event => { event.preventDefault(); clicks++ });
        }"""
    )
    await shop.settle()
    await shop.page.click("#link")
    assert await shop.run("() => [clicks, link.isConnected, link.firstChild.data]") == [1, True, SUBSTITUTE]


async def test_the_observer_does_not_run_in_circles(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    records = await shop.run(
        """async () => {
            let count = 0;
            new MutationObserver(list => { count += list.length }).observe(document.body, {
                subtree: true, childList: true, characterData: true, attributes: true,
            });
            for (let i = 0; i < 100; i++) document.body.append(document.createElement("p"), "sales@company.com ");
            await new Promise(done => setTimeout(done, 300));
            return count;
        }"""
    )
    assert records == 200  # a hundred times something came, and a hundred texts were drawn once


async def test_a_page_that_insists_on_its_own_text_is_not_frozen_and_wins(shop: Shop) -> None:
    await shop.open()
    await shop.shows("#link", SUBSTITUTE)
    rounds = await shop.run(
        """async () => {
            let rounds = 0;
            const line = document.querySelector("#text");
            new MutationObserver(() => {
                if (line.textContent === "Write to sales@company.com today.") return;
                rounds++;
                line.innerHTML = "Write to sales@company.com today.";
            }).observe(line, { subtree: true, childList: true, characterData: true });
            line.innerHTML = "Write to sales@company.com today.";
            await new Promise(done => setTimeout(done));
            return rounds;
        }"""
    )
    assert 0 < rounds < 60
    assert await shop.text("#text") == "Write to sales@company.com today."


async def test_substitutes_that_are_targets_of_each_other_do_not_chase_one_another(shop: Shop) -> None:
    shop.collector.targets = {"sales@company.com": "info@company.com", "info@company.com": "sales@company.com"}
    await shop.open("late.html")
    await shop.run("() => { place.innerHTML = '<p id=a>sales@company.com</p><p id=b>info@company.com</p>' }")
    await shop.shows("#a", "info@company.com")
    await shop.shows("#b", "sales@company.com")
    await shop.run("() => { wherefrom.email.enabled = false }")
    assert [await shop.text("#a"), await shop.text("#b")] == ["sales@company.com", "info@company.com"]


async def test_open_shadow_roots_are_part_of_the_page(shop: Shop) -> None:
    await shop.open("shadow.html")
    read = """id => {
        const root = document.getElementById(id).shadowRoot;
        return [root.textContent, root.querySelector("a").getAttribute("href")];
    }"""
    await shop.page.wait_for_function("document.querySelector('#card').shadowRoot.textContent.includes('+')")
    assert await shop.run(read, "card") == [f"{SUBSTITUTE}Write", LINK]
    assert await shop.run(read, "off") == ["sales@company.comWrite", "mailto:sales@company.com"]
    later = await shop.run(
        f"""async () => {{
            const root = document.querySelector("#card").shadowRoot;
            root.append(" or sales@company.com");
            {NEXT_FRAME}
            return root.lastChild.data;
        }}"""
    )
    assert later == f" or {SUBSTITUTE}"
    await shop.run("() => { wherefrom.email.enabled = false }")
    assert (await shop.run(read, "card"))[0] == "sales@company.comWrite or sales@company.com"


async def test_a_copy_made_by_a_translator_is_taken_back_too(shop: Shop) -> None:
    """Google Translate puts what it read, substitutes and all, into elements of its own."""
    await shop.open()
    await shop.shows("#text", f"Write to {SUBSTITUTE} today.")
    await shop.run(
        """() => {
            const line = document.querySelector("#text");
            const font = document.createElement("font");
            font.append(line.textContent.replace("Write to", "Schreiben Sie").replace("today", "heute"));
            line.replaceChild(font, line.firstChild);
        }"""
    )
    await shop.quiet()
    assert await shop.text("#text") == f"Schreiben Sie {SUBSTITUTE} heute."
    await shop.run("() => { wherefrom.email.enabled = false }")
    assert await shop.text("#text") == "Schreiben Sie sales@company.com heute."


def require_libraries() -> None:
    """Skips where they are not installed; ``make test`` installs them where it finds Node.js, so there it fails."""
    missing = [path.name for path in LIBRARIES.values() if not path.is_file()]
    if not missing:
        return
    told = f"{', '.join(missing)}: not in js/node_modules; run “npm ci” in js/ (Node.js 18 or newer)"
    if "MAKELEVEL" in os.environ and has_node():
        pytest.fail(told)
    pytest.skip(told)


def has_node() -> bool:
    if not shutil.which("npm") or not shutil.which("node"):
        return False
    told = subprocess.run(
        ["node", "-p", "parseInt(process.versions.node)"], capture_output=True, text=True, check=False
    )
    return int(told.stdout or 0) >= 18


async def test_react_hydrates_renders_again_and_unmounts(shop: Shop) -> None:
    require_libraries()
    await shop.open("react.html")
    await shop.shows("#count", f"0 {SUBSTITUTE} clicks")
    for _ in range(3):
        await shop.page.click("button")
    await shop.shows("#count", f"3 {SUBSTITUTE} clicks")
    await shop.shows("#single", f"Write to {SUBSTITUTE}, visitor 3")
    assert await shop.href("#mail") == f"{LINK}?subject=3"
    assert await shop.run("() => complaints") == []
    await shop.run("() => root.unmount()")
    assert await shop.text("#app") == ""


async def test_vue_renders_again_and_unmounts(shop: Shop) -> None:
    require_libraries()
    await shop.open("vue.html")
    await shop.shows("#single", f"Write to {SUBSTITUTE}, visitor 0")
    for _ in range(3):
        await shop.page.click("button")
    await shop.shows("#single", f"Write to {SUBSTITUTE}, visitor 3")
    await shop.shows("#listed", f"{SUBSTITUTE}{SUBSTITUTE}{SUBSTITUTE}")
    assert await shop.href("#mail") == f"{LINK}?subject=3"
    assert await shop.run("() => complaints") == []
    await shop.run("() => app.unmount()")
    assert await shop.text("#app") == ""
