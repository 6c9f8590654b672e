// What the pages do beyond links and forms. Everything works without it, only less comfortably.
// No inline handlers and no eval: the Content-Security-Policy allows neither.

"use strict";

const $ = (selector, root = document) => root.querySelector(selector);
const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

// The server writes times in the browser's zone, which it learns from this cookie.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const secure = location.protocol === "https:" ? "; secure" : "";
document.cookie = `wherefrom_zone=${zone}; path=/; max-age=31536000; samesite=lax${secure}`;

// ------------------------------------------------------------------------------------------------ keys

const rows = () => $$(".letters tbody tr");
const typing = (element) => element.closest("input, select, textarea, [contenteditable]") !== null;

function step(by) {
  const all = rows();
  if (!all.length) return;
  const here = all.findIndex((row) => row.contains(document.activeElement));
  const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + by, 0), all.length - 1);
  const link = $("a.subject", all[next]);
  link.focus({ preventScroll: true });
  all[next].scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape") {
    for (const open of $$("details.switch[open]")) {
      open.open = false;
      $("summary", open).focus();
    }
    if (event.target.id === "q") {
      event.preventDefault(); // browsers would empty the field; what was found is to be walked through
      event.target.blur();
    }
    return;
  }
  if (typing(event.target)) return;
  if (event.key === "/") {
    const search = $("#q");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  } else if (event.key === "j" || event.key === "k") {
    step(event.key === "j" ? 1 : -1);
  }
});

// ------------------------------------------------------------------------------------------------ mouse

document.addEventListener("click", (event) => {
  for (const open of $$("details.switch[open]")) if (!open.contains(event.target)) open.open = false;

  const copy = event.target.closest("[data-copy]");
  if (copy) {
    copyText($("pre", copy.parentElement).textContent).then((done) => {
      copy.textContent = done ? "Copied" : "Press Ctrl+C";
      announce(done ? "Copied" : "Could not copy");
      setTimeout(() => (copy.textContent = "Copy"), 2000);
    });
    return;
  }

  // A whole row leads to its letter, but its text can still be selected.
  const row = event.target.closest(".letters tbody tr");
  if (row && !event.target.closest("a, button") && getSelection().isCollapsed) {
    const link = $("a.subject", row);
    if (event.ctrlKey || event.metaKey) open(link.href, "_blank", "noopener");
    else link.click();
  }
});

// htmx asks before its own requests; a form that leads to a page is asked about here.
document.addEventListener("submit", (event) => {
  const words = event.target.getAttribute("hx-confirm");
  if (words && !event.target.hasAttribute("hx-post") && !confirm(words)) event.preventDefault();
});

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // no secure context, or the reader said no
  }
}

// ------------------------------------------------------------------------------------------------ filters

document.addEventListener("change", (event) => {
  const form = event.target.closest("#filters");
  if (form) {
    const { period, from, to } = form.elements;
    if (event.target === from || event.target === to) period.value = from.value || to.value ? "days" : "";
    else if (event.target === period && period.value !== "days") from.value = to.value = "";
    if (event.target === period && period.value === "days") {
      $("details", form).open = true;
      from.focus();
    }
    for (const field of form.elements) {
      if (field.name && field.id !== "q") field.classList.toggle("set", field.value !== "");
    }
  }
  if (event.target.matches("[data-strategy]")) showStrategy(event.target);
}, true);

// A form for a new address shows only the fields its kind of substitute has.
function showStrategy(select) {
  for (const part of $$("[data-for]", select.form)) part.hidden = part.dataset.for !== select.value;
}

// ------------------------------------------------------------------------------------------------ new letters

let shown = new Set();
const remember = () => (shown = new Set(rows().map((row) => row.dataset.id)));
const announce = (words) => ($("#announce").textContent = words);
const isPoll = (event) => event.detail.elt?.hasAttribute?.("data-poll");

function markFresh() {
  const fresh = rows().filter((row) => !shown.has(row.dataset.id));
  for (const row of fresh) row.classList.add("fresh");
  if (fresh.length) announce(fresh.length === 1 ? "One new letter" : `${fresh.length} new letters`);
  remember();
}

function say(words, lost) {
  const live = $("#live");
  if (!live) return;
  live.textContent = words;
  live.classList.toggle("lost", lost);
}

document.addEventListener("htmx:configRequest", (event) => {
  // An address carries only what is set.
  const { parameters, elt } = event.detail;
  if (elt.id === "filters") for (const name of Object.keys(parameters)) if (!parameters[name]) delete parameters[name];
});

document.addEventListener("htmx:beforeRequest", (event) => {
  if (isPoll(event) && document.hidden) event.preventDefault();
});

document.addEventListener("htmx:afterSwap", (event) => {
  const poll = event.detail.requestConfig?.elt?.hasAttribute("data-poll");
  if (poll) markFresh();
  else remember();
});

document.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.requestConfig?.elt?.hasAttribute("data-poll")) return;
  if (event.detail.successful) say("Live", false);
});
for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
  document.addEventListener(name, () => say("Connection lost, trying again", true));
}

document.addEventListener("DOMContentLoaded", () => {
  remember();
  for (const select of $$("[data-strategy]")) showStrategy(select);
});
