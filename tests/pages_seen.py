"""What is asked of a page in a browser: contrast, names for what is not text, headings, and room on a telephone."""

CONTRAST = r"""
(() => {
  const parse = (text) => {
    const found = text.match(/rgba?\(([^)]*)\)/);
    if (!found) return null;
    const v = found[1].split(/[ ,/]+/).map(Number);
    return { r: v[0], g: v[1], b: v[2], a: v.length > 3 ? v[3] : 1 };
  };
  const over = (top, under) => ({
    r: top.r * top.a + under.r * (1 - top.a), g: top.g * top.a + under.g * (1 - top.a),
    b: top.b * top.a + under.b * (1 - top.a), a: 1 });
  const light = (c) => {
    const f = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(c.r) + 0.7152 * f(c.g) + 0.0722 * f(c.b);
  };
  const ratio = (a, b) => {
    const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
    return (x + 0.05) / (y + 0.05);
  };
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const ground = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c && c.a > 0) { layers.push(c); if (c.a === 1) break; }
    }
    let under = { r: 255, g: 255, b: 255, a: 1 };
    if (!layers.length && dark && getComputedStyle(document.documentElement).colorScheme.includes("dark"))
      under = { r: 18, g: 18, b: 18, a: 1 };
    for (const layer of layers.reverse()) under = over(layer, under);
    return under;
  };
  const bad = new Map();
  let count = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.textContent.trim();
    const e = walker.currentNode.parentElement;
    if (!text || !e || !e.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    if (["SCRIPT", "STYLE", "NOSCRIPT", "TITLE"].includes(e.tagName.toUpperCase())) continue;
    const style = getComputedStyle(e);
    if (style.clipPath !== "none" || e.closest("annotation")) continue;
    const under = ground(e);
    const colour = over(parse(style.color) || { r: 0, g: 0, b: 0, a: 1 }, under);
    const size = parseFloat(style.fontSize), heavy = parseInt(style.fontWeight) >= 700;
    const wanted = size >= 24 || (size >= 18.66 && heavy) ? 3 : 4.5;
    const found = ratio(colour, under);
    count += 1;
    if (found < wanted) {
      const key = style.color + " on " + JSON.stringify(under);
      const words = `${e.tagName} ${e.className} "${text.slice(0, 40)}" ${key}`;
      if (!bad.has(key)) bad.set(key, `${found.toFixed(2)} < ${wanted}: ${words}`);
    }
  }
  return { count, bad: [...bad.values()] };
})()
"""
"""Texts of a page, and those whose contrast is below AA: 4.5 to 1, 3 to 1 where they are large."""

LINES = r"""
(() => {
  const f = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const [r, g, b] = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
    probe.remove();
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b);
  };
  const under = light("paper");
  return Object.fromEntries(["ink", "optimum", "run", "floor", "quiet"].map((name) => {
    const [x, y] = [light(name), under].sort((p, q) => q - p);
    return [name, (x + 0.05) / (y + 0.05)];
  }));
})()
"""
"""Contrast of the colours of lines that say something against the paper."""

STRUCTURE = r"""
(() => {
  const all = (query) => [...document.querySelectorAll(query)];
  const levels = all("h1, h2, h3, h4, h5, h6").map((h) => +h.tagName[1]);
  const skipped = levels.filter((level, k) => level > (k ? levels[k - 1] : 0) + 1);
  const named = (e) => e.getAttribute("aria-label") || e.getAttribute("alt") || e.getAttribute("aria-labelledby");
  return {
    lang: document.documentElement.lang, title: document.title, first: levels[0], tops: levels.filter((l) => l === 1).length,
    skipped, figures: all("figure").length,
    nameless: all("img, [role=img]").filter((e) => !named(e)).map((e) => e.outerHTML.slice(0, 80)),
    headless: all("table").filter((t) => !t.querySelector("th")).map((t) => t.textContent.slice(0, 80)),
    wide: document.documentElement.scrollWidth - window.innerWidth,
    twice: all("[id]").map((e) => e.id).filter((id, k, ids) => ids.indexOf(id) !== k),
  };
})()
"""
"""Language, title, order of headings, what has no name, tables without heads, and pixels beyond the window."""
