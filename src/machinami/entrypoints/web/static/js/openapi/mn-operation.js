/** `<mn-operation>`: one operation of the API with a form to try it. */
import { html } from "lit";
import { live } from "lit/directives/live.js";
import { MnElement } from "../core/element.js";
import { language, t } from "../core/i18n.js";
import { address, ask } from "./request.js";

/** @typedef {import("./request.js").Parameter} Parameter */

export class MnOperation extends MnElement {
  static properties = { operation: { attribute: false }, values: { state: true }, type: { state: true }, body: { state: true }, answer: { state: true }, asking: { state: true }, problem: { state: true } };

  constructor() {
    super();
    /** @type {import("./request.js").Operation | null} */
    this.operation = null;
    /** @type {Record<string, string>} */
    this.values = {};
    this.type = "";
    /** @type {string | null} */
    this.body = null;
    /** @type {import("./request.js").Answer | null} */
    this.answer = null;
    this.asking = false;
    /** @type {any} */
    this.problem = null;
  }

  /** @param {SubmitEvent} event */
  async send(event) {
    event.preventDefault();
    const operation = /** @type {import("./request.js").Operation} */ (this.operation);
    this.asking = true;
    this.problem = this.answer = null;
    try {
      this.answer = await ask(operation, this.values, this.type || (operation.body?.types[0] ?? ""), this.body ?? operation.body?.example ?? "");
    } catch (problem) {
      this.problem = problem;
    }
    this.asking = false;
  }

  /** @param {Parameter} row */
  field(row) {
    const key = `${row.in}.${row.name}`;
    const fill = (/** @type {any} */ event) => (this.values = { ...this.values, [key]: event.target.value });
    const value = this.values[key] ?? "";
    return html`<label class="field"><span><b class="id">${row.name}</b> <small class="muted">${t(`openapi.in.${row.in}`)}</small></span>
      ${row.schema.enum ? html`<select @change=${fill}><option value="">–</option>${row.schema.enum.map((one) => html`<option ?selected=${one === value}>${one}</option>`)}</select>` : html`<input .value=${live(value)} ?required=${row.required ?? false} inputmode=${row.schema.type === "integer" ? "numeric" : "text"} spellcheck="false" @input=${fill} />`}
      ${row.description ? html`<small class="muted">${language() === "ja" ? row["x-ja"] : row.description}</small>` : ""}</label>`;
  }

  content() {
    const body = this.operation?.body;
    if (!body) return "";
    return html`<label class="field"><span>${t("openapi.type")}</span><select @change=${(/** @type {any} */ event) => (this.type = event.target.value)}>${body.types.map((one) => html`<option>${one}</option>`)}</select></label>
      <label class="field"><span>${t("openapi.body")}</span><textarea class="id" rows="10" spellcheck="false" .value=${live(this.body ?? body.example)} @input=${(/** @type {any} */ event) => (this.body = event.target.value)}></textarea></label>`;
  }

  result() {
    if (this.problem) return html`<p class="notice notice-error" role="alert">${this.problem.message}</p>`;
    if (!this.answer) return "";
    return html`<div class="try-answer" role="status"><p class="notice ${this.answer.ok ? "notice-ok" : "notice-error"}"><b>${this.answer.status}</b> <span class="muted num">${t("openapi.ms", { ms: this.answer.ms })}</span></p>
      <details><summary>${t("openapi.headers")}</summary><pre tabindex="0">${this.answer.headers}</pre></details>
      ${this.answer.body ? html`<pre tabindex="0" aria-label=${t("openapi.answer")}>${this.answer.body}</pre>` : html`<p class="muted">${t("openapi.nobody")}</p>`}</div>`;
  }

  render() {
    const operation = this.operation;
    if (!operation) return "";
    return html`<p lang="en">${operation.text}</p>
      <form @submit=${this.send}>
        <div class="try-fields">${operation.parameters.map((row) => this.field(row))}</div>
        ${this.content()}
        <p class="id try-address">${operation.method} ${address(operation, this.values)}</p>
        <p class="actions"><button class="button primary" ?disabled=${this.asking}>${t("openapi.send")}</button>${operation.method === "GET" ? "" : html`<span class="muted">${t("openapi.writes")}</span>`}</p>
      </form>${this.result()}`;
  }
}
customElements.define("mn-operation", MnOperation);
