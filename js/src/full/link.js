/**
 * The visit carried to the site's other hosts: `wf_link=VISIT~VISITOR~TIME`, the time in seconds since 1970 in base 36.
 *
 * It is put on a link only while it is being used, or while the browser makes its menu for it ("open in a new tab"), and
 * is good for two minutes, which bounds what a copied address could carry. A form gets it with its data, which
 * `form.submit()` asks for too, though it tells of no submission. A fresh one is taken unless this host has heard from its own visit later than the link was made: the visit that the
 * visitor is acting in goes on. It leaves the address bar before the page is told of.
 */
import { options } from "../page.js";
import { listen, quietly } from "../quiet.js";
import { keep, leaseName, recall, stored, visitName, visitorName } from "../storage.js";

const GOOD_FOR = 120; // seconds
const NAME = options.linkParameter || "wf_link";

const seconds = () => Math.floor(Date.now() / 1000);
const isWithin = (host, domain) => ("." + host).endsWith("." + domain);

/** The visit and the visitor that the page's address carries, if they are fresh; removed from it in any case. */
export const takeLink = quietly(() => {
  const url = new URL(location);
  const text = url.searchParams.get(NAME);
  if (text === null) return;
  // cut out by hand: the other parameters stay as they are spelt
  const rest = url.search.slice(1).split("&").filter((pair) => pair.split("=")[0] !== NAME).join("&");
  history.replaceState(history.state, "", url.pathname + (rest && "?" + rest) + url.hash);
  const [visit, visitor, time] = text.split("~");
  const made = parseInt(time, 36);
  const age = seconds() - made;
  if (!visit || !visitor || !(age >= -GOOD_FOR && age <= GOOD_FOR)) return;
  const since = quietly(() => JSON.parse(stored(leaseName))[4])() || 0;
  if (recall(visitName) && since > (made + 1) * 1000) return;
  return [visit, visitor];
});

/** The widest domain whose cookies this page may write: its hosts share the visit already. */
const ownDomain = quietly(() => {
  const labels = location.hostname.split(".");
  for (let at = labels.length - 1; at >= 0; at--) {
    const domain = labels.slice(at).join(".");
    document.cookie = `${visitName}_probe=1;path=/;domain=${domain}`;
    const works = document.cookie.includes(visitName + "_probe=");
    document.cookie = `${visitName}_probe=;path=/;max-age=0;domain=${domain}`;
    if (works) return domain;
  }
});

let own;

const leadsAway = (url, hosts) =>
  /^https?:$/.test(url.protocol) &&
  url.hostname !== location.hostname &&
  hosts.some((host) => isWithin(url.hostname, host.split(":")[0])) &&
  !isWithin(url.hostname, (own ||= ownDomain() || location.hostname));

/** Carries the visit of `api` along links and forms that lead to another of its `hosts`. */
export function carryVisit(api) {
  const value = () => [recall(visitName), recall(visitorName), seconds().toString(36)].join("~");
  const canCarry = () => api.hosts && recall(visitName) && recall(visitorName);

  const carryLink = (event) => {
    const link = event.composedPath().find((node) => node.matches?.("a[href],area[href]"));
    if (!link || !canCarry() || (event.button > 1 && event.type !== "contextmenu")) return;
    const url = new URL(link.href);
    if (!leadsAway(url, api.hosts)) return;
    const before = link.getAttribute("href");
    url.search += (url.search ? "&" : "?") + NAME + "=" + encodeURIComponent(value());
    link.setAttribute("href", url.href);
    setTimeout(() => link.getAttribute("href") === url.href && link.setAttribute("href", before));
  };
  listen("click", carryLink);
  listen("auxclick", carryLink);
  listen("contextmenu", carryLink);

  let submitter; // the button of the submission under way
  listen("submit", (event) => {
    submitter = event.submitter;
    setTimeout(() => (submitter = undefined));
  });
  listen("formdata", ({ target, formData }) => {
    const told = (name) => submitter?.getAttribute("form" + name) ?? target.getAttribute(name) ?? "";
    if (!canCarry() || !/^(get)?$/i.test(told("method"))) return;
    if (leadsAway(new URL(told("action"), document.baseURI), api.hosts)) formData.set(NAME, value());
  });
}

/** Keeps what `takeLink` found. */
export function keepLink([visit, visitor]) {
  keep(visitName, visit);
  keep(visitorName, visitor);
}
