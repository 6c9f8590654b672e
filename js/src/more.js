/** The way from the core to the full script. */
import { element, options } from "./page.js";

let module;

/**
 * Fetches the full script, once: beside the core unless the tag says where, and never without the integrity that a tag
 * demands. It runs by itself; the answer is undefined when it could not be had.
 */
export const fetchFull = () =>
  (module ||= import(element.integrity || options.full || element.src.replace(/(\.\w+)?(\?|$)/, "-full$&")).catch(
    () => {}, // the core goes on alone
  ));
