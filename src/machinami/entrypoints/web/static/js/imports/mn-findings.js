/** Findings of a run: which row, what is wrong, what is proposed; by severity and by rule. */
import { html } from "lit";
import { MnElement } from "../core/element.js";
import { whole } from "../core/format.js";
import { both, language, t } from "../core/i18n.js";
import { icon } from "../core/icons.js";
import { mark } from "../core/severity.js";
import { empty } from "../shell/empty.js";

/** @typedef {{code: string, severity: "error" | "warning" | "info", file: string, sheet: string, row: number | null, column: string, value: any, proposal: any, text_ja: string, text_en: string}} Finding */

/** The console's five marks, for the three levels of findings. */
const MARKS = /** @type {Record<string, string>} */ ({ error: "major", warning: "warning", info: "info" });

export class MnFindings extends MnElement {
  static properties = { run: { attribute: false }, findings: { attribute: false }, counts: { attribute: false }, level: { state: true }, code: { state: true } };

  constructor() {
    super();
    this.run = "";
    /** @type {Finding[]} */
    this.findings = [];
    /** @type {Record<string, number>} */
    this.counts = {};
    this.level = "";
    this.code = "";
  }

  shown() {
    return this.findings.filter((row) => (!this.level || row.severity === this.level) && (!this.code || row.code === this.code));
  }

  table() {
    const rows = this.shown();
    return html`<div class="table-scroll" tabindex="0" role="region" aria-label=${t("findings.title")}><table class="table">
      <thead><tr>${["level", "place", "text", "value", "proposal"].map((name) => html`<th scope="col">${t(`findings.${name}`)}</th>`)}</tr></thead>
      <tbody>${rows.map((row) => html`<tr>
        <td><span class="severity">${mark(MARKS[row.severity])}<span>${t(`findings.level.${row.severity}`)}</span></span></td>
        <td><span lang="ja">${[row.file, row.sheet].filter(Boolean).join(" / ")}</span>${row.row === null || row.row === undefined ? "" : html`<br /><b class="num">${t("findings.row", { n: row.row })}</b>`} <span lang="ja">${row.column}</span></td>
        <td lang=${language()}>${both(row, "text")}<br /><small class="id muted">${row.code}</small></td>
        <td class="id" lang="ja">${row.value === null || row.value === undefined ? "" : String(row.value)}</td>
        <td class="id" lang="ja">${row.proposal === null || row.proposal === undefined ? "" : String(row.proposal)}</td></tr>`)}</tbody></table></div>`;
  }

  render() {
    const total = Object.values(this.counts).reduce((sum, count) => sum + count, 0);
    if (!total) return html`<section class="card">${empty("check", t("findings.none"), t("findings.none.text"))}</section>`;
    const codes = [...new Set(this.findings.map((row) => row.code))].sort();
    return html`<section class="card findings"><header class="findings-head"><h2>${t("findings.title")}</h2>
        <div class="chips" role="group" aria-label=${t("findings.level")}>${["error", "warning", "info"].map((level) => html`<button class="chip" aria-pressed=${this.level === level} @click=${() => (this.level = this.level === level ? "" : level)}>${mark(MARKS[level])}${t(`findings.level.${level}`)} <b class="num">${whole(this.counts[level] ?? 0)}</b></button>`)}</div>
        <label class="field-inline"><span>${t("findings.rule")}</span><select @change=${(/** @type {any} */ event) => (this.code = event.target.value)}><option value="">${t("findings.rule.all")}</option>${codes.map((code) => html`<option>${code}</option>`)}</select></label>
        <a class="button" href="/api/imports/${encodeURIComponent(this.run)}/findings.csv?lang=${language()}" download>${icon("download")}CSV</a></header>
      ${total > this.findings.length ? html`<p class="muted">${t("findings.first", { n: whole(this.findings.length), all: whole(total) })}</p>` : ""}
      ${this.table()}</section>`;
  }
}
customElements.define("mn-findings", MnFindings);
