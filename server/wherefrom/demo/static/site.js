"use strict";
// The shop's own script: the guide bar, and a letter form in place of a mail program.
const guide = document.getElementById("guide");
const dialog = document.getElementById("letter");
const form = dialog.querySelector("form");
const fields = form.elements;
const sent = document.getElementById("sent");
const shown = document.getElementById("visit");

const forget = (name) => { document.cookie = `${name}=; path=/; max-age=0`; };

guide.elements.city.addEventListener("change", (event) => {
  document.cookie = `demo_city=${event.target.value}; path=/; SameSite=Lax`;
  comeAnew("");
});
guide.elements.arrival.addEventListener("change", (event) => {
  if (event.target.value) location.href = `${location.pathname}?${event.target.value}`;
});
guide.elements.fresh.addEventListener("click", () => comeAnew(location.search));

function comeAnew(query) {
  for (const name of ["wf_visit", "wf_visitor"]) {
    forget(name);
    localStorage.removeItem(name);
  }
  location.href = location.pathname + query;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest('a[href^="mailto:"]');
  if (!link) return;
  event.preventDefault();
  const [to, query = ""] = link.getAttribute("href").slice(7).split("?");
  const given = new URLSearchParams(query);
  fields.to.value = decodeURIComponent(to);
  if (given.get("subject")) fields.subject.value = given.get("subject");
  if (given.get("body")) fields.text.value = given.get("body");
  form.querySelector(".error").textContent = "";
  dialog.showModal();
  fields.text.focus();
});

form.addEventListener("submit", async (event) => {
  if (event.submitter && event.submitter.value === "cancel") return;
  event.preventDefault();
  const error = form.querySelector(".error");
  const letter = {
    to: fields.to.value, sender: fields.sender.value, subject: fields.subject.value,
    text: fields.text.value, attach: fields.attach.checked,
  };
  try {
    const answer = await fetch("/letters", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(letter),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    dialog.close();
    sent.textContent = `Sent to ${told.sent}. Look at the CRM and the console: it is there within a second.`;
    sent.hidden = false;
    setTimeout(() => { sent.hidden = true; }, 8000);
  } catch (fault) {
    error.textContent = `Not sent: ${fault.message}`;
  }
});

const tell = () => {
  const wherefrom = window.wherefrom;
  shown.textContent = wherefrom && wherefrom.visit ? `visit ${wherefrom.visit}` : "…";
};
setInterval(tell, 500);
tell();
