/**
 * Two small values kept first-party: a cookie on the broadest domain the browser allows, so that subdomains share
 * it, and local storage as a second copy. Where the browser forbids both, nothing is kept and nothing breaks.
 */
import { quietly } from "./quiet.js";

const AGE = 34560000; // seconds, 400 days: no browser keeps a cookie longer

/** The cookie's value; undefined when there is none or cookies are blocked. */
export const cookie = quietly((name) => ("; " + document.cookie).split("; " + name + "=")[1].split(";")[0]);

/** The value kept under `name`; undefined or null when there is none. */
export const recall = (name) => cookie(name) || quietly(() => localStorage[name])();

export function keep(name, value) {
  const bake = quietly((domain) => {
    if (cookie(name) === value) return;
    // ";secure" on https; ";http:" means nothing
    const secure = location.protocol.replace("https:", "secure");
    document.cookie = `${name}=${value};path=/;max-age=${AGE};samesite=lax;${secure};domain=${domain}`;
  });
  quietly(() => (localStorage[name] = value))();
  // a public suffix is refused, so the first domain that sticks is the broadest; the last try is this host alone
  location.hostname.split(".").reduceRight((parent, label) => {
    bake(label + parent);
    return "." + label + parent;
  }, "");
  bake("");
}
