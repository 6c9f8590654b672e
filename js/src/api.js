/**
 * `window.wherefrom`: what a page's own code can read, switch and hear. Documented in API.md.
 *
 * A listener is called in a turn of its own: its exception is the page's, and is reported as such.
 */
import { swapText } from "./address.js";

const listeners = [];

/** What the page put there before the script ran. */
export const before = window.wherefrom || {};

export let api;

/** To be called with the API object once the collector has answered. */
export let ready;
const whenReady = new Promise((done) => (ready = done));

/** Calls in a turn of its own. */
export const call = (listener, value) => Promise.resolve(value).then(listener);

const tell = ([event, listener]) => api[event] && call(listener, api[event]);

/** Calls the listeners of `event`, "visit" or "email", with what the API object has under that name. */
export const emit = (event) => listeners.forEach((pair) => pair[0] === event && tell(pair));

/**
 * Puts the object there; undefined when another copy of the script has done so. `want(target)` asks for an address,
 * `send()` sends what changed, `refresh()` reads the page again. In the full script `last` is what `consent` calls, in the
 * core what it leaves to its helper.
 */
export function openApi(want, send, refresh, last) {
  let enabled = before.email?.enabled !== false;
  if (before.on) return;

  window.wherefrom = api = {
    params: before.params || {},
    getVisit: () => api.visit,
    setParams(params) {
      Object.assign(api.params, params);
      send();
    },
    on(...pair) {
      listeners.push(pair);
      if (api.email.loaded) tell(pair);
    },
    onVisit: (listener) => api.on("visit", listener),
    onReady: (listener) => call(listener, whenReady),
    email: {
      addresses: {},
      refresh,
      add: (text) => swapText("" + text, want),
      restore: () => (api.email.enabled = false),
      get enabled() {
        return enabled;
      },
      set enabled(on) {
        enabled = on;
        refresh();
      },
    },
  };
  if (FULL) api.consent = last;
  else api.core = last;
  api.onReady(before.onReady);
  api.email.add(before.email?.add);
  return api;
}
