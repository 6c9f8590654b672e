/** Page changes without a load: what single-page apps do through `history`. */
import { pageAddress } from "./page.js";
import { listen, quietly } from "./quiet.js";

/** `changed(previous)` is called after the address of the page became another one. */
export function watchHistory(changed) {
  let last = pageAddress();

  const check = quietly(() => {
    const previous = last;
    last = pageAddress();
    if (last !== previous) changed(previous);
  });

  for (const name of ["pushState", "replaceState"]) {
    const original = history[name];
    history[name] = function (...values) {
      original.apply(this, values);
      check();
    };
  }
  listen("popstate", check);
}
