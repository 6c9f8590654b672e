// What keeps a page from being read by everybody, as an expression for `page.evaluate`: texts of less contrast than
// 4.5 : 1 (WCAG 1.4.3), controls without a name (4.1.2), ids used twice, and how much wider than the screen it is.
() => {
  const numbers = (text) => {
    const found = text.match(/[\d.]+/g).map(Number);
    return found.length < 4 ? [...found, 1] : found;
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const linear = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);

  function ground(element) {
    const layers = [];
    for (let one = element; one; one = one.parentElement) layers.push(numbers(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
  }

  function contrast(element) {
    const below = ground(element);
    const above = over(numbers(getComputedStyle(element).color), below);
    const [brighter, darker] = [luminance(above), luminance(below)].sort((x, y) => y - x);
    return (brighter + 0.05) / (darker + 0.05);
  }

  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const words = node.data.trim();
    if (!words || !element.checkVisibility() || element.closest(".hidden, .skip, datalist, option, noscript")) continue;
    if (contrast(element) < 4.5) weak.push(`${words.slice(0, 40)} has ${contrast(element).toFixed(2)}`);
  }

  const controls = "input:not([type=hidden]), select, textarea, button, a[href], iframe, meter, summary";
  const named = (one) => one.labels?.length || one.getAttribute("aria-label") || one.title || one.textContent.trim();
  const nameless = [...document.querySelectorAll(controls)]
    .filter((one) => one.checkVisibility() && !named(one))
    .map((one) => one.outerHTML.slice(0, 120));

  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  const twice = ids.filter((id, place) => ids.indexOf(id) !== place);
  const wider = Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth);
  return { weak, nameless, twice, wider };
}
