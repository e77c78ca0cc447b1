/** `<mn-import>`: drop a spreadsheet, try it or take it in, and be told row by row what was found. */
import { html } from "lit";
import { get, request } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { moment, number, whole } from "../core/format.js";
import { both, t } from "../core/i18n.js";
import { icon } from "../core/icons.js";
import { city } from "../core/session.js";
import { markReady, probe, start } from "../core/start.js";
import { toastProblem } from "../shell/toasts.js";
import { stateOf } from "./state.js";
import "./mn-run.js";

const ACCEPTED = ".xlsx,.xlsm,.xls,.ods,.csv,.tsv,.txt";

/** @typedef {{id: string, type: string, name_ja: string, name_en: string}} Model
 *  @typedef {{run: string, state: string, started_at: string, names: string[], files?: any[], dry_run?: boolean, findings_count?: Record<string, number>}} Past */

export class MnImport extends MnElement {
  static properties = { files: { state: true }, models: { state: true }, past: { state: true }, run: { state: true }, over: { state: true }, sending: { state: true }, dry: { state: true }, edition: { state: true }, model: { state: true } };

  constructor() {
    super();
    /** @type {File[]} */
    this.files = [];
    /** @type {Model[]} */
    this.models = [];
    /** @type {Past[]} */
    this.past = [];
    this.run = start.run ?? "";
    this.over = false;
    this.sending = false;
    this.dry = true;
    /** Whether the files are the whole list anew: what is missing in them has ended. */
    this.edition = false;
    this.model = "";
    Object.defineProperty(probe, "run", { get: () => this.run, enumerable: true });
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(window, "popstate", () => (this.run = /^\/imports\/(.+)$/.exec(location.pathname)?.[1] ?? ""));
    for (const name of ["dragover", "drop"]) this.watch(window, name, (event) => event.preventDefault());
    void this.load();
  }

  async load() {
    const [models, past] = await Promise.allSettled([get("/api/models"), get("/api/imports")]);
    if (models.status === "fulfilled") this.models = models.value.models;
    else toastProblem(models.reason);
    if (past.status === "fulfilled") this.past = past.value.runs;
    await this.updateComplete;
    if (!this.run) markReady();
  }

  /** @param {FileList | null | undefined} list */
  add(list) {
    const names = new Set(this.files.map((file) => file.name));
    this.files = [...this.files, ...[...(list ?? [])].filter((file) => !names.has(file.name))];
  }

  /** @param {boolean} dry */
  async send(dry) {
    const body = new FormData();
    for (const file of this.files) body.append("file", file, file.name);
    body.append("dry_run", String(dry));
    body.append("new_edition", String(this.edition));
    if (this.model) body.append("model", this.model);
    this.sending = true;
    try {
      body.append("city", (await city()).code);
      const answer = await request("/api/imports", { method: "POST", body });
      this.run = answer.run;
      history.pushState(null, "", `/imports/${encodeURIComponent(answer.run)}`);
    } catch (problem) {
      toastProblem(problem);
    } finally {
      this.sending = false;
    }
  }

  again() {
    this.run = "";
    history.pushState(null, "", "/import");
    void this.load();
  }

  drop() {
    return html`<div class="drop ${this.over ? "over" : ""}" @dragover=${() => (this.over = true)} @dragleave=${() => (this.over = false)}
        @drop=${(/** @type {DragEvent} */ event) => { event.preventDefault(); this.over = false; this.add(event.dataTransfer?.files); }}>
      ${icon("import")}
      <p><b>${t("import.drop")}</b></p>
      <label class="button"><span>${t("import.choose")}</span><input class="visually-hidden" type="file" multiple accept=${ACCEPTED} @change=${(/** @type {any} */ event) => { this.add(event.target.files); event.target.value = ""; }} /></label>
      <p class="muted">${t("import.kinds")}</p>
    </div>`;
  }

  form() {
    return html`<form class="card import-form" @submit=${(/** @type {Event} */ event) => { event.preventDefault(); void this.send(this.dry); }}>
      ${this.drop()}
      ${this.files.length ? html`<ul class="file-list" aria-label=${t("import.files")}>${this.files.map((file) => html`<li>${icon("file")}<span lang="ja">${file.name}</span><small class="muted num">${number(Math.ceil(file.size / 1024))} KB</small><button type="button" class="icon-button" aria-label=${t("import.remove", { name: file.name })} @click=${() => (this.files = this.files.filter((other) => other !== file))}>${icon("close")}</button></li>`)}</ul>` : ""}
      <div class="import-options">
        <label class="field"><span>${t("import.model")}</span><select @change=${(/** @type {any} */ event) => (this.model = event.target.value)}><option value="">${t("import.model.auto")}</option>${this.models.map((row) => html`<option value=${row.id}>${both(row, "name") || row.id}</option>`)}</select></label>
        <label class="check"><input type="checkbox" role="switch" .checked=${this.dry} @change=${(/** @type {any} */ event) => (this.dry = event.target.checked)} /><span><b>${t("import.dry")}</b><br /><small class="muted">${t("import.dry.text")}</small></span></label>
        <label class="check"><input type="checkbox" role="switch" .checked=${this.edition} @change=${(/** @type {any} */ event) => (this.edition = event.target.checked)} /><span><b>${t("import.edition")}</b><br /><small class="muted">${t("import.edition.text")}</small></span></label>
      </div>
      <p class="actions"><button class="button primary" ?disabled=${!this.files.length || this.sending}>${icon(this.dry ? "search" : "import")}${t(this.sending ? "import.sending" : this.dry ? "import.start.dry" : "import.start")}</button></p>
    </form>`;
  }

  /** The files of a run in a few words. @param {Past} row */
  what(row) {
    const [first, ...more] = row.names ?? [];
    if (!first) return row.run;
    return html`<span lang="ja">${first}</span>${more.length ? ` ${t("import.past.more", { n: whole(more.length) })}` : ""}`;
  }

  render() {
    if (this.run) return html`<div class="page"><mn-run .run=${this.run} .repeat=${this.files.length ? () => this.send(false) : null} .again=${() => this.again()}></mn-run></div>`;
    return html`<div class="page narrow"><header class="page-head"><h1>${t("page.import")}</h1><p class="muted">${t("import.intro")}</p></header>
      ${this.form()}
      ${this.past.length ? html`<section class="card"><h2>${t("import.past")}</h2><ul class="past">${this.past.slice(0, 20).map((row) => html`<li><a href="/imports/${encodeURIComponent(row.run)}" title=${row.names?.join("\n") ?? ""}>${this.what(row)}</a><span class="tag">${t(`run.${stateOf(row)}`)}</span><span class="muted num nowrap">${moment(row.started_at)}</span></li>`)}</ul></section>` : ""}
    </div>`;
  }
}
customElements.define("mn-import", MnImport);
