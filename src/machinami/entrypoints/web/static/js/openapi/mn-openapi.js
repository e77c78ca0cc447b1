/** `<mn-openapi>`: the APIs as the server describes them, by area, each operation to be tried on the spot. */
import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { get } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { whole } from "../core/format.js";
import { known, t } from "../core/i18n.js";
import { markReady, probe } from "../core/start.js";
import { broken, empty, waiting } from "../shell/empty.js";
import "./mn-operation.js";
import { operations } from "./request.js";

/** @typedef {import("./request.js").Operation} Operation */

export class MnOpenapi extends MnElement {
  static properties = { all: { state: true }, about: { state: true }, words: { state: true }, opened: { state: true }, problem: { state: true } };

  constructor() {
    super();
    /** @type {Operation[] | null} */
    this.all = null;
    /** @type {Record<string, string>} */
    this.about = {};
    this.words = "";
    /** @type {Set<string>} */
    this.opened = new Set();
    /** @type {any} */
    this.problem = null;
    Object.defineProperty(probe, "operations", { get: () => this.all?.length ?? 0, enumerable: true, configurable: true });
  }

  connectedCallback() {
    super.connectedCallback();
    void this.load();
  }

  async load() {
    this.problem = null;
    try {
      const description = await get("/openapi.json");
      this.all = operations(description);
      this.about = Object.fromEntries(description.tags.map((/** @type {any} */ row) => [row.name, row.description]));
      await this.updateComplete;
      markReady();
    } catch (problem) {
      this.problem = problem;
      markReady("problem");
    }
  }

  shown() {
    const words = this.words.trim().toLowerCase().split(/\s+/).filter(Boolean);
    return (this.all ?? []).filter((one) => words.every((word) => `${one.method} ${one.path} ${one.text}`.toLowerCase().includes(word)));
  }

  /** @param {Operation} one */
  operation(one) {
    const key = `${one.method} ${one.path}`;
    const toggle = (/** @type {any} */ event) => {
      if (event.target.open && !this.opened.has(key)) this.opened = new Set([...this.opened, key]);
    };
    return html`<li><details class="try" @toggle=${toggle}><summary><b class="try-method try-${one.method.toLowerCase()}">${one.method}</b><span class="id">${one.path.split(/(?=\/)/).map((part) => html`<wbr />${part}`)}</span>${one.clauses.length ? html`<small class="muted num">${one.clauses.join(" · ")}</small>` : ""}</summary>
      ${this.opened.has(key) ? html`<mn-operation .operation=${one}></mn-operation>` : ""}</details></li>`;
  }

  /** @param {string} tag @param {Operation[]} rows */
  area(tag, rows) {
    return html`<section class="card"><h2>${known(`openapi.area.${tag}`, tag)}</h2><p class="muted" lang="en">${this.about[tag]}</p><ul class="try-list">${repeat(rows, (one) => `${one.method} ${one.path}`, (one) => this.operation(one))}</ul></section>`;
  }

  render() {
    if (this.problem) return broken(this.problem, () => void this.load());
    if (!this.all) return waiting();
    const shown = this.shown();
    const tags = [...new Set(shown.map((one) => one.tag))];
    return html`<div class="page"><header class="page-head"><p class="crumbs"><a href="/data">${t("page.data")}</a></p><h1>${t("page.openapi")}</h1><p class="muted">${t("openapi.intro", { n: whole(this.all.length) })}</p>
        <p class="page-tools"><label class="field-inline"><span>${t("openapi.filter")}</span><input type="search" .value=${this.words} @input=${(/** @type {any} */ event) => (this.words = event.target.value)} /></label><span class="muted num">${t("list.count", { n: whole(shown.length) })}</span><a class="button" href="/openapi.json">openapi.json</a></p></header>
      ${tags.length ? repeat(tags, (tag) => tag, (tag) => this.area(tag, shown.filter((one) => one.tag === tag))) : empty("search", t("list.nothing"), t("list.nothing.text"), { label: t("list.nothing.action"), act: () => (this.words = "") })}</div>`;
  }
}
customElements.define("mn-openapi", MnOpenapi);
