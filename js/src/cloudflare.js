/**
 * Addresses veiled by Cloudflare: `data-cfemail="HEX"` and `href="/cdn-cgi/l/email-protection#HEX"`. The first byte is
 * the key all others are XORed with. Cloudflare's own late script unveils them, unless a strict CSP stops it.
 */
const LINK = "/cdn-cgi/l/email-protection#";

function unveil(hex) {
  const bytes = hex.match(/../g) || [];
  return bytes
    .slice(1)
    .map((byte) => String.fromCharCode(parseInt(byte, 16) ^ parseInt(bytes[0], 16)))
    .join("");
}

/** The address behind a veiled text, "" when `element` veils none. */
export const veiledText = (element) => unveil(element.getAttribute("data-cfemail") || "");

/** The `mailto:` behind a veiled link, "" when `href` veils none. */
export const veiledLink = (href) => (href.indexOf(LINK) < 0 ? "" : "mailto:" + unveil(href.split("#")[1]));
