/**
 * The way to the collector. Never throws, never waits for long, sends no credentials with what it asks.
 *
 * Bodies are JSON sent as `text/plain`: a request across origins then needs no preflight.
 */
import { element, options } from "./page.js";

const TIMEOUT = 5000;

/** `name` is `visits` or `signals`. What the collector answers, true of a kind for a signal; undefined or false when it did not, or not in time. */
export const post = async (name, body) => {
  try {
    // in `v1/` beside the script, or in `data-collector`, or where their own attribute says
    const home = new URL((options.collector || "v1") + "/", element.src || location);
    const answer = await fetch(new URL(options[name] || name, home), {
      method: "POST",
      body: JSON.stringify({ site: options.site, ...body }),
      credentials: "omit",
      signal: AbortSignal.timeout?.(TIMEOUT),
      keepalive: FULL && body.kind, // a signal is sent even while the page goes away
    });
    return answer.ok && ((FULL && body.kind) || (await answer.json()));
  } catch (error) {
    // the real addresses stay
  }
}
