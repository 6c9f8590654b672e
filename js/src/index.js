/**
 * The start, of the core (`FULL` is false) and of the full script: nothing for machines, nothing while a page is only
 * prerendered, then the parts are put together.
 *
 * Reading begins at once, writing when the page has loaded: frameworks that hydrate compare it with what the server
 * sent. A page that loads for long is written to after PATIENCE all the same, and one that shows no sign of hydration
 * at once with what the page before held.
 *
 * The core gives way to the full script where that is asked for or the visit has pages behind it; beside a core that is
 * at work the full script only helps.
 */
import { api, before, call, openApi } from "./api.js";
import { holdEarly } from "./early.js";
import { watchExposure } from "./exposure.js";
import { sayConsent, watchConsent } from "./full/consent.js";
import { help } from "./full/help.js";
import { watchHolds } from "./full/hold.js";
import { carryVisit, keepLink, takeLink } from "./full/link.js";
import { NAMES } from "./full/touch.js";
import { watchHistory } from "./history.js";
import { watchIntent } from "./intent.js";
import { term } from "./lease.js";
import { fetchFull } from "./more.js";
import { watchPage } from "./observer.js";
import { options } from "./page.js";
import { draw, drawings } from "./place.js";
import { listen, quietly } from "./quiet.js";
import { isLoaded, whenLoaded } from "./settle.js";
import { leaseName, stored } from "./storage.js";
import { askAnew, awaits, beat, holding, lending, onConsent, openVisit, redraw, setConsent, showPage, signal, soon, want } from "./visit.js";

/** What pages have that the server rendered and a framework takes over in the browser, or a script unveils. */
const HYDRATES =
  "#app,#root,[id^=__],[type=module],[src*=_next],[data-reactroot],[data-server-rendered],[ngh],[data-cfemail]";

function refresh() {
  if (!redraw) return;
  if (api.email.enabled) askAnew();
  beat();
  redraw();
}

function start() {
  let settled = FULL && isLoaded();

  const isSettled = FULL
    ? () => settled || (!api.email.loaded && !document.querySelector(HYDRATES))
    : isLoaded;

  const settle = () => {
    if (FULL) settled = true;
    redraw();
  };

  const show = (referrer, wait) => {
    showPage(referrer, wait);
    refresh(); // what is held is asked for again: this may be a page where originals stay
  };

  const watch = watchPage(
    (node, name) => draw(node, name, api.email.enabled && (!FULL || lending) && note, isSettled),
    FULL && NAMES,
    FULL && ((view) => watchIntent(signal, view)),
  );
  const look = (root = document) => (api.again || watch)(root); // the core's helper draws once it is there
  const note = FULL && options.lend ? want : watchExposure(want, FULL && signal, look);
  openVisit(look);
  showPage(document.referrer, 150); // time for the first look at what is in view
  redraw();
  if (FULL) {
    watchIntent(signal);
    watchHolds(api, { isOn: () => api.email.enabled && lending, isDrawn: isSettled, awaits, report: signal });
    carryVisit(api);
  }
  watchHistory((previous) => show(previous, 100)); // time for the router to set the title
  listen("pageshow", (event) => event.persisted && show(document.referrer));
  listen("visibilitychange", beat);
  if (!FULL) listen("click", holdEarly);
  whenLoaded(settle);
}

const begin = FULL ? () => (document.prerendering ? listen("prerenderingchange", begin) : start()) : start;

function boot() {
  if (!openApi(want, soon, refresh, FULL ? sayConsent : { awaits, drawn: drawings, term, token: holding })) return;
  if (FULL) watchConsent(setConsent);
  call(window.onWherefromLoaded, api);
  if (!navigator.webdriver || options.webdriver) call(quietly(begin));
}

if (options.site) {
  if (FULL) {
    if (before.core) help(before);
    else {
      const link = takeLink();
      if (link) onConsent(() => keepLink(link));
      boot();
    }
  } else {
    // consent, lend, frames, link-parameter, attributes, spelt; a link from another host; leases of the page before
    const asked = /^[^?[]*(en|am|tt|pe)|_link=|\[/.test(Object.keys(options) + location.search + stored(leaseName));
    if (asked || document.prerendering)
      fetchFull().then((module) => module || options.consent || boot());
    else boot();
  }
}
