/** `action` with its exceptions kept from the page: a site must never break because of its tracking. */
export const quietly =
  (action) =>
  (...values) => {
    try {
      return action(...values);
    } catch (error) {
      // the real addresses stay
    }
  };

/** Listens on the window, before the page's own listeners. */
export const listen = (type, listener) => addEventListener(type, quietly(listener), true);
