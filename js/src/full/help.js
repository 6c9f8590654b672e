/**
 * What stands by a core script that is at work already: it draws in the core's place, with all that the full script
 * knows, reports signs of exposure and intent, holds clicks and copies, carries the visit. The core goes on with the
 * conversation. Knows the core by `window.wherefrom` alone.
 */
import { watchExposure } from "../exposure.js";
import { watchIntent } from "../intent.js";
import { held, holdLease } from "../lease.js";
import { watchPage } from "../observer.js";
import { adoptDrawings, draw } from "../place.js";
import { isLoaded, whenLoaded } from "../settle.js";
import { judge, lending } from "../visit.js";
import { watchHolds } from "./hold.js";
import { carryVisit } from "./link.js";
import { saveLeases, sendSign } from "./sign.js";

const NOTHING = {}; // substitutes on a path where originals stay

/** `api` is the core's `window.wherefrom`; it has `core` until somebody helps it. */
export function help(api) {
  const { core, email } = api;
  const signal = (kind, address) => sendSign(core.token(), kind, address);
  const save = () => saveLeases(core.token(), api.visit, Object.entries(latest), core.term, api.off);
  let settled = isLoaded();
  let latest;
  delete api.core;
  adoptDrawings(core.drawn);

  const watch = watchPage(
    (node, name) => draw(node, name, email.enabled && lending && note, () => settled),
    ["href"],
  );
  const note = watchExposure((target) => email.add(target), signal, watch);

  /** Takes over what the core has heard since. */
  function follow() {
    latest = email.addresses;
    held.clear();
    for (const [target, substitute] of Object.entries(latest)) holdLease(target, substitute);
    save();
  }

  /** The core calls this whenever it would draw: after an answer, on another path, when something came into view. */
  api.again = (root) => {
    if (email.addresses !== latest && email.addresses !== NOTHING) follow();
    judge(api.off);
    email.addresses = lending ? latest : NOTHING;
    [[email.address, email.substitute] = []] = Object.entries(email.addresses);
    watch(root);
  };
  api.beat = (now) =>
    signal("heartbeat")?.then((confirmed) => {
      if (!confirmed) return;
      core.term.since = now;
      save();
    });
  whenLoaded(() => api.again(document, (settled = true)));
  api.again(document);
  watchIntent(signal);
  const isOn = () => email.enabled && lending;
  watchHolds(api, { isOn, isDrawn: () => settled, awaits: core.awaits, report: signal });
  carryVisit(api);
}
