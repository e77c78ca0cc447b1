/** Sign-in and first set-up: one plain form each. */
import { html } from "lit";
import { send } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { language, switchLanguage, t } from "../core/i18n.js";
import "../core/theme.js";
import { markReady } from "../core/start.js";
import "../shell/toasts.js";

/** @typedef {{name: string, type: string, autocomplete: string, help?: string, minlength?: number}} Field */

export class MnEntry extends MnElement {
  static properties = { problem: { state: true }, busy: { state: true }, shown: { state: true } };

  constructor() {
    super();
    /** What the form is for: the key of its texts. */
    this.purpose = "login";
    this.path = "/auth/login";
    /** @type {Field[]} */
    this.fields = [];
    /** @type {() => void} */
    this.done = () => undefined;
    /** @type {any} */
    this.problem = null;
    this.busy = false;
    /** Whether the password can be read. */
    this.shown = false;
  }

  firstUpdated() {
    /** @type {HTMLInputElement | null} */ (this.querySelector("input"))?.focus();
    markReady();
  }

  /** @param {SubmitEvent} event */
  async submit(event) {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    this.busy = true;
    this.problem = null;
    try {
      await send(this.path, Object.fromEntries(new FormData(form)));
      this.done();
    } catch (problem) {
      this.problem = problem;
    } finally {
      this.busy = false;
    }
  }

  /** @param {Field} field */
  field(field) {
    const label = t(`entry.${field.name}`);
    return html`<label class="field"><span>${label}</span><input name=${field.name} type=${field.type === "password" && this.shown ? "text" : field.type} autocomplete=${/** @type {any} */ (field.autocomplete)} minlength=${field.minlength ?? 1} required aria-describedby=${field.help ? `help-${field.name}` : ""} />${field.help ? html`<small class="muted" id="help-${field.name}">${t(field.help)}</small>` : ""}</label>${field.type === "password" ? html`<label class="check"><input type="checkbox" .checked=${this.shown} @change=${(/** @type {any} */ event) => (this.shown = event.target.checked)} /><span>${t("entry.password.show")}</span></label>` : ""}`;
  }

  render() {
    const other = language() === "ja" ? "en" : "ja";
    return html`<div class="entry"><div class="card">
      <p class="entry-brand"><img src="/favicon.ico" alt="" width="40" height="40" /><b>${t("product")}</b><button class="icon-button lang-switch" lang=${other} @click=${() => switchLanguage(other)}>${other === "en" ? "EN" : "日本語"}<span class="visually-hidden">: ${t("language.switch")}</span></button></p>
      <h1>${t(`page.${this.purpose}`)}</h1><p class="muted">${t(`entry.${this.purpose}.text`)}</p>
      <form @submit=${this.submit}>
        ${this.fields.map((field) => this.field(field))}
        ${this.problem ? html`<div class="notice notice-error" role="alert"><b>${this.problem.message}</b><br />${this.problem.remedy}</div>` : ""}
        <button class="button primary wide" ?disabled=${this.busy}>${t(`entry.${this.purpose}.go`)}</button>
      </form></div></div>`;
  }
}
customElements.define("mn-entry", MnEntry);

/** @param {Partial<MnEntry>} settings */
export function show(settings) {
  const island = Object.assign(document.createElement("mn-entry"), settings);
  /** @type {HTMLElement} */ (document.getElementById("main")).replaceChildren(island);
}
