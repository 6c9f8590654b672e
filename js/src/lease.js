/**
 * Which substitute stands for which target here, and until when. Keys are lower case, as they are asked for.
 *
 * All leases are held equally long, and one heartbeat renews them all: they have one end, that of the oldest. The
 * clock is the wall's, so that the time a machine slept counts.
 */
/** target → substitute */
export const held = new Map();

/** substitute → target: every one ever shown on this page, since copies of it may still be about. */
const shown = new Map();

/** Milliseconds: how long they last, since when; without an answer that says so, there is no end. */
export const term = {};

export const substituteOf = (target) => held.get(target);
export const targetOf = (substitute) => shown.get(substitute);

/** Holds a substitute for `lasts` milliseconds from `now`. */
export function holdLease(target, substitute, lasts, now) {
  if (FULL) shown.set(substitute.toLowerCase(), target);
  if (!held.size) term.since = now;
  term.lasts = lasts;
  held.set(target, substitute);
}
