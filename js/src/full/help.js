/**
 * What stands by a core script that is at work already: signs of exposure and intent, links to the site's other hosts,
 * addresses that are split over several nodes. Knows the core by `window.wherefrom` alone.
 */
import { swapText } from "../address.js";
import { watchExposure } from "../exposure.js";
import { watchIntent } from "../intent.js";
import { held, holdLease, targetOf } from "../lease.js";
import { swapMailto } from "../mailto.js";
import { watchPage } from "../observer.js";
import { draw } from "../place.js";
import { carryVisit } from "./link.js";

/** `core` is the core's `window.wherefrom`; it has `signal` until somebody helps it. */
export function help(core) {
  const { signal, email } = core;
  delete core.signal;

  const paint = (node, name) => {
    const element = name ? node : node.parentElement || node.getRootNode().host;
    const see = (key) => targetOf(key) && notice(targetOf(key), element);
    if (name) swapMailto(node.getAttribute(name), see);
    else {
      swapText(node.data, see);
      draw(node, "", email.enabled && note, () => true, true);
    }
  };
  const watch = watchPage(paint, ["href"]);
  const notice = watchExposure((target) => email.add(target), signal, watch);
  const note = (target, element) => targetOf(target) || notice(target, element);

  core.on("email", () => {
    held.clear();
    for (const [target, substitute] of Object.entries(email.addresses)) holdLease(target, substitute);
    watch(document);
  });
  core.again = () => watch(document); // switched, or to be read again
  core.again();
  watchIntent(signal);
  carryVisit(core);
}
