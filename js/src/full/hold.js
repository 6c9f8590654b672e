/**
 * Clicks and copies that wait for an answer. What a visitor clicks or copies while it is being asked for is held and
 * then performed with the substitute: for LIMIT at most, then as it is. After a hold in vain nothing is held until the
 * collector has answered.
 *
 *   click, middle click, Enter ─▶ stopped before the page hears of it ─▶ the same event again, on what stands there now
 *   copy                       ─▶ after the page has had its say      ─▶ completed late, as text and as HTML
 *
 * The page's listeners hear of one click; it is not `isTrusted`. The browser's own menu on a link ("copy address",
 * "open") cannot be held: nothing says what was chosen in it.
 */
import { swapText } from "../address.js";
import { MAILTO, swapMailto } from "../mailto.js";
import { isOff } from "../place.js";
import { listen, quietly } from "../quiet.js";
import { addressesAt, addressesOf, linkAt, watchTouch } from "./touch.js";

const LIMIT = 1000; // milliseconds
const LOOK = 10;

/**
 * `isOn()`: are addresses swapped here at all? `isDrawn()`: may the page be written to? `awaits(target)`: true-ish while
 * an answer is under way, 0 when it was asked for in vain. `report(kind, substitute)` says that one was copied.
 */
export function watchHolds(api, { isOn, isDrawn, awaits, report }) {
  let inVain; // the last hold

  const find = (target) => isOn() && api.email.addresses[target];

  const ask = (targets) => {
    if (!isOn()) return;
    targets.forEach(api.email.add);
    if (targets.some((target) => awaits(target) === 0)) api.setParams({}); // sends
  };

  /** Asks, and says whether there is something to wait for. */
  const mustWait = (targets) => {
    ask(targets);
    return !inVain && isOn() && targets.some(awaits);
  };

  const hold = (targets) =>
    new Promise((done) => {
      const end = performance.now() + LIMIT;
      const look = () => {
        inVain = performance.now() > end;
        if (!inVain && targets.some(awaits)) setTimeout(look, LOOK);
        else done();
      };
      look();
    });

  watchTouch(ask);
  watchClicks({ find, mustWait, hold });
  watchCopies({ find, isDrawn, mustWait, hold, report });
  api.on("email", () => (inVain = false));
}

function watchClicks({ find, mustWait, hold }) {
  let performed; // the event that is performed again

  function perform(event, place, link) {
    const href = link?.getAttribute("href");
    const swapped = link && !isOff(link) ? swapMailto(href, find) : href;
    performed = new event.constructor(event.type, event);
    if (swapped !== href) link.setAttribute("href", swapped); // before the page may be drawn
    const goesOn = (place.isConnected || !link ? place : link).dispatchEvent(performed);
    // browsers act upon a middle click of a hand alone
    if (goesOn && link && event.type === "auxclick") openApart(swapped);
    if (swapped !== href && link.getAttribute("href") === swapped) link.setAttribute("href", href);
  }

  const holdClick = (event) => {
    if (event === performed || event.defaultPrevented || event.button > 1) return;
    const link = linkAt(event);
    const href = link?.getAttribute("href");
    if (link && !MAILTO.test(href)) return;
    const targets = addressesAt(event);
    const [place] = event.composedPath();
    const late = mustWait(targets);
    if (!late && !(link && targets[0] && swapMailto(href, find) !== href)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const again = quietly(() => perform(event, place, link));
    if (late) hold(targets).then(again);
    else again();
  };
  listen("click", holdClick);
  listen("auxclick", holdClick);
}

/** Opens a link as a middle click does; no listener of the page hears of it. */
function openApart(href) {
  const link = document.createElement("a");
  link.href = href;
  link.dispatchEvent(new MouseEvent("click", { ctrlKey: true, metaKey: true }));
}

/** What is selected, as HTML. */
function readMarkup(range) {
  const box = document.createElement("div");
  box.append(range.cloneContents());
  return new XMLSerializer().serializeToString(box);
}

/** What a copy would put on the clipboard: type → function that reads it. The page may have said so itself. */
function readersOf(event, selection, plain) {
  if (event.defaultPrevented) {
    const given = event.clipboardData;
    const html = given.getData("text/html");
    return { "text/plain": () => plain, ...(html && { "text/html": () => html }) };
  }
  const range = selection.getRangeAt(0);
  const isSame = () => selection.rangeCount && selection.getRangeAt(0) === range;
  return { "text/plain": () => (isSame() ? "" + selection : plain), "text/html": () => readMarkup(range) };
}

function watchCopies({ find, isDrawn, mustWait, hold, report }) {
  const swap = (text) => swapText(text, find);

  // not in the capture phase: the page has its say first
  addEventListener("copy", quietly((event) => {
    const given = event.clipboardData;
    const selection = getSelection();
    const [place] = event.composedPath();
    if (!selection.rangeCount || isOff(place) || /^(input|textarea)$/i.test(place.nodeName)) return;
    const plain = event.defaultPrevented ? given.getData("text/plain") : "" + selection;
    const targets = addressesOf(plain);
    const late = mustWait(targets) && navigator.userActivation?.isActive;
    if (!late && (isDrawn() || swap(plain) === plain)) return;

    const readers = readersOf(event, selection, plain);
    const types = Object.keys(readers);
    const before = types.map((type) => readers[type]());
    // what has been drawn meanwhile is right; what has not is swapped here
    const contents = (type, index) => {
      const now = readers[type]();
      return now === before[index] ? swap(now) : now;
    };
    const done = () => targets.forEach((target) => find(target) && report("copy", find(target)));
    event.preventDefault();
    if (late) {
      given.clearData();
      complete(types, contents, hold(targets), done);
    } else {
      types.forEach((type, index) => given.setData(type, contents(type, index)));
      done();
    }
  }));
}

/** Puts the contents on the clipboard once they are there; `done` is called unless another copy event tells of it. */
async function complete(types, contents, answered, done) {
  try {
    const item = {};
    types.forEach((type, index) => {
      item[type] = answered.then(() => new Blob([contents(type, index)], { type }));
    });
    await navigator.clipboard.write([new ClipboardItem(item)]);
    done();
  } catch (error) {
    await answered; // no secure context, or not allowed: as it was done before there was such a clipboard
    const give = quietly((event) => {
      event.preventDefault();
      event.stopImmediatePropagation();
      types.forEach((type, index) => event.clipboardData.setData(type, contents(type, index)));
    });
    const kinds = ["beforecopy", "copy"];
    kinds.forEach((kind) => addEventListener(kind, give, true));
    document.execCommand("copy");
    kinds.forEach((kind) => removeEventListener(kind, give, true));
  }
}
