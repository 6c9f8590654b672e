/**
 * Which addresses can be seen. One is asked for when it comes within half a window of the view, so that a pool lends
 * to readers and not to everybody who lands, and yet the swap is done before it is read. A substitute that really
 * came into view is reported, once.
 */
import { substituteOf } from "./lease.js";

/** `want(target)` asks for a substitute, `report(kind, substitute)` says that one was in view. */
export function watchExposure(want, report) {
  const places = new WeakMap(); // element → the targets in it
  const reported = new Set();

  function watcher(rootMargin, found) {
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          observer.unobserve(target);
          places.get(target).forEach(found);
        }
      },
      { rootMargin },
    );
    return observer;
  }

  const near = watcher("50%", want);

  const sight = watcher("0%", (target) => {
    const substitute = substituteOf(target);
    if (!substitute || reported.has(substitute)) return;
    reported.add(substitute);
    report("visible", substitute);
  });

  /** Takes note of a target in `element`, every time it is drawn. */
  return function note(target, element) {
    places.set(element, (places.get(element) || new Set()).add(target));
    (substituteOf(target) ? sight : near).observe(element);
  };
}
