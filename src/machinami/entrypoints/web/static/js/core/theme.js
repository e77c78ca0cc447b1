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

/** Whether the reader asked for less motion. */
export const stillness = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
