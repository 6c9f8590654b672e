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
import { substituteOf, targetOf } from "./lease.js";
import { swapMailto } from "./mailto.js";

/** Where nothing is touched: what a person edits, what a machine reads, what the owner switched off. */
const OFF =
  "head,script,style,noscript,link,textarea,option," +
  ".CodeMirror,.ace_editor,.monaco-editor,[data-wherefrom=off]";

/** node → [original, drawn]; in the full script for texts ("") and for each attribute */
const drawings = FULL ? {} : new WeakMap();

/** Addresses the page has shown of itself: a pool may hold one of them, and it is no copy then. */
const genuine = new Set();

/** How often this script has written to the page. */
export let writes = 0;

/** Texts in which no `@` is left to find them by. */
const pieces = new Set();

/** Draws with `paint` the texts that are parts of a torn address. */
export const redrawPieces = (paint) =>
  pieces.forEach((node) => (node.isConnected ? paint(node) : pieces.delete(node)));

/** The element above `node`, out of a shadow root too; undefined at the top. */
const above = (node) => node.parentElement || node.getRootNode().host;

export const isOff = (element) =>
  element && (element.isContentEditable || element.closest(OFF) || isOff(element.getRootNode().host));

/** In the full script `value` is the property: what is shown, and what a button copies. */
const read = (node, name) => (name ? (FULL && name === "value" ? node.value : node.getAttribute(name)) : node.data);

function write(node, name, value) {
  writes++;
  if (FULL && !name) pieces.add(node);
  if (!name) node.data = value;
  else if (FULL && name === "value") node.value = value;
  else node.setAttribute(name, value);
}

/**
 * Draws `node`: its text, or its attribute `name`. `note(target, element)` hears of each address found; without it
 * the originals are drawn. `isSettled()`: may substitutes be written?
 */
function drawCore(node, name, note, isSettled) {
  const value = read(node, name);
  const [before, after] = drawings.get(node) || [];
  const original = after === value ? before : value;
  const element = name ? node : above(node);
  let wanted = original;
  if (note && node.isConnected && !isOff(element))
    wanted = (name ? swapMailto : swapText)(original, (target) => {
      note(target, element);
      return isSettled() && substituteOf(target);
    });
  if (wanted === value) return;
  write(node, name, wanted);
  drawings.set(node, [original, wanted]);
}

/** An address that the core does not see, for what stands in it and is not seen. */
const TORN = /[^\0\p{Cf}][\0\p{Cf}]+[^\0\p{Cf}]/u;

/** As above, with all forms. `split`: only what the core leaves; it draws the rest. */
function drawFull(node, name, note, isSettled, split) {
  const drawn = (drawings[name] ||= new WeakMap());
  const edit = name === "href" ? swapMailto : swapText;
  const element = name ? node : above(node);
  const open = node.isConnected && !isOff(element) && (name !== "value" || node.readOnly);
  const find = (target, address) => {
    if (split && !TORN.test(address)) return;
    genuine.add(target);
    note(target, element);
    return isSettled() && substituteOf(target);
  };
  const originalOf = (node) => {
    const [before, after] = drawn.get(node) || [];
    return after === read(node, name) ? before : read(node, name);
  };
  // a copy that somebody made of a text with substitutes in it; beside a core only those that are out of date
  const uncopied = (text) =>
    edit(text, (key) => {
      const target = targetOf(key);
      const current = split && note && substituteOf(target);
      return !genuine.has(key) && !substituteOf(key) && current?.toLowerCase?.() !== key && target;
    });

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
