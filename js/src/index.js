/**
 * The start: nothing for machines, nothing while a page is only prerendered, then the parts are put together.
 *
 * Reading begins at once, writing when the page has loaded: frameworks that hydrate compare it with what the server
 * sent. A page that loads for long is written to after PATIENCE all the same.
 */
import { api, call, openApi } from "./api.js";
import { watchExposure } from "./exposure.js";
import { watchHistory } from "./history.js";
import { watchIntent } from "./intent.js";
import { watchDocument } from "./observer.js";
import { element, options } from "./page.js";
import { draw } from "./place.js";
import { listen, quietly } from "./quiet.js";
import { askAnew, beat, lending, openVisit, showPage, signal, soon, want } from "./visit.js";

const PATIENCE = 3000;

let redraw;

function refresh() {
  if (!redraw) return;
  beat();
  if (api.email.enabled) askAnew();
  redraw();
}

function start() {
  let late;
  const note = options.lend ? want : watchExposure(want, signal);

  const show = (referrer, wait) => {
    refresh(); // what is held is asked for again: this may be a page where originals stay
    showPage(referrer, wait);
  };

  redraw = watchDocument((node) =>
    draw(node, api.email.enabled && lending && note, late || document.readyState === "complete"),
  );
  openVisit(redraw);
  show(document.referrer, 150); // time for the first look at what is in view
  watchIntent(signal);
  watchHistory((previous) => show(previous, 100)); // time for the router to set the title
  listen("pageshow", (event) => event.persisted && show(document.referrer));
  listen("visibilitychange", beat);
  listen("load", redraw);
  setTimeout(() => {
    late = true;
    redraw();
  }, PATIENCE);
}

const begin = () => (document.prerendering ? listen("prerenderingchange", begin) : start());

if (element && openApi(want, soon, refresh)) {
  call(window.onWherefromLoaded, api);
  if (!navigator.webdriver || options.webdriver) call(quietly(begin));
}
