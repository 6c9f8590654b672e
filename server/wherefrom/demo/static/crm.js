"use strict";
// Asks once a second; the list is short and the CRM is on the same machine.
const list = document.getElementById("received");
const empty = document.getElementById("empty");
const count = document.getElementById("count");
let newest = "";

function row(one) {
  const item = document.createElement("li");
  const head = document.createElement("p");
  const deal = document.createElement("strong");
  deal.textContent = one.deal;
  const time = document.createElement("time");
  time.dateTime = one.at;
  time.textContent = new Date(one.at).toLocaleTimeString();
  head.append(deal, " ", time);
  const body = document.createElement("pre");
  body.textContent = JSON.stringify(one.body, null, 2);
  item.append(head, body);
  return item;
}

async function look() {
  try {
    const all = await (await fetch("/received.json")).json();
    const first = all.length ? all[0].id + all[0].at : "";
    if (first !== newest) {
      newest = first;
      list.replaceChildren(...all.map(row));
    }
    empty.hidden = all.length > 0;
    count.textContent = all.length === 1 ? "1 delivery" : `${all.length} deliveries`;
  } catch {
    count.textContent = "the demo has stopped";
  }
  setTimeout(look, 1000);
}
look();
