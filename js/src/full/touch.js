/**
 * What a visitor is about to use: hovered, focused, pressed, selected. It is asked for at once, in view or not: a link
 * may show nothing that an observer could see.
 */
import { mayHold, swapText } from "../address.js";
import { targetOf } from "../lease.js";
import { swapMailto } from "../mailto.js";
import { options } from "../page.js";
import { isGenuine, isOff } from "../place.js";
import { listen, quietly } from "../quiet.js";

const PAUSE = 50; // milliseconds between two looks at a selection that grows
const MOST = 100; // children; an element with more is no line of text

/** Attributes whose addresses are swapped. */
export const NAMES = ["href", ...(options.attributes || "").split(/[\s,]+/).filter(Boolean)];

/** The link in an event's path; undefined when there is none. */
export const linkAt = (event) => event.composedPath().find((node) => node.getAttribute?.("href"));

/** The addresses in a text that are no substitutes; or those in a link. */
export function addressesIn(text, edit = swapText) {
  const found = [];
  edit(text, (key) => void (targetOf(key) || found.push(key)));
  return found;
}

/** The addresses that `event` is on: in the attributes of its path, in the very text under it. */
export function addressesAt(event) {
  const path = event.composedPath();
  const [place] = path;
  if (!place?.closest || isOff(place)) return [];
  const texts = place.childNodes.length > MOST ? [] : [...place.childNodes];
  return [
    ...path.flatMap((node) =>
      NAMES.flatMap((name) => addressesIn(node.getAttribute?.(name) || "", name === "href" ? swapMailto : swapText)),
    ),
    ...texts.flatMap(({ data }) => (data && mayHold(data) ? addressesIn(data) : [])),
  ];
}

/** The addresses of the page in what was selected; what a person writes in a field or an editor is no part of it. */
export const addressesOf = (selected) => addressesIn(selected).filter(isGenuine);

/** Calls `ask(addresses)` for what is touched. */
export function watchTouch(ask) {
  let looking;
  const look = quietly(() => {
    looking = 0;
    ask(addressesOf("" + getSelection()));
  });
  for (const type of ["pointerover", "pointerdown", "focusin"]) listen(type, (event) => ask(addressesAt(event)));
  listen("selectionchange", () => (looking ||= setTimeout(look, PAUSE)));
}
