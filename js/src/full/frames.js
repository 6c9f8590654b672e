/** Frames of the page's own origin, where the owner asks for it with `data-frames`. */
import { quietly } from "../quiet.js";

const known = new WeakSet();

/** `enter(document)` is called for the document in `frame`, now and whenever it loads another one. */
export const openFrame = /* @__PURE__ */ quietly((frame, enter) => {
  const open = quietly(() => frame.contentDocument && enter(frame.contentDocument));
  if (!known.has(frame)) frame.addEventListener("load", open);
  known.add(frame);
  open();
});
