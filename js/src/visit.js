/**
 * The conversation with the collector: what is told, what is asked, what the answers change.
 *
 *   a page is shown                ──► pageview, with the addresses in view
 *   more of them come into view    ──► "pageview": false, only those
 *   the page stays visible         ──► heartbeat; a confirmed one renews every lease
 *   a lease ends without a renewal ──► the original is back, then it is asked for anew
 *   the next page of the visit     ──► begins with what the last one held, while that is certainly held
 *
 * One request at a time. What was not answered (no network, 5xx, garbage) goes with the next one, at the next
 * heartbeat at the latest.
 */
import { api, emit, ready } from "./api.js";
import { saveLeases, sendSign } from "./full/sign.js";
import { held, holdLease, term } from "./lease.js";
import { fetchFull } from "./more.js";
import { options, pageAddress } from "./page.js";
import { quietly } from "./quiet.js";
import { cookie, keep, leaseName, recall, store, stored, visitName, visitorName } from "./storage.js";
import { post } from "./transport.js";

const MOST = 20; // addresses in one request: keeps its body under the collector's limit
const SOON = 20; // milliseconds in which requests are gathered

const asked = new Set(); // targets, once each on a page
const open = new Set(); // those of them that are not answered for

let consent = !FULL || !options.consent; // true; false: silence; "none": for the source alone
let token; // of the visit that holds what is shown here
let holder; // its number
let page, referrer; // the page shown
let untold; // an object while it is not told of
let busy;
let awaiting; // from the wish to ask until the answer
let flushing, beating;

/** Draws the page; there from `openVisit` on. */
export let redraw;

/** Substitutes are shown on this page, as far as its path is concerned. */
export let lending = true;

/** Works that out from `off`, paths of pages that keep their originals. */
export function judge(off) {
  const rules = (off || []).map((rule) => rule.replace(/[^\w*]/g, "\\$&").replace(/\*+/g, ".*"));
  lending = !RegExp(`^(${rules.join("|")})$`).test(location.pathname);
}

/** Nothing is sent before. `redrawPage()` is called whenever other addresses are to be shown. */
export function openVisit(redrawPage) {
  redraw = redrawPage;
  schedule(60);
  if (FULL && consent === true) resume();
}

/** Goes on with the leases of the page before. In the first half of their time they last until a heartbeat. */
const resume = /* @__PURE__ */ quietly(() => {
  const [holding, visit, pairs, term, from, rules] = JSON.parse(stored(leaseName));
  const age = Date.now() - from;
  judge((api.off = rules));
  // who comes from elsewhere may begin another visit
  const here = new URL(document.referrer || location).host === location.host;
  if (!here || holding !== recall(visitName) || age < 0 || age * 2 > term) return;
  token = holding;
  holder = visit;
  for (const [target, substitute] of pairs) holdLease(target, substitute, term, from);
});

const keepLeases = () => saveLeases(token, holder, [...held], term, api.off);

/** Sends what there is to tell and to ask. */
export function soon(wait = SOON) {
  clearTimeout(flushing);
  flushing = setTimeout(flush, (awaiting = wait));
}

/** Asks for a substitute, once for each target and page. */
export function want(target) {
  if (asked.has(target)) return;
  asked.add(target);
  open.add(target);
  soon();
}

/** Asks for everything again: what is held at once, the rest when it is drawn. */
export function askAnew() {
  asked.clear();
  held.forEach((_, target) => want(target));
}

/** A page is shown. */
export function showPage(from, wait) {
  page = pageAddress();
  referrer = from;
  if (FULL) {
    const before = lending;
    judge(api.off);
    if (lending !== before) publish();
  }
  untold = {};
  soon(wait);
}

/** The token of the visit that holds what is shown here. */
export const holding = () => token;

/** Tells of a heartbeat, or of something seen or done with a substitute. */
export const signal = (kind, address) => sendSign(token, kind, address);

const aboutNobody = ({ page, referrer, title, addresses, pageview }) =>
  ({ page, referrer, title, addresses, pageview, consent: "none" });

/** The visit that this browser is in: another tab may have begun it, or the page have set it. */
const currentVisit = () => recall(visitName) || token;

/** Is an answer under way, or soon? */
export const isAwaited = () => awaiting;

/** Is an answer for `target` under way, or soon? 0 when it was asked for in vain. */
export const awaits = (target) => (FULL ? consent && open.has(target) : open.has(target)) && (isAwaited() || 0);

const flush = quietly(() => {
  if (!redraw || (FULL && !consent)) return;
  if (busy) return soon();
  const now = Date.now();
  const shown = untold;
  const basis = consent;
  const addresses = [...open].slice(0, MOST);
  const body = {
    page,
    referrer,
    title: document.title,
    addresses,
    pageview: !!shown,
    visit: currentVisit(),
    visitor: recall(visitorName),
    params: api.params,
    google_client_id: cookie("_ga")?.slice(6), // GA1.1.123.456 → 123.456
    ym_uid: cookie("_ym_uid"),
    language: navigator.language,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
  post("visits", FULL && consent === "none" ? aboutNobody(body) : body).then((answer) => {
    busy = awaiting = 0;
    // no answer to what is asked now
    if (body.visit !== currentVisit() || (FULL && basis !== consent)) return soon();
    // whatever else it is, it is no answer of the collector
    if (!(answer?.heartbeat > 0)) return;
    if (untold === shown) untold = 0;
    accept(answer, addresses, now);
  });
  busy = awaiting = 1;
});

const accept = quietly((answer, addresses, now) => {
  schedule(answer.heartbeat);
  if (FULL && answer.visit !== holder) askAnew(); // what is shown is held by the visit before
  if (answer.visit !== api.visit) {
    if (!FULL) askAnew();
    api.visit = answer.visit;
    emit("visit");
  }
  addresses.forEach((target) => {
    open.delete(target);
    asked.add(target);
    held.delete(target); // what is not lent is not shown any longer
  });
  if (open.size) soon();
  if (answer.token) remember(answer.token, answer.visitor);
  else if (FULL && answer.source_only) forget();
  api.off = answer.off;
  if (FULL) holder = answer.visit;
  if (FULL) judge(api.off);
  api.firstVisit = answer.first_visit;
  api.marker = answer.marker;
  api.geo = answer.geo;
  api.hosts = answer.hosts;
  for (const [target, { address, expires_in }] of Object.entries(answer.substitutes))
    holdLease(target, address.trim(), expires_in * 1000, now);
  if (!answer.enabled) held.clear();
  if (FULL) api.email.loaded = true;
  publish();
  if (FULL) keepLeases();
  else if (answer.hosts) fetchFull();
  ready(api);
});

function remember(visit, visitor) {
  token = visit;
  keep(visitName, visit);
  keep(visitorName, visitor);
}

function forget() {
  remember("", "");
  store(leaseName, "");
}

let whenGiven;

/** Calls once something may be kept: now, or as soon as it is allowed. */
export function onConsent(action) {
  if (consent === true) action();
  else whenGiven = action;
}

/**
 * Whether anything may be kept and told: true, false, or "none": only for the source. What was kept under an earlier
 * consent goes when that is `denied`, not while nobody has said anything yet.
 */
export function setConsent(given, denied) {
  if (denied) forget();
  if (given === consent) return;
  consent = given;
  held.clear();
  api.visit = holder = token = undefined;
  if (given === true) {
    whenGiven?.();
    whenGiven = undefined;
    resume();
  }
  emit("consent");
  if (!redraw) return;
  untold = {};
  askAnew();
  publish();
  soon();
}

/** Hands what is held to the page and to its own code. */
function publish() {
  const email = api.email;
  if (!FULL) email.loaded = true;
  const shown = !FULL || lending ? held : [];
  email.addresses = Object.fromEntries(shown);
  [[email.address, email.substitute] = []] = shown;
  redraw();
  emit("email");
}

function schedule(seconds) {
  clearInterval(beating);
  beating = setInterval(beat, seconds * 1000);
}

/** Keeps the leases alive while somebody may be looking; also called when the page comes back into view. */
export const beat = quietly(() => {
  if (document.hidden) return;
  const now = Date.now();
  if (held.size && now > term.since + term.lasts) {
    askAnew();
    held.clear();
    publish();
  }
  if (untold || open.size) soon();
  else if (held.size && api.email.enabled)
    if (FULL)
      signal("heartbeat")?.then((confirmed) => {
        if (!confirmed) return;
        term.since = now;
        keepLeases();
      });
    else api.beat?.(now);
});
