/** What the full script tells and keeps beside the conversation: signs of life and intent, leases for the next page. */
import { pageAddress } from "../page.js";
import { leaseName, store } from "../storage.js";
import { post } from "../transport.js";

/** Tells of a heartbeat, or of something seen or done with a substitute; a promise of whether it arrived. */
export const sendSign = (token, kind, address) =>
  token && post("signals", { token, kind, address, page: pageAddress() });

/** `pairs` of target and substitute; `term` is how long they last and since when; `off` the paths without any. */
export const saveLeases = (token, visit, pairs, { lasts, since }, off) =>
  token && store(leaseName, JSON.stringify([token, visit, pairs, lasts, since, off]));
