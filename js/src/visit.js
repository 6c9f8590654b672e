/**
 * The conversation with the collector: what is told, what is asked, what the answers change.
 *
 *   a page is shown                ──► pageview, with the addresses near the view
 *   more of them come near         ──► "pageview": false, only those
 *   the page stays visible         ──► heartbeat; a confirmed one renews every lease
 *   a lease ends without a renewal ──► the original is back, then it is asked for anew
 *
 * One request at a time. What was not answered (no network, 5xx, garbage) goes with the next one, at the next
 * heartbeat at the latest.
 */
import { api, emit } from "./api.js";
import { held, leasesHaveEnded, renewLeases, takeLeases } from "./lease.js";
import { options, pageAddress } from "./page.js";
import { quietly } from "./quiet.js";
import { cookie, keep, recall } from "./storage.js";
import { post } from "./transport.js";

const MOST = 20; // addresses in one request: keeps its body under the collector's limit
const SOON = 20; // milliseconds in which requests are gathered

const visitName = options.visitCookie || "wf_visit";
const visitorName = options.visitorCookie || "wf_visitor";

/** target → has the collector answered for it? */
const asked = new Map();

let token; // of the visit that holds what is shown here
let page, referrer; // the page shown
let untold; // it is not told of yet
let busy, failed;
let heartbeat = 60; // seconds
let redraw, flushing, beating;

/** The collector's word: substitutes are lent on this page. */
export let lending = true;

/** Nothing is sent before. `redrawPage()` is called whenever other addresses are to be shown. */
export const openVisit = (redrawPage) => (redraw = redrawPage);

/** Sends what there is to tell and to ask. */
export function soon(wait = SOON) {
  clearTimeout(flushing);
  flushing = setTimeout(flush, wait);
}

/** Asks for a substitute, once for each target and page. */
export function want(target) {
  if (asked.has(target)) return;
  asked.set(target, false);
  soon();
}

/** Asks for everything again: what is held at once, the rest when it is drawn. */
export function askAnew() {
  asked.forEach((answered, target) => answered && asked.delete(target));
  held.forEach((_, target) => want(target));
}

/** A page is shown. */
export function showPage(from, wait) {
  page = pageAddress();
  referrer = from;
  untold = true;
  soon(wait);
}

/** Tells of a heartbeat, or of something seen or done with a substitute. */
export const signal = (kind, address) => post("signals", { site: options.site, token, kind, address, page });

const flush = quietly(() => {
  if (!redraw) return;
  if (busy) return soon();
  const now = Date.now();
  const pageview = untold;
  const addresses = [...asked.keys()].filter((target) => !asked.get(target)).slice(0, MOST);
  post("visits", {
    site: options.site,
    page,
    referrer,
    title: document.title,
    visit: recall(visitName) || token,
    visitor: recall(visitorName),
    addresses,
    pageview,
    params: api.params,
    google_client_id: cookie("_ga")?.slice(6), // GA1.1.123.456 → 123.456
    ym_uid: cookie("_ym_uid"),
    language: navigator.language,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  }).then((answer) => {
    busy = false;
    failed = !(answer?.heartbeat > 0); // whatever else it is, it is no answer of the collector
    if (failed) untold = untold || pageview;
    else accept(answer, addresses, now);
  });
  busy = true;
  untold = false;
});

const accept = quietly((answer, addresses, now) => {
  const another = answer.visit !== api.visit;
  heartbeat = answer.heartbeat;
  schedule();
  if (another) askAnew(); // what is shown is held by the visit before
  addresses.forEach((target) => asked.set(target, true));
  if (addresses[MOST - 1]) soon();
  if (answer.token) keep(visitName, (token = answer.token));
  if (answer.visitor) keep(visitorName, answer.visitor);
  lending = answer.enabled;
  api.visit = answer.visit;
  api.firstVisit = answer.first_visit;
  api.marker = answer.marker;
  api.geo = answer.geo;
  if (another) emit("visit");
  takeLeases(addresses, answer.substitutes, now);
  publish();
});

/** Hands what is held to the page and to its own code. */
function publish() {
  const email = api.email;
  email.loaded = true;
  email.addresses = Object.fromEntries(held);
  [[email.address, email.substitute] = []] = held;
  redraw();
  emit("email");
}

function schedule() {
  clearTimeout(beating);
  beating = setTimeout(beat, heartbeat * 1000);
}

/** Keeps the leases alive while somebody may be looking; also called when the page comes back into view. */
export const beat = quietly(() => {
  schedule();
  if (document.hidden) return;
  const now = Date.now();
  if (leasesHaveEnded(now)) {
    askAnew();
    held.clear();
    publish();
  }
  if (failed) soon();
  if (held.size && api.email.enabled) signal("heartbeat").then((confirmed) => confirmed && renewLeases(now));
});
