/**
 * Whether the visitor has agreed, asked of what the site has: `data-consent` lists who decides, and all of them must
 * say yes. A name that is not known never does.
 *
 *   gpc      no, while the browser sends Global Privacy Control; otherwise yes
 *   tcf      IAB TCF v2.2, purpose 1 ("store and access information on a device"); yes where the GDPR does not apply
 *   gcm      Google Consent Mode: the last word on `analytics_storage` in `dataLayer`
 *   manual   `wherefrom.consent(true)`; `wherefrom.consent(false)` takes back, whoever else is listed
 */
import { before } from "../api.js";
import { options } from "../page.js";
import { quietly } from "../quiet.js";

const PATIENCE = 250; // milliseconds between two looks for a consent manager that is not there yet

const voters = (options.consent || "").split(/[\s,]+/).filter(Boolean);
const votes = {};
let decide;

function vote(name, given) {
  votes[name] = given;
  const all = votes.manual !== false && voters.every((voter) => votes[voter] === true);
  decide(all || (options.withoutConsent === "source" ? "none" : false), Object.values(votes).includes(false));
}

const readers = {
  gpc: () => vote("gpc", !navigator.globalPrivacyControl),

  tcf() {
    if (!window.__tcfapi) return setTimeout(quietly(readers.tcf), PATIENCE);
    window.__tcfapi("addEventListener", 2, (data, success) => {
      if (!success || data.eventStatus === "cmpuishown") return;
      vote("tcf", data.gdprApplies === false || !!data.purpose?.consents?.[1]);
    });
  },

  gcm() {
    const layer = (window.dataLayer ||= []);
    const read = (entry) => {
      const storage = entry?.[0] === "consent" && entry[2]?.analytics_storage;
      if (storage) vote("gcm", storage === "granted");
    };
    layer.forEach(read);
    const push = layer.push;
    layer.push = function (...entries) {
      entries.forEach(quietly(read));
      return push.apply(this, entries);
    };
  },
};

/**
 * `decided(given, denied)` hears true, false, or "none": only for the source; at once, and whenever that changes.
 * `denied`: somebody has said no, rather than nothing yet.
 */
export function watchConsent(decided) {
  decide = decided;
  if (before.consent !== undefined) votes.manual = !!before.consent;
  if (voters[0]) vote();
  voters.forEach((name) => quietly(readers[name] || (() => {}))());
}

/** The page's own word. */
export const sayConsent = (given) => vote("manual", !!given);
