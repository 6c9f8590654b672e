/**
 * Page changes without a load: what single-page apps do through `history`. The browser tells of them where it knows the
 * Navigation API; elsewhere they are seen when the page's content changes with them.
 */
import { pageAddress } from "./page.js";
import { quietly } from "./quiet.js";

let last = pageAddress();
let changed;

/** Looks whether the page is another one by now. */
export const checkPage = quietly(() => {
  const previous = last;
  if ((last = pageAddress()) !== previous) changed(previous);
});

/** `listener(previous)` is called after the address of the page became another one. */
export function watchHistory(listener) {
  changed = listener;
  if (FULL) last = pageAddress(); // without the parameter that was taken off it
  window.navigation?.addEventListener("currententrychange", checkPage);
}
