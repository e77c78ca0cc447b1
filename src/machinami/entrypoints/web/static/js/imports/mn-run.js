/** `<mn-run>`: one import run: progress, counts per sheet, mapping, findings. */
import { html } from "lit";
import { get } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { moment, whole } from "../core/format.js";
import { both, known, t } from "../core/i18n.js";
import { icon } from "../core/icons.js";
import { markReady, probe } from "../core/start.js";
import { live } from "../core/stream.js";
import { broken, waiting } from "../shell/empty.js";
import { isPartial, rejectedRows, stateOf, unreadFiles } from "./state.js";
import "./mn-findings.js";
import "./mn-mapping.js";

/** @typedef {{name: string, sheet: string, model: string, model_ja: string, model_en?: string, rows: number, created: number, updated: number,
 *    unchanged: number, withdrawn: number, rejected: number, merged?: number, mapping: any, problem?: any}} Sheet
 *  @typedef {{run: string, state: string, dry_run?: boolean, by?: string, started_at?: string, files: Sheet[], findings_count: Record<string, number>,
 *    findings: any[], problem: any}} Run */

const POLL_MS = 2000;
const COUNTS = /** @type {const} */ (["rows", "created", "updated", "unchanged", "withdrawn", "merged", "rejected"]);

export class MnRun extends MnElement {
  static properties = { run: { attribute: false }, repeat: { attribute: false }, again: { attribute: false }, data: { state: true }, progress: { state: true }, problem: { state: true } };

  constructor() {
    super();
    this.run = "";
    /** @type {(() => void) | null} the same files for real, while the page still has them */
    this.repeat = null;
    /** @type {() => void} */
    this.again = () => undefined;
    /** @type {Run | null} */
    this.data = null;
    /** @type {{done: number, total: number, phase: string} | null} */
    this.progress = null;
    /** @type {any} */
    this.problem = null;
    this.asked = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(live, "import", (event) => this.heard(event.detail));
    const timer = setInterval(() => this.data?.state === "running" && void this.load(), POLL_MS);
    this.endings.push(() => clearInterval(timer));
    Object.defineProperty(probe, "state", { get: () => this.data?.state ?? null, enumerable: true, configurable: true });
  }

  /** @param {{run: string, done: number, total: number, phase: string}} event */
  heard(event) {
    if (event.run !== this.run) return;
    this.progress = event;
    if (event.phase === "finished" || event.phase === "done") void this.load();
  }

  async load() {
    const { run } = this;
    try {
      const answer = await get(`/api/imports/${encodeURIComponent(run)}`);
      if (run !== this.run) return;
      this.data = answer;
      this.problem = null;
    } catch (problem) {
      this.problem = problem;
    }
    await this.updateComplete;
    if (this.data?.state !== "running") markReady();
  }

  updated() {
    if (this.run === this.asked) return;
    this.asked = this.run;
    this.data = this.progress = null;
    void this.load();
  }

  /** @param {Run} run */
  head(run) {
    const dry = run.state === "dry_run";
    const state = stateOf(run);
    return html`<header class="page-head"><p class="crumbs"><a href="/import" @click=${(/** @type {Event} */ event) => { event.preventDefault(); this.again(); }}>${t("page.import")}</a></p>
      <h1>${t(`run.title.${state}`)}</h1>
      <p class="muted">${run.by ? html`<span lang="ja">${run.by}</span> · ` : ""}${run.started_at ? moment(run.started_at) : ""}</p></header>
      ${run.state === "running" ? this.running() : ""}
      ${run.problem ? html`<div class="notice notice-error" role="alert"><b>${both(run.problem, "detail")}</b><br />${both(run.problem, "remedy")}</div>` : ""}
      ${dry ? html`<div class="notice"><p>${t("run.dry.text")}</p>${this.repeat ? html`<button class="button primary" @click=${() => this.repeat?.()}>${icon("import")}${t("run.dry.repeat")}</button>` : html`<button class="button" @click=${() => this.again()}>${t("run.dry.again")}</button>`}</div>` : ""}
      ${dry && isPartial(run) ? html`<div class="notice notice-error"><p>${this.lost(run)}</p></div>` : ""}
      ${state === "done" || state === "partly" ? html`<div class="notice ${state === "done" ? "notice-ok" : "notice-error"}"><p>${state === "done" ? t("run.done.text") : this.lost(run)}</p><a class="button primary" href="/">${icon("map")}${t("alarm.map")}</a> <button class="button" @click=${() => this.again()}>${t("run.another")}</button></div>` : ""}`;
  }

  /** What could not be taken in. @param {Run} run */
  lost(run) {
    const [files, rows] = [unreadFiles(run), rejectedRows(run)];
    return [files && t("run.lost.files", { n: whole(files) }), rows && t("run.lost.rows", { n: whole(rows) }), t("run.lost.why")].filter(Boolean).join(" ");
  }

  running() {
    const part = this.progress?.total ? this.progress.done / this.progress.total : undefined;
    return html`<div class="card" role="status"><p>${known(`run.phase.${this.progress?.phase}`, t("run.phase.reading"))}${this.progress?.total ? html` <span class="num">${whole(this.progress.done)} / ${whole(this.progress.total)}</span>` : ""}</p>
      ${part === undefined ? html`<progress aria-label=${t("run.progress")}></progress>` : html`<progress aria-label=${t("run.progress")} max="1" .value=${part}></progress>`}</div>`;
  }

  /** @param {Sheet} sheet */
  sheet(sheet) {
    return html`<section class="card sheet"><header><h2 lang="ja">${sheet.name}${sheet.sheet ? html` <small class="muted">${sheet.sheet}</small>` : ""}</h2><span class="tag">${both(sheet, "model") || sheet.model || t("run.model.none")}</span></header>
      ${sheet.problem ? html`<div class="notice notice-error"><b>${both(sheet.problem, "detail")}</b><br />${both(sheet.problem, "remedy")}</div>` : html`<dl class="counts">${COUNTS.filter((name) => sheet[name] !== undefined).map((name) => html`<div class=${name === "rejected" && sheet.rejected ? "bad" : ""}><dt>${t(`run.count.${name}`)}</dt><dd class="num">${whole(sheet[name] ?? 0)}</dd></div>`)}</dl>`}
      ${sheet.mapping ? html`<mn-mapping .mapping=${sheet.mapping}></mn-mapping>` : ""}</section>`;
  }

  /** Findings; "nothing to report" is said only of a run in which nothing went wrong. @param {Run} run */
  findings(run) {
    const some = Object.values(run.findings_count).some((count) => count > 0);
    const calm = (run.state === "done" || run.state === "dry_run") && !unreadFiles(run) && !rejectedRows(run);
    return some || calm ? html`<mn-findings .run=${run.run} .findings=${run.findings} .counts=${run.findings_count}></mn-findings>` : "";
  }

  render() {
    if (this.problem) return broken(this.problem, () => void this.load(), { label: t("run.all"), href: "/import" });
    if (!this.data) return waiting();
    const run = this.data;
    return html`${this.head(run)}
      ${run.files.map((sheet) => this.sheet(sheet))}
      ${this.findings(run)}`;
  }
}
customElements.define("mn-run", MnRun);
