/** Short messages at the foot of the page; one of them may carry an action such as undo. */
import { html } from "lit";
import { MnElement } from "../core/element.js";
import { icon } from "../core/icons.js";
import { t } from "../core/i18n.js";

/** @typedef {{id: number, text: string, tone: "plain" | "error", action?: {label: string, act: () => void}, seconds: number}} Toast */

const toasts = new EventTarget();
/** @type {Toast[]} */
let shown = [];
let last = 0;

/** @param {number} id */
export function dismiss(id) {
  shown = shown.filter((toast) => toast.id !== id);
  toasts.dispatchEvent(new Event("change"));
}

/**
 * @param {string} text @param {Partial<Omit<Toast, "id" | "text">>} [options] `seconds` until it leaves by itself (default 6)
 * @returns {number} its id
 */
export function toast(text, options = {}) {
  last += 1;
  const id = last;
  const row = { tone: /** @type {const} */ ("plain"), seconds: 6, ...options, id, text };
  shown = [...shown.slice(-2), row];
  toasts.dispatchEvent(new Event("change"));
  setTimeout(() => dismiss(id), row.seconds * 1000);
  return id;
}

/** Show what went wrong and what to do about it. @param {any} problem */
export const toastProblem = (problem) =>
  toast([problem.message, problem.remedy].filter(Boolean).join(" "), { tone: "error", seconds: 10 });

export class MnToasts extends MnElement {
  connectedCallback() {
    super.connectedCallback();
    this.watch(toasts, "change");
  }

  render() {
    return html`<div class="toasts" role="status" aria-live="polite">
      ${shown.map(
        (row) => html`<div class="toast toast-${row.tone}">
          <span>${row.text}</span>
          ${row.action
            ? html`<button class="button quiet" @click=${() => (row.action?.act(), dismiss(row.id))}>${icon("undo")}${row.action.label}</button>`
            : ""}
          <button class="icon-button" aria-label=${t("action.dismiss")} @click=${() => dismiss(row.id)}>${icon("close")}</button>
        </div>`,
      )}
    </div>`;
  }
}
customElements.define("mn-toasts", MnToasts);
