/**
 * Which addresses can be seen. One is asked for when the element around it comes into view, by a pixel and not before,
 * so that a pool lends to readers and not to everybody who lands. A substitute that was in view is reported, once; for
 * the core its helper does that.
 */
import { substituteOf } from "./lease.js";

/**
 * `want(target)` asks for a substitute, `report(kind, substitute)` says that one was in view, `look(element)` draws
 * what is in an element again. Returns `note(target, element)`, to be called whenever a target is drawn.
 */
export function watchExposure(want, report, look) {
  const seen = new WeakSet(); // elements
  const reported = FULL && new Set([undefined]);

  const observer = new IntersectionObserver((entries) =>
    entries.forEach(({ isIntersecting, target }) => {
      if (!isIntersecting) return;
      seen.add(target);
      if (FULL) observer.unobserve(target);
      look(target);
    }),
  );

  return function note(target, element) {
    if (seen.has(element)) {
      want(target);
      const substitute = FULL && substituteOf(target);
      if (!FULL || reported.has(substitute)) return;
      reported.add(substitute);
      report("visible", substitute);
    } else observer.observe(element);
  };
}
