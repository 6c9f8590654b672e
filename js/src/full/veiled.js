/**
 * Addresses veiled by Cloudflare: `data-cfemail="HEX"` and `href="/cdn-cgi/l/email-protection#HEX"`. The first byte is
 * the key all others are XORed with. Cloudflare's own late script unveils them, unless a strict policy stops it.
 */
const LINK = "/cdn-cgi/l/email-protection#";

function unveil(hex) {
  const [key, ...bytes] = (hex.match(/../g) || []).map((byte) => parseInt(byte, 16));
  return String.fromCharCode(...bytes.map((byte) => byte ^ key));
}

/** The address behind a veiled text, "" when `element` veils none. */
export const veiledText = (element) => unveil(element?.dataset?.cfemail || "");

/** The `mailto:` behind a veiled link, `href` itself when it veils none. */
export const unveilLink = (href) => (href.includes(LINK) ? "mailto:" + unveil(href.split("#")[1]) : href);
