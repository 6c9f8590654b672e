/**
 * Addresses that are spelt for people only: `sales [at] company (dot) com`. Swapped where the owner asks for it with
 * `data-spelt`: words for `@`, a semicolon, words for the dot; empty: `at;dot`. Always in brackets of some kind: without
 * them "meet me at company" would be an address.
 */
import { options } from "../page.js";

const escape = (words) => words.trim().replace(/[^\w,À-￿]/g, "\\$&").replace(/,/g, "|");
const bracketed = (words) => `\\s*[([{<]\\s*(?:${escape(words)})\\s*[)\\]}>]\\s*`;
const [at, dot = "dot"] = (options.spelt || "at;dot").split(";");
const DOT = `(?:\\.|${bracketed(dot)})`;

export const SPELT =
  options.spelt === undefined
    ? undefined
    : RegExp(`([\\w.+-]{1,64})(${bracketed(at)})((?:[\\p{L}\\p{N}-]+${DOT})+\\p{L}{2,})`, "giu");

/** `text` with every spelt address replaced that `find` (key → address or undefined) knows, spelt the same way. */
export const swapSpelt = (text, find) =>
  text.replace(SPELT, (address, local, sign, host) => {
    const plain = host.replace(RegExp(DOT, "giu"), ".").toLowerCase();
    const found = find(local.toLowerCase() + "@" + plain);
    if (!found) return address;
    const [name, home] = found.split("@");
    const spelling = host.match(RegExp(DOT, "iu"))[0];
    const dressed = name + sign + (home === plain ? host : home.replace(/\./g, () => spelling));
    return address === address.toUpperCase() ? dressed.toUpperCase() : dressed;
  });
