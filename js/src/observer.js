/**
 * Where addresses may appear: the whole document with its open shadow roots, now and later.
 *
 * The observer also sees this script's own writes. They end by themselves, since drawing what is drawn writes
 * nothing. A page whose own code puts the original back at once would make the two run in circles: after LIMIT
 * rounds with a write in a second it wins until the second is over.
 */
import { writes } from "./place.js";

const LIMIT = 50;
const WATCHED = {
  subtree: true,
  childList: true,
  characterData: true,
  attributeFilter: ["href"],
};

/** The function that draws the whole page and keeps watching it. `paint(node)` draws one node of any kind. */
export function watchDocument(paint) {
  let rounds = 0;

  const observer = new MutationObserver((records) => {
    const before = writes;
    if (rounds > LIMIT) return;
    for (const { type, target, addedNodes } of records) {
      type === "childList" ? addedNodes.forEach(walk) : walk(target);
    }
    if (writes > before && !rounds++) setTimeout(() => (rounds = 0), 1000);
  });

  function walk(root) {
    const walker = document.createTreeWalker(root, 5); // elements and text
    for (let node = root; node; node = walker.nextNode()) {
      paint(node);
      if (node.shadowRoot) watch(node.shadowRoot);
    }
  }

  function watch(root) {
    observer.observe(root, WATCHED);
    walk(root);
  }

  return () => watch(document);
}
