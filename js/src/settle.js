/**
 * When the page may be written to: when it has loaded, since frameworks that hydrate compare it with what the server
 * sent; after PATIENCE at the latest. A core leaves that to its helper.
 */
import { listen } from "./quiet.js";

const PATIENCE = 3000;

export const isLoaded = () => document.readyState === "complete";

/** Calls when the page has loaded, and again when that took too long. */
export function whenLoaded(action) {
  listen("load", action);
  if (FULL) setTimeout(action, PATIENCE);
}
