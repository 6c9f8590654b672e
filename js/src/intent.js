/**
 * Signs that a visitor is about to write: a click or a middle click on a mailto link, an address copied or selected. Only substitutes
 * count, since only they can be matched.
 */
import { swapText } from "./address.js";
import { linkAt } from "./full/touch.js";
import { targetOf } from "./lease.js";
import { quietly } from "./quiet.js";

const PAUSE = 500; // a selection is one when it has come to rest

/** `report(kind, substitute)`; `view` is the window of the page or of a frame. */
export function watchIntent(report, view = window) {
  const listen = (type, listener) => view.addEventListener(type, quietly(listener), true);
  let selecting;

  const reportAll = (kind, text) =>
    swapText(text, (address) => {
      if (targetOf(address)) report(kind, address);
    });
  const reportSelected = (kind) => reportAll(kind, "" + view.getSelection());

  const reportLink = (event) =>
    event.button < 2 && reportAll("mailto", decodeURIComponent(linkAt(event)?.getAttribute("href")));

  listen("click", reportLink);
  listen("auxclick", reportLink);
  listen("copy", () => reportSelected("copy"));
  listen("selectionchange", () => {
    clearTimeout(selecting);
    selecting = setTimeout(reportSelected, PAUSE, "select");
  });
}
