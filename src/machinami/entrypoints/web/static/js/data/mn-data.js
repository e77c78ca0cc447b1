/** `<mn-data>`: what kinds of data the city holds, and the things of one kind as a table. */
import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { get } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { age, whole } from "../core/format.js";
import { both, t } from "../core/i18n.js";
import { icon } from "../core/icons.js";
import { loadNames, nameChanges, typeLabel } from "../core/names.js";
import { markReady, probe } from "../core/start.js";
import { broken, empty, waiting } from "../shell/empty.js";

/** @typedef {{type: string, iri: string, count: number, name_ja: string, name_en: string}} Type
 *  @typedef {{id: string, name: string, type: string, lat: number | null, lon: number | null, modified_at: string, label: string | null}} Row */

const PAGE = 50;
const WAIT_MS = 200;

export class MnData extends MnElement {
  static properties = { types: { state: true }, type: { state: true }, rows: { state: true }, next: { state: true }, words: { state: true }, problem: { state: true } };

  constructor() {
    super();
    /** @type {Type[] | null} */
    this.types = null;
    this.type = new URLSearchParams(location.search).get("type") ?? "";
    /** @type {Row[] | null} */
    this.rows = null;
    /** @type {string | null} */
    this.next = null;
    this.words = "";
    /** @type {any} */
    this.problem = null;
    this.timer = 0;
    Object.defineProperty(probe, "listed", { get: () => this.rows?.length ?? 0, enumerable: true, configurable: true });
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(nameChanges, "change");
    this.watch(window, "popstate", () => this.open(new URLSearchParams(location.search).get("type") ?? "", false));
    void this.load();
  }

  async load() {
    this.problem = null;
    try {
      this.types = (await get("/api/types")).types.sort((/** @type {Type} */ a, /** @type {Type} */ b) => b.count - a.count);
      await Promise.all([this.ask(), loadNames()]);
      await this.updateComplete;
      markReady();
    } catch (problem) {
      this.problem = problem;
      markReady("problem");
    }
  }

  /** @param {string} [after] continue after this row */
  async ask(after = "") {
    if (!this.type) return;
    const query = new URLSearchParams({ type: this.type, limit: String(PAGE) });
    if (this.words.trim()) query.set("q", this.words.trim());
    if (after) query.set("after", after);
    const words = this.words;
    try {
      const answer = await get(`/api/entities?${query}`);
      if (words !== this.words) return;
      this.rows = after ? [...(this.rows ?? []), ...answer.rows] : answer.rows;
      this.next = answer.next;
      this.problem = null;
    } catch (problem) {
      this.problem = problem;
    }
  }

  /** @param {string} type @param {boolean} [note] write it into the address */
  open(type, note = true) {
    this.type = type;
    this.rows = this.next = null;
    this.words = "";
    if (note) history.pushState(null, "", type ? `/data?type=${encodeURIComponent(type)}` : "/data");
    void this.ask();
  }

  /** @param {string} words */
  search(words) {
    this.words = words;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.ask(), WAIT_MS);
  }

  /** @param {MouseEvent} event @param {string} type */
  follow(event, type) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.open(type);
  }

  catalogue() {
    const types = /** @type {Type[]} */ (this.types ?? []);
    if (!types.length) return empty("data", t("data.empty"), t("data.empty.text"), { label: t("layers.none.action"), href: "/import" });
    return html`<header class="page-head"><h1>${t("page.data")}</h1><p class="muted">${t("data.intro", { types: whole(types.length), all: whole(types.reduce((sum, row) => sum + row.count, 0)) })}</p><p class="page-tools"><a class="button" href="/openapi">${t("page.openapi")}</a></p></header>
      <ul class="tiles">${types.map((row) => html`<li><a class="tile" href="/data?type=${encodeURIComponent(row.type)}" @click=${(/** @type {MouseEvent} */ event) => this.follow(event, row.type)}><b>${typeLabel(row.type, both(row, "name"))}</b><span class="id muted">${row.type.split(/(?<=[a-z])(?=[A-Z])/).map((word) => html`${word}<wbr />`)}</span><strong class="num">${whole(row.count)}</strong></a></li>`)}</ul>`;
  }

  table() {
    const type = this.types?.find((row) => row.type === this.type || row.iri === this.type);
    return html`<header class="page-head"><p class="crumbs"><a href="/data" @click=${(/** @type {MouseEvent} */ event) => this.follow(event, "")}>${t("page.data")}</a></p>
        <h1>${type ? typeLabel(type.type, both(type, "name")) : typeLabel(this.type)}</h1>
        <p class="page-tools"><label class="field-inline"><span>${t("data.name")}</span><input type="search" .value=${this.words} @input=${(/** @type {any} */ event) => this.search(event.target.value)} /></label>
          <span class="muted num">${type ? t("list.count", { n: whole(type.count) }) : ""}</span><a class="button" href="/ngsi-ld/v1/entities?type=${encodeURIComponent(this.type)}&limit=100">NGSI-LD</a></p></header>
      ${this.rows === null ? waiting() : !this.rows.length ? empty("search", t("list.nothing"), t("list.nothing.text"), { label: t("list.nothing.action"), act: () => this.search("") }) : html`<div class="card table-scroll" tabindex="0" role="region" aria-label=${t("page.data")}><table class="table">
        <thead><tr><th scope="col">${t("list.head.name")}</th><th scope="col">ID</th><th scope="col" class="num">${t("entity.place")}</th><th scope="col">${t("entity.modified")}</th></tr></thead>
        <tbody>${repeat(this.rows, (row) => row.id, (row) => html`<tr><td><a href="/entities/${row.id}" lang="ja">${row.name || row.id}</a> ${row.label ? html`<span class="tag">${t(`mark.${row.label}`)}</span>` : ""}</td><td class="id">${row.id}</td>
          <td class="num">${row.lat === null ? html`<span class="muted">${t("data.noplace")}</span>` : html`<a href="/?at=${row.lat},${row.lon},16&select=${encodeURIComponent(row.id)}">${row.lat.toFixed(4)}, ${row.lon?.toFixed(4)}</a>`}</td><td class="num nowrap">${age(row.modified_at)}</td></tr>`)}</tbody></table></div>
        ${this.next ? html`<p><button class="button" @click=${() => this.ask(this.next ?? "")}>${icon("down")}${t("data.more")}</button></p>` : ""}`}`;
  }

  render() {
    if (this.problem) return broken(this.problem, () => void this.load());
    if (!this.types) return waiting();
    return html`<div class="page">${this.type ? this.table() : this.catalogue()}</div>`;
  }
}
customElements.define("mn-data", MnData);
