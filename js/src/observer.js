/**
 * Where addresses may appear: the whole document with its open shadow roots, now and later.
 *
 * The observer also sees this script's own writes. They end by themselves, since drawing what is drawn writes
 * nothing. A page whose own code puts the original back at once would make the two run in circles: after LIMIT
 * rounds with a write in a second it wins until the second is over; against a core without its helper for good, after
 * LIMIT writes.
 */
import { mayHold } from "./address.js";
import { openFrame } from "./full/frames.js";
import { isInline } from "./full/run.js";
import { api } from "./api.js";
import { checkPage } from "./history.js";
import { fetchFull } from "./more.js";
import { options } from "./page.js";
import { isOff, redrawPieces, writes } from "./place.js";

const LIMIT = FULL ? 50 : 999;

/**
 * Returns the function that draws everything below a document or shadow root and keeps watching it. `paint(node,
 * name)` draws one place; `names` are those of attributes; `enter(window)` hears of each frame's.
 */
export function watchPage(paint, names, enter) {
  // one by one: browsers have a short cut for each, and none for a list of them
  const selectors = FULL && [...names.map((name) => `[${name}]`), "[data-cfemail]", "iframe"];
  const entered = FULL && new WeakSet();
  let rounds = 0;

  const observer = new MutationObserver((records) => {
    checkPage();
    const before = FULL && writes;
    if (FULL ? rounds > LIMIT : writes > LIMIT || api.again) return; // the helper draws
    for (const { target, addedNodes, attributeName, previousSibling, nextSibling } of records) {
      if (FULL && attributeName) paint(target, attributeName);
      else if (attributeName || target.data) walk(target);
      addedNodes.forEach(walk);
      // what stands beside it may have become a part of it, or no longer be one
      if (FULL) [previousSibling, nextSibling].forEach((node) => (node?.data || isInline(node)) && walk(node));
    }
    if (FULL && writes > before && !rounds++) setTimeout(() => (rounds = 0), 1000);
  });

  const walkCore = (root) => {
    const walker = document.createTreeWalker(root, 5); // elements and text
    for (let node = root; node; node = walker.nextNode())
      if (node.nodeType === 3) mayHold(node.data) && paint(node, "");
      else {
        if (node.href) paint(node, "href");
        if (node.shadowRoot) fetchFull();
      }
  };

  /** As above; two walks of one kind of node each are faster than one of both. */
  const walkFull = (root) => {
    if (root.nodeType === 3) return paint(root, "");
    const texts = document.createTreeWalker(root, 4);
    for (let node; (node = texts.nextNode()); ) if (mayHold(node.data)) paint(node, "");
    const elements = document.createTreeWalker(root, 1);
    for (let node = root; node; node = elements.nextNode()) if (node.shadowRoot) watch(node.shadowRoot);
    look(root);
    for (const selector of selectors) root.querySelectorAll?.(selector).forEach(look);
  };

  const walk = FULL ? walkFull : walkCore;

  /** What an element holds beside text. */
  function look(element) {
    names.forEach((name) => element.hasAttribute?.(name) && paint(element, name));
    if (element.dataset?.cfemail && element.firstChild) paint(element.firstChild, "");
    if (options.frames !== undefined && element.nodeName === "IFRAME" && !isOff(element)) openFrame(element, openDocument);
  }

  function openDocument(root) {
    if (!entered.has(root)) enter(root.defaultView);
    entered.add(root);
    watch(root);
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
