/**
 * The way to the collector. Never throws, never waits for long, sends no credentials with what it asks.
 *
 * Bodies are JSON sent as `text/plain`: a request across origins then needs no preflight.
 */
import { element, options } from "./page.js";

const TIMEOUT = 5000;

/** `visits` and `signals` lie in `v1/` beside the script, or in `data-collector`, or where their own attribute says. */
const endpoint = (name) =>
  new URL(options[name] || name, new URL((options.collector || "v1") + "/", element.src || location));

/** What the collector answers, true when that is nothing; undefined or false when it did not, or not in time. */
export async function post(name, body) {
  try {
    const answer = await fetch(endpoint(name), {
      method: "POST",
      body: JSON.stringify(body),
      credentials: "omit",
      signal: AbortSignal.timeout?.(TIMEOUT),
      keepalive: body.kind, // a signal is sent even while the page goes away
    });
    return answer.ok && (answer.status === 204 || (await answer.json()));
  } catch (error) {
    // the real addresses stay
  }
}
