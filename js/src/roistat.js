/**
 * Roistat's names, so that a site's pages need no edit: `window.roistat`, its callbacks, cookies and `.roistat-promo`
 * elements. Builds on `window.wherefrom` alone, and works before it and after it.
 *
 * A visit is not bound to by its bare number, which anybody could guess: `setVisit` takes the visit's token (what the
 * cookie `wf_visit` holds on the other site) for that. A number is only shown, and kept as the parameter `roistat_visit`.
 */
const COOKIES = ["roistat_visit", "roistat_first_visit", "roistat_marker"];
const AGE = 99999999; // seconds; browsers keep none longer than 400 days
const EMPTY = { addresses: {}, refresh() {} };

const script = document.querySelector("script[data-site]");
const options = script ? script.dataset : {};
const listeners = [];
let wherefrom;
let number; // set by the page, shown instead of ours

const email = () => wherefrom?.email || EMPTY;
const visit = () => number || wherefrom?.visit || undefined;

/** Calls what the page has under `name`, in a turn of its own: its exception is the page's. */
const call = (listener, ...values) => Promise.resolve().then(() => listener?.(...values));

/** The same at once, so that what the page says there holds from the start. */
function callNow(listener) {
  try {
    listener?.();
  } catch (error) {
    setTimeout(() => {
      throw error;
    });
  }
}

/** Writes a cookie on the broadest domain the browser allows; "" removes it. */
function bake(name, value) {
  const text = encodeURIComponent(value || "");
  const labels = location.hostname.split(".");
  const secure = location.protocol.replace("https:", "secure"); // ";http:" means nothing
  for (let at = labels.length - 1; at >= -1; at--) {
    if (text && document.cookie.split("; ").includes(name + "=" + text)) return;
    const domain = at < 0 ? "" : labels.slice(at).join(".");
    document.cookie = `${name}=${text};path=/;max-age=${text ? AGE : 0};samesite=lax;${secure};domain=${domain}`;
  }
}

function publish() {
  try {
    const known = wherefrom.visit && wherefrom.firstVisit; // a source has no first visit, and nothing is kept of it
    const values = known ? [visit(), wherefrom.firstVisit, wherefrom.marker] : [];
    COOKIES.forEach((name, index) => bake(name, values[index]));
  } catch (error) {
    // without cookies the page still has its numbers
  }
  document.querySelectorAll(".roistat-promo").forEach((element) => {
    if (visit() && element.textContent !== visit()) element.textContent = visit();
  });
}

const roistat = (window.roistat = {
  get visit() {
    return visit();
  },
  getVisit: visit,
  getSource: () => wherefrom?.marker,
  get geo() {
    const { city, country, region } = wherefrom?.geo || {};
    return { city, country, region };
  },
  setVisit(id) {
    if (/^\d*$/.test(id)) {
      number = String(id);
      wherefrom?.setParams({ roistat_visit: number });
    } else {
      const name = options.visitCookie || "wf_visit";
      bake(name, id);
      try {
        localStorage[name] = id;
      } catch (error) {
        // the cookie is enough
      }
      email().refresh();
    }
    if (wherefrom?.visit) publish();
  },
  setRoistatParams(...values) {
    const named = values[0] && typeof values[0] === "object" ? values[0] : Object.assign({}, [, ...values]);
    const params = {};
    for (const [name, value] of Object.entries(named)) {
      const digits = /^(?:roistat_param)?_?(\d{1,2})$/.exec(name)?.[1];
      if (digits > 0 && digits <= 50 && value !== undefined && value !== null) params[+digits] = value;
    }
    early ? Object.assign(early, params) : wherefrom.setParams(params);
  },
  registerOnVisitProcessedCallback(listener) {
    if (wherefrom?.visit) call(listener, visit());
    else listeners.push(listener);
  },
  emailtracking: {
    get enabled() {
      return wherefrom ? email().enabled : off !== false;
    },
    set enabled(on) {
      if (wherefrom) email().enabled = on;
      else off = on;
    },
    get loaded() {
      return !!email().loaded;
    },
    get email() {
      return email().address;
    },
    get trackingEmail() {
      return email().substitute;
    },
    get emails() {
      return email().addresses;
    },
    refresh: () => email().refresh(),
  },
});

let off; // what the page said before there was anything to switch
let early = {}; // parameters from that time

function attach(found) {
  if (wherefrom) return;
  wherefrom = found;
  if (off === false) email().enabled = false;
  if (Object.keys(early).length) wherefrom.setParams(early);
  early = undefined;
  callNow(window.onRoistatModuleLoaded);
  let told;
  wherefrom.on("visit", () => {
    publish();
    if (!visit()) return;
    call(window.roistatVisitCallback, visit());
    listeners.splice(0).forEach((listener) => call(listener, visit()));
  });
  wherefrom.on("consent", publish);
  wherefrom.onReady(() => {
    if (told) return;
    told = true;
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", publish);
    call(window.onRoistatAllModulesLoaded);
  });
}

if (window.wherefrom?.on) attach(window.wherefrom);
else {
  const own = window.onWherefromLoaded;
  window.onWherefromLoaded = (found) => {
    attach(found);
    return own?.(found);
  };
}

export { roistat };
