/**
 * Small values kept first-party: the visit and the visitor in a cookie on the broadest domain the browser allows, so
 * that subdomains share them, and in local storage as a second copy; leases in local storage alone. Where the browser
 * forbids both, nothing is kept and nothing breaks.
 */
import { options } from "./page.js";
import { quietly } from "./quiet.js";

const AGE = 99999999; // seconds; browsers keep none longer than 400 days

export const visitName = options.visitCookie || "wf_visit";
export const visitorName = options.visitorCookie || "wf_visitor";
export const leaseName = visitName + "_lease";

/** The cookie's value; undefined when there is none or cookies are blocked. */
export const cookie = quietly((name) => ("; " + document.cookie).split("; " + name + "=")[1].split(";")[0]);

/** The value stored under `name`, in local storage alone; "" removes it. */
export const stored = quietly((name) => localStorage[name]);
export const store = quietly((name, value) => {
  if (!FULL || value) localStorage[name] = value;
  else delete localStorage[name];
});

/** The value kept under `name`; undefined when there is none. */
export const recall = (name) => cookie(name) || stored(name);

/** Keeps a value in both places; "" removes it from both. */
export function keep(name, value) {
  const bake = quietly((domain) => {
    if (cookie(name) === value) return;
    const age = !FULL || value ? AGE : 0;
    // ";secure" on https; ";http:" means nothing
    document.cookie = `${name}=${value};path=/;max-age=${age};samesite=lax;domain=${domain};${location.protocol.replace("https:", "secure")}`;
  });
  store(name, value);
  // a public suffix is refused, so the first domain that sticks is the broadest; the last try is this host alone
  location.hostname.split(".").reduceRight((parent, label) => {
    bake(label + parent);
    return "." + label + parent;
  }, "");
  bake("");
}
