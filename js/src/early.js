/**
 * Clicks on a mail link while an answer is under way and the helper is not there yet, or cannot be had: held until the
 * answer has come, a second at most, and then made again.
 */
import { api } from "./api.js";
import { isAwaited } from "./visit.js";

export const holdEarly = (event) => {
  let looks = 20;
  const look = () =>
    looks-- && isAwaited() ? setTimeout(look, 50) : event.target.dispatchEvent(new MouseEvent("click", event));
  if (event.isTrusted && api.core && isAwaited() && event.target.closest("[href^=mailto]")) {
    event.preventDefault();
    event.stopImmediatePropagation();
    look();
  }
};
