/**
 * Where addresses may appear: the whole document with its open shadow roots, now and later.
 *
 * The observer also sees this script's own writes. They end by themselves, since drawing what is drawn writes
 * nothing. A page whose own code puts the original back at once would make the two run in circles: after LIMIT
 * rounds with a write in a second it wins until the second is over.
 */
import { mayHold } from "./address.js";
import { openFrame } from "./full/frames.js";
import { isInline } from "./full/run.js";
import { checkPage } from "./history.js";
import { fetchFull } from "./more.js";
import { options } from "./page.js";
import { isOff, redrawPieces, writes } from "./place.js";

const LIMIT = 50;

/**
 * Returns the function that draws everything below a document or shadow root and keeps watching it. `paint(node,
 * name)` draws one place; `names` are those of attributes.
 */
export function watchPage(paint, names) {
  const selector = FULL && [...names.map((name) => `[${name}]`), "[data-cfemail]", "iframe"].join();
  let rounds = 0;

  const observer = new MutationObserver((records) => {
    const before = writes;
    if (rounds > LIMIT) return;
    for (const { target, addedNodes, attributeName, previousSibling, nextSibling } of records) {
      if (attributeName) paint(target, attributeName);
      else if (target.data) walk(target);
      addedNodes.forEach(walk);
      // what stands beside it may have become a part of it, or no longer be one
      if (FULL) [previousSibling, nextSibling].forEach((node) => (node?.data || isInline(node)) && walk(node));
    }
    if (writes > before && !rounds++) setTimeout(() => (rounds = 0), 1000);
    checkPage();
  });

  function walk(root) {
    const walker = document.createTreeWalker(root, 5); // elements and text
    for (let node = root; node; node = walker.nextNode()) {
      if (node.shadowRoot) watch(node.shadowRoot);
      if (node.nodeType !== 3) {
        if (!FULL && node.href) paint(node, "href");
      } else if (mayHold(node.data) || (FULL && node === root)) {
        if (!FULL && /^@|@[^\s.]*$/.test(node.data)) fetchFull(); // the rest stands in another node
        paint(node, "");
      }
    }
    if (FULL && root.querySelectorAll) [root, ...root.querySelectorAll(selector)].forEach(look);
  }

  /** What an element holds beside text. */
  function look(element) {
    names.forEach((name) => element.hasAttribute?.(name) && paint(element, name));
    if (element.dataset?.cfemail && element.firstChild) paint(element.firstChild, "");
    if (options.frames !== undefined && element.nodeName === "IFRAME" && !isOff(element)) openFrame(element, watch);
  }

  function watch(root) {
    observer.observe(root, {
      subtree: true,
      childList: true,
      characterData: true,
      attributeFilter: FULL ? names : ["href"],
    });
    walk(root);
    if (FULL) redrawPieces((node) => paint(node, ""));
  }

  return watch;
}
