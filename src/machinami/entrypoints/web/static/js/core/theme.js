/** Day and night from one set of tokens; without a choice the computer's own setting is followed. */

export const themeChanges = new EventTarget();
const dark = matchMedia("(prefers-color-scheme: dark)");

/** @returns {"day" | "night"} */
export function theme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "day" || chosen === "night") return chosen;
  return dark.matches ? "night" : "day";
}

function show() {
  document.documentElement.dataset.tone = theme();
  themeChanges.dispatchEvent(new Event("change"));
}

/** @param {"day" | "night"} name */
export function switchTheme(name) {
  document.documentElement.dataset.theme = name;
  document.cookie = `mn_theme=${name}; path=/; max-age=31536000; samesite=strict`;
  show();
}

dark.addEventListener("change", show);
show();

/** The value of a design token, e.g. `--map-sea`, in the theme of this moment. @param {string} name */
export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** How much larger than on a desk everything is drawn: 1, more on a wall (the root font size of tokens.css). */
export const scale = () => parseFloat(getComputedStyle(document.documentElement).fontSize) / 16;

/** A map size, or the outputs of an `interpolate` expression, times `scale()`. @param {any} size @returns {any} */
export const sized = (size) => (typeof size === "number" ? size * scale() : size.map((/** @type {any} */ part, /** @type {number} */ index) => (index >= 4 && index % 2 === 0 ? (Array.isArray(part) ? ["*", part, scale()] : part * scale()) : part)));

/** Whether the reader asked for less motion. */
export const stillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
