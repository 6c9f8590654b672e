/**
 * The places where an address stands: the `data` of a text node, the value of an attribute. Draws each as it should
 * look now.
 *
 * Nodes are never moved, replaced or added: React, Vue and Google Translate keep references to them. What was drawn
 * is remembered beside the node, so drawing twice writes once, and the original comes back to the byte.
 */
import { JOINT, swapText } from "./address.js";
import { runOf } from "./full/run.js";
import { veiledText } from "./full/veiled.js";
import { held, substituteOf, targetOf } from "./lease.js";
import { MAILTO, swapMailto } from "./mailto.js";
import { fetchFull } from "./more.js";

/** Where nothing is touched: what a person edits, what a machine reads, what the owner switched off. */
const OFF =
  "head,script,style,noscript,link,textarea,option," +
  ".CodeMirror,.ace_editor,.monaco-editor,[data-wherefrom=off]";

/** node → [original, drawn]; in the full script for texts ("") and for each attribute */
export const drawings = FULL ? {} : new WeakMap();

/** Goes on from what a core has drawn: it draws texts and links alone. */
export const adoptDrawings = (drawn) => (drawings[""] = drawings.href = drawn);

/** Addresses the page has shown of itself: a pool may hold one of them, and it is no copy then. */
const genuine = new Set();
export const isGenuine = (key) => genuine.has(key);

/** How often this script has written to the page. */
export let writes = 0;

/** Texts in which no `@` is left to find them by. */
const pieces = new Set();

/** Draws with `paint` the texts that are parts of a torn address. */
export const redrawPieces = (paint) =>
  pieces.forEach((node) => (node.isConnected ? paint(node) : pieces.delete(node)));

/** The element above `node`, out of a shadow root too; undefined at the top. */
const above = (node) => (FULL ? node.parentElement || node.getRootNode().host : node.parentElement);

export const isOff = (element) =>
  FULL
    ? element && (element.isContentEditable || element.closest(OFF) || isOff(element.getRootNode().host))
    : element.isContentEditable || element.closest(OFF);

/** In the full script `value` is the property: what is shown, and what a button copies. */
const read = (node, name) => (name ? (name === "value" ? node.value : node.getAttribute(name)) : node.data);

/** Writes what differs, and that before the rest goes: selections that begin or end beside it stay whole. */
function rewrite(node, value) {
  const { data } = node;
  const least = Math.min(data.length, value.length);
  let head = 0;
  let tail = 0;
  while (head < least && data[head] === value[head]) head++;
  while (tail < least - head && data[data.length - 1 - tail] === value[value.length - 1 - tail]) tail++;
  const fresh = value.slice(head, value.length - tail);
  const stale = data.length - head - tail;
  if (fresh) node.insertData(head, fresh);
  if (stale) node.deleteData(head + fresh.length, stale);
}

function write(node, name, value) {
  writes++;
  if (!name) {
    pieces.add(node);
    rewrite(node, value);
  } else if (name === "value") node.value = value;
  else node.setAttribute(name, value);
}

/**
 * Draws `node`: its text, or its attribute `name`. `note(target, element)` hears of each address found; without it
 * the originals are drawn. `isSettled()`: may substitutes be written?
 */
function drawCore(node, name, note, isSettled) {
  const value = name ? node.getAttribute(name) : node.data;
  const [before, after] = drawings.get(node) || [];
  const original = after === value ? before : value;
  const element = name ? node : node.parentElement;
  let wanted = original;
  if (note && element?.isConnected && !isOff(element)) {
    if (!name || MAILTO.test(original)) fetchFull(); // a torn one too
    wanted = (name ? swapMailto : swapText)(original, (target) => {
      note(target, element);
      return isSettled() && held.get(target);
    });
  }
  if (wanted === value) return;
  writes++;
  if (name) node.setAttribute(name, wanted);
  else node.data = wanted;
  drawings.set(node, [original, wanted]);
}

/** As above, with all forms. */
function drawFull(node, name, note, isSettled) {
  const drawn = (drawings[name] ||= new WeakMap());
  const edit = name === "href" ? swapMailto : swapText;
  const element = name ? node : above(node);
  const open = node.isConnected && !isOff(element) && (name !== "value" || node.readOnly);
  const find = (target) => {
    genuine.add(target);
    note(target, element);
    return isSettled() && substituteOf(target);
  };
  const originalOf = (node) => {
    const [before, after] = drawn.get(node) || [];
    return after === read(node, name) ? before : read(node, name);
  };
  // a copy that somebody made of a text with substitutes in it
  const uncopied = (text) => edit(text, (key) => !genuine.has(key) && !substituteOf(key) && targetOf(key));

  /** Draws one node; `laid` is the part of a longer text that falls to it. */
  function drawOne(node, laid) {
    const value = read(node, name);
    let text = originalOf(node);
    if (open && text === value) text = uncopied(text);
    let wanted = text;
    if (open && note) {
      wanted = laid ?? edit(text, find);
      const veiled = !name && veiledText(node.parentNode);
      if (veiled && edit(veiled, find) !== veiled) wanted = edit(veiled, find);
    }
    if (wanted === value) return;
    drawn.set(node, [text, wanted]);
    write(node, name, wanted);
  }

  const run = open && !name ? runOf(node, originalOf) : [];
  if (run[1] && !run.some((node) => isOff(above(node)))) {
    const texts = run.map(originalOf);
    const laid = note ? swapText(texts.join(JOINT), find).split(JOINT) : texts;
    run.forEach((node, index) => drawOne(node, laid[index] === texts[index] ? undefined : laid[index]));
  } else drawOne(node);
}

export const draw = FULL ? drawFull : drawCore;
