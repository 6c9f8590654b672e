/**
 * Which substitute stands for which target here, and until when. Keys are lower case, as they are asked for.
 *
 * All leases are held equally long, and one heartbeat renews them all: they have one end. The clock is the wall's, so
 * that the time a machine slept counts.
 */
/** target → substitute */
export const held = new Map();

/** substitute → target: every one ever shown on this page, since copies of it may still be about. */
const shown = new Map();

let lasts, until; // milliseconds; without an answer that says so, there is no end

export const substituteOf = (target) => held.get(target);
export const targetOf = (substitute) => shown.get(substitute);

export const renewLeases = (now) => (until = now + lasts);

/** Takes over the collector's word on the `asked` targets: what it does not lend is not shown any longer. */
export function takeLeases(asked, substitutes, now) {
  asked.forEach((target) => held.delete(target));
  for (const [target, { address, expires_in }] of Object.entries(substitutes)) {
    shown.set(address.toLowerCase(), target);
    held.set(target, address);
    lasts = expires_in * 1000;
    renewLeases(now);
  }
}

export const leasesHaveEnded = (now) => held.size && now > until;
