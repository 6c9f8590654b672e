/**
 * `window.wherefrom`: what a page's own code can read, switch and hear. Documented in API.md.
 *
 * A listener is called in a turn of its own: its exception is the page's, and is reported as such.
 */
import { swapText } from "./address.js";

const listeners = [];

/** What the page put there before the script ran. */
const before = window.wherefrom || {};

export let api;

export const call = (listener) => Promise.resolve(api).then(listener);

/** Calls the listeners of `event` with the API object. */
export const emit = (event) => listeners.forEach(([name, listener]) => name === event && call(listener));

/**
 * Puts the object there; false when another copy of the script has done so. `want(target)` asks for an address,
 * `tell()` sends what changed, `refresh()` reads the page again.
 */
export function openApi(want, tell, refresh) {
  let enabled = before.email?.enabled !== false;
  if (before.on) return;

  return (window.wherefrom = api = {
    params: before.params || {},
    getVisit: () => api.visit,
    setParams(params) {
      Object.assign(api.params, params);
      tell();
    },
    on(event, listener) {
      listeners.push([event, listener]);
      if (api.email.loaded) call(listener);
    },
    email: {
      addresses: {},
      refresh,
      add(text) {
        swapText(text, want);
      },
      get enabled() {
        return enabled;
      },
      set enabled(on) {
        enabled = on;
        refresh();
      },
    },
  });
}
