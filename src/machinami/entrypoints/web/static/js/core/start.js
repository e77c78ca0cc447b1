/**
 * Start data of the page: what the server put into the page's JSON block.
 * @typedef {{page: string, static: {own: string, vendor: string}, locale: Record<string, string>, worker: string,
 *   base: {land: string, lines: string, labels: string}, id?: string, run?: string, path?: string}} Start
 */
const block = /** @type {HTMLElement} */ (document.getElementById("mn-start"));

/** @type {Start} */
export const start = JSON.parse(block.textContent ?? "{}");

/** Whether `window.__machinami` is offered: in test runs and with `?debug`. */
export const debugging = navigator.webdriver || new URLSearchParams(location.search).has("debug");

/** What tests may read about the page; every island adds its own getters. @type {Record<string, any>} */
export const probe = {};
if (debugging) Object.assign(window, { __machinami: probe });

/**
 * Tell tests and people that the first data is drawn (console.md 9).
 * @param {string} [value] `list` when the list view stands in for the map
 */
export function markReady(value = "yes") {
  document.documentElement.dataset.ready = value;
}
