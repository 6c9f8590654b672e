/**
 * One place where an address stands: a text node's `data` or an element's `href`. Draws it as it should look now.
 *
 * Nodes are never moved, replaced or added: React, Vue and Google Translate keep references to them. What was drawn
 * is remembered beside the node, so drawing twice writes once, and the original comes back to the byte.
 */
import { swapText } from "./address.js";
import { substituteOf, targetOf } from "./lease.js";
import { MAILTO, swapMailto } from "./mailto.js";

/** Where nothing is touched: what a person edits, what a machine reads, what the owner switched off. */
const OFF =
  "head,script,style,noscript,textarea,option," +
  ".CodeMirror,.ace_editor,.monaco-editor,[data-wherefrom=off]";

/** node → [original, drawn] */
const drawings = new WeakMap();

/** Addresses the page has shown of itself: a pool may hold one of them, and it is no copy then. */
const genuine = new Set();

/** How often this script has written to the page. */
export let writes = 0;

/** The element above `node`, out of a shadow root too; undefined at the top. */
export const above = (node) => node.parentElement || node.getRootNode().host;

const isOff = (element) =>
  element && (element.isContentEditable || element.closest(OFF) || isOff(element.getRootNode().host));

/** Draws `node`. `note(target, element)` hears of each address found; without it the originals are drawn. */
export function draw(node, note, settled) {
  const isText = node.nodeType === 3;
  const value = isText ? node.data : node.getAttribute?.("href");
  const edit = isText ? swapText : swapMailto;
  if (!(isText ? /@/ : MAILTO).test(value)) return;
  const element = isText ? above(node) : node;
  const drawing = drawings.get(node) || [];
  const untouched = drawing[1] === value;
  let original = untouched ? drawing[0] : value;
  let wanted = original;
  if (node.isConnected && !isOff(element)) {
    // a copy that somebody made of a text with substitutes in it
    if (!untouched) wanted = original = edit(original, (key) => !genuine.has(key) && targetOf(key));
    if (note) {
      wanted = edit(original, (target) => {
        genuine.add(target);
        note(target, element);
        return settled && substituteOf(target);
      });
    }
  }
  if (wanted === value) return;
  writes++;
  drawings.set(node, [original, wanted]);
  if (isText) node.data = wanted;
  else node.setAttribute("href", wanted);
}
