/**
 * The script's own element and the settings on it; the page it stands on.
 *
 * The element is found by its `data-site`: `document.currentScript` is null inside a module, and somebody else's
 * element inside a bundle.
 */
export const element = document.querySelector("script[data-site]");

/** The `data-…` attributes of the element: all strings, absent ones undefined. */
export const options = element?.dataset || {};

/** The address of the page as one page: a plain fragment is no other page, a routing one (`#/…`, `#!…`) is. */
export const pageAddress = () => location.href.replace(/#(?![!/]).*/, "");
