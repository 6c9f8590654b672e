/**
 * E-mail addresses in running text: where they begin and end, what they are compared by, in which dress a
 * substitute appears. Knows nothing of nodes or leases.
 *
 * Local parts are Latin: in scripts written without spaces (`请联系sales@company.com谢谢`) the address ends where the
 * Latin letters do. Hosts may be of any script (IDN); the last label is of one. The local part is bounded (RFC 5321:
 * 64 octets), so that a long run of letters costs linear time.
 *
 * In the full script, characters that nobody sees (soft hyphen, zero-width space) may stand anywhere in an address, and
 * so may the JOINT that stands for the border of two text nodes. A substitute has as many joints as what it replaces.
 */
import { SPELT, swapSpelt } from "./full/spelt.js";
import { quietly } from "./quiet.js";

export const JOINT = "\0";

const ADDRESS =
  /([\wÀ-ɏ][\wÀ-ɏ.+=&'-]{0,63})@((?:[\p{L}\p{M}\p{N}-]+\.)+(?:xn--[a-z\d-]+|[a-z]{2,}|[\p{L}\p{M}]{2,}))/giu;

const TORN =
  /([\wÀ-ɏ][\wÀ-ɏ.+=&'\0\p{Cf}-]{0,63})@((?:[\p{L}\p{M}\p{N}\0\p{Cf}-]+\.)+(?:xn--[a-z\d-]+|[a-z\0\p{Cf}]{2,}|[\p{L}\p{M}\0\p{Cf}]{2,}))/giu;

const HIDDEN = /[\0\p{Cf}]/gu;

const asciiHost = quietly((host) => new URL("http://" + host).hostname);

const inDress = (text, like) => (like === like.toUpperCase() ? text.toUpperCase() : text);

/**
 * `text` with every address replaced for which `find(key)` answers a substitute. The key is what addresses are
 * compared by: lower case, the host in ASCII, without what nobody sees. A substitute is dressed like what it
 * replaces: upper case for upper case, the same host as it was spelt.
 */
const swapWhole = (text, find) =>
  text.replace(ADDRESS, (address, local, host) => {
    const ascii = asciiHost(host) || host;
    const found = find((local + "@" + ascii).toLowerCase(), address);
    if (!found) return address;
    const dressed = found.replace("@" + ascii, "@" + host);
    return address === address.toUpperCase() ? dressed.toUpperCase() : dressed;
  });

/** `text` laid into the nodes that `torn` stands in: in the first that has letters of it. */
const lay = (text, torn) => {
  const [lead] = torn.match(/^\0*/);
  return lead + text + torn.slice(lead.length).replace(/[^\0]/g, "");
};

/** The same with what nobody sees in between; what is no target that way may still be one by itself. */
const swapTorn = (text, find) =>
  text.replace(TORN, (address, local, host) => {
    if (address.search(HIDDEN) < 0) return swapWhole(address, find);
    const ascii = asciiHost(host.replace(/\0/g, "")) || host;
    const found = find((local.replace(HIDDEN, "") + "@" + ascii).toLowerCase(), address);
    if (!found) return swapWhole(address, find);
    const [name, home] = found.split("@");
    return inDress(lay(name, local) + "@" + (home === ascii ? host : lay(home, host)), address);
  });

const swapPlain = FULL ? swapTorn : swapWhole;

/** As above, and in the full script the spelt ones too, where the owner asks for it. */
export const swapText =
  FULL && SPELT ? (text, find) => swapPlain(swapSpelt(text, find), find) : swapPlain;

/** Could there be an address in `text`? Quick, since every text of a page is asked. */
export const mayHold = (text) => FULL && SPELT ? /[@)\]}>]/.test(text) : text.includes("@");
