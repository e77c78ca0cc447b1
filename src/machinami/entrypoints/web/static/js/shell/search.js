/** Search and go (M8): names, entity ids, coordinates; by keyboard alone. */
import { html } from "lit";
import { get } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { icon } from "../core/icons.js";
import { t } from "../core/i18n.js";
import { loadNames, nameChanges, typeLabel } from "../core/names.js";
import { start } from "../core/start.js";

/** @typedef {{kind: string, id?: string, name: string, type?: string, lat: number | null, lon: number | null}} Found */

/** Events `go` (CustomEvent with a Found): the map page listens; other pages open the map. */
export const searches = new EventTarget();
const WAIT_MS = 120;
const COORDINATES = /^\s*(-?\d{1,3}(?:\.\d+)?)\s*[,、\s]\s*(-?\d{1,3}(?:\.\d+)?)\s*$/;

/** Latitude and longitude in either order when only one order is possible. @param {string} text @returns {Found | null} */
export function readCoordinates(text) {
  const match = COORDINATES.exec(text);
  if (!match) return null;
  const [a, b] = [Number(match[1]), Number(match[2])];
  const [lat, lon] = Math.abs(a) > 90 ? [b, a] : [a, b];
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? { kind: "coordinate", name: `${lat}, ${lon}`, lat, lon } : null;
}

/** @param {Found} found */
export function go(found) {
  const placed = found.lat !== null && found.lon !== null;
  if (start.page === "map" && placed) {
    searches.dispatchEvent(new CustomEvent("go", { detail: found }));
  } else if (placed) {
    const select = found.id ? `&select=${encodeURIComponent(found.id)}` : "";
    location.assign(`/?at=${found.lat},${found.lon},15${select}`);
  } else if (found.id) {
    location.assign(`/entities/${found.id}`);
  }
}

export class MnSearch extends MnElement {
  static properties = { results: { state: true }, chosen: { state: true }, text: { state: true }, problem: { state: true } };

  constructor() {
    super();
    /** @type {Found[]} */
    this.results = [];
    this.chosen = 0;
    this.text = "";
    this.problem = "";
    this.timer = 0;
    this.answered = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(nameChanges, "change");
    void loadNames();
  }

  /** @returns {HTMLDialogElement} */
  get dialog() {
    return /** @type {HTMLDialogElement} */ (this.querySelector("dialog"));
  }

  open() {
    if (this.dialog.open) return;
    this.dialog.showModal();
    /** @type {HTMLInputElement} */ (this.querySelector("input")).select();
  }

  /** @param {string} text */
  type(text) {
    this.text = text;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(text), WAIT_MS);
  }

  /** @param {string} text */
  async ask(text) {
    const here = readCoordinates(text);
    this.problem = "";
    try {
      const answer = text.trim() ? await get(`/api/search?q=${encodeURIComponent(text.trim())}`) : { results: [] };
      if (text !== this.text) return;
      const rows = answer.results.filter((/** @type {Found} */ row) => !(here && row.kind === "coordinate"));
      this.results = here ? [here, ...rows] : rows;
    } catch (problem) {
      this.results = here ? [here] : [];
      this.problem = /** @type {Error} */ (problem).message;
    }
    this.chosen = 0;
    this.answered = text;
  }

  /** @param {Found | undefined} found */
  take(found) {
    if (!found) return;
    this.dialog.close();
    go(found);
  }

  /** @param {KeyboardEvent} event */
  async key(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key] ?? 0;
    if (step) {
      event.preventDefault();
      this.chosen = Math.max(0, Math.min(this.results.length - 1, this.chosen + step));
    }
    if (event.key === "Enter") {
      event.preventDefault();
      clearTimeout(this.timer);
      if (this.text !== this.answered) await this.ask(this.text);
      this.take(this.results[this.chosen]);
    }
  }

  updated() {
    this.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }

  render() {
    return html`<dialog class="search" aria-label=${t("search.open")} closedby="any">
      <div class="search-field">
        ${icon("search")}
        <input type="search" role="combobox" aria-expanded=${this.results.length > 0} aria-controls="search-results" aria-autocomplete="list"
          aria-activedescendant=${this.results.length ? `found-${this.chosen}` : ""} placeholder=${t("search.placeholder")} aria-label=${t("search.placeholder")}
          .value=${this.text} @input=${(/** @type {any} */ event) => this.type(event.target.value)} @keydown=${this.key} autocomplete="off" spellcheck="false" />
        <button class="icon-button" aria-label=${t("action.close")} @click=${() => this.dialog.close()}>${icon("close")}</button>
      </div>
      <ul id="search-results" role="listbox" aria-label=${t("search.results")}>
        ${this.results.map(
          (row, index) => html`<li role="option" id="found-${index}" aria-selected=${index === this.chosen} @click=${() => this.take(row)}>
            ${icon(row.kind === "coordinate" ? "locate" : row.kind === "place" ? "map" : "point")}
            <span lang="ja">${row.name}</span><small class="muted">${row.type ? typeLabel(row.type) : t(`search.kind.${row.kind}`)}</small>
          </li>`,
        )}
      </ul>
      <p class="muted search-hint" role="status">
        ${this.problem || (this.text.trim() && !this.results.length ? t("search.nothing") : t("search.hint"))}
      </p>
    </dialog>`;
  }
}
customElements.define("mn-search", MnSearch);

/** Open the search; it is put into the page on first use. */
export async function openSearch() {
  let element = /** @type {MnSearch | null} */ (document.querySelector("mn-search"));
  if (!element) {
    element = /** @type {MnSearch} */ (document.createElement("mn-search"));
    document.body.append(element);
  }
  await element.updateComplete;
  element.open();
}

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    void openSearch();
  }
});
