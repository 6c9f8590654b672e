/**
 * E-mail addresses in running text: where they begin and end, what they are compared by, in which dress a
 * substitute appears. Knows nothing of nodes or leases.
 *
 * Local parts are Latin: in scripts written without spaces (`请联系sales@company.com谢谢`) the address ends where the
 * Latin letters do. Hosts may be of any script (IDN); the last label is of one. The local part is bounded (RFC 5321:
 * 64 octets), so that a long run of letters costs linear time.
 */
import { quietly } from "./quiet.js";

const ADDRESS =
  /([\wÀ-ɏ][\wÀ-ɏ.+=&'-]{0,63})@((?:[\p{L}\p{M}\p{N}-]+\.)+(?:xn--[a-z\d-]+|[a-z]{2,}|[\p{L}\p{M}]{2,}))/giu;

const asciiHost = quietly((host) => new URL("http://" + host).hostname);

/**
 * `text` with every address replaced for which `find(key)` answers a substitute. The key is what addresses are
 * compared by: lower case, the host in ASCII. A substitute is dressed like what it replaces: upper case for upper
 * case, the same host as it was spelt.
 */
export const swapText = (text, find) =>
  text.replace(ADDRESS, (address, local, host) => {
    const ascii = asciiHost(host) || host;
    const found = find((local + "@" + ascii).toLowerCase());
    if (!found) return address;
    const dressed = found.replace("@" + ascii, "@" + host);
    return address === address.toUpperCase() ? dressed.toUpperCase() : dressed;
  });
