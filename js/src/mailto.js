/**
 * `mailto:` addresses (RFC 6068): recipients in the path and in `to`, `cc`, `bcc`. Subject and body are the site's
 * own words and stay. A list in which nothing is replaced stays as it was spelt, to the byte.
 */
import { swapText } from "./address.js";
import { unveilLink } from "./full/veiled.js";
import { quietly } from "./quiet.js";

/** What is no list of recipients: the scheme, subjects and bodies, names of fields. */
const BETWEEN = /(^\s*mailto:|[?&](?:subject|body)=[^&]*|[?&]\w+=)/i;

export const MAILTO = /^\s*mailto:/i;

const swapRecipients = quietly((list, find) => {
  const plain = decodeURIComponent(list); // throws where a stray % is no encoding
  const swapped = swapText(plain, find);
  // a bare `+` is read as a space by webmail that takes over mailto links
  return swapped === plain ? list : encodeURI(swapped).replace(/[+&]/g, encodeURIComponent);
});

/** `href` with every recipient replaced that `find` (key → address or undefined) knows; as it is when it is no mail. */
const swapPlain = (href, find) =>
  MAILTO.test(href)
    ? href
        .split(BETWEEN)
        .map((piece, index) => (index % 2 ? piece : swapRecipients(piece, find) || piece))
        .join("")
    : href;

/** As above, and in the full script links that Cloudflare has veiled. */
export const swapMailto = FULL
  ? (href, find) => {
      const plain = unveilLink(href);
      const swapped = swapPlain(plain, find);
      return swapped === plain ? href : swapped;
    }
  : swapPlain;
