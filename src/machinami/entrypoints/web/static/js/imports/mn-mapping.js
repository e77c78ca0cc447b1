/** What each column of a sheet means: shown, corrected and kept for the next import of the same headings. */
import { html } from "lit";
import { send } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { t } from "../core/i18n.js";
import { attributeLabel, loadNames, nameChanges } from "../core/names.js";
import { toast, toastProblem } from "../shell/toasts.js";

/** @typedef {{heading: string, use: "item" | "extra" | "row_number" | "ignore", attribute: string}} Column
 *  @typedef {{machinamiMapping: number, fingerprint: string, publication: string, model: string, key: string[], columns: Column[]}} Mapping */

const USES = /** @type {const} */ (["item", "extra", "row_number", "ignore"]);

let count = 0;

export class MnMapping extends MnElement {
  static properties = { mapping: { attribute: false }, columns: { state: true } };

  constructor() {
    super();
    count += 1;
    /** Prefix of the ids by which fields are labelled. */
    this.key = `mapping-${count}`;
    /** @type {Mapping | null} */
    this.mapping = null;
    /** @type {Column[]} */
    this.columns = [];
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(nameChanges, "change");
    void loadNames();
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("mapping")) this.columns = (this.mapping?.columns ?? []).map((column) => ({ ...column }));
  }

  /** @param {number} index @param {Partial<Column>} change */
  change(index, change) {
    this.columns = this.columns.map((column, place) => (place === index ? { ...column, ...change } : column));
  }

  async save() {
    if (!this.mapping) return;
    try {
      await send(`/api/mappings/${encodeURIComponent(this.mapping.fingerprint)}`, { ...this.mapping, columns: this.columns }, "PUT");
      toast(t("mapping.saved"));
    } catch (problem) {
      toastProblem(problem);
    }
  }

  /** @param {Column} column @param {number} index */
  row(column, index) {
    const heading = column.heading || t("mapping.noheading", { n: index + 1 });
    const named = column.use === "item" || column.use === "extra";
    return html`<tr><th scope="row" lang="ja" id="${this.key}-${index}">${heading}</th>
      <td><select aria-labelledby="${this.key}-${index} ${this.key}-use" @change=${(/** @type {any} */ event) => this.change(index, { use: event.target.value })}>${USES.map((use) => html`<option value=${use} ?selected=${use === column.use}>${t(`mapping.use.${use}`)}</option>`)}</select></td>
      <td><input aria-labelledby="${this.key}-${index} ${this.key}-attribute" .value=${column.attribute} ?disabled=${!named} @input=${(/** @type {any} */ event) => this.change(index, { attribute: event.target.value.trim() })} /> <span class="muted">${named && attributeLabel(column.attribute) !== column.attribute ? attributeLabel(column.attribute) : ""}</span></td></tr>`;
  }

  render() {
    return html`<details class="mapping"><summary>${t("mapping.title", { n: this.columns.length })}</summary>
      <p class="muted">${t("mapping.text")}</p>
      <div class="table-scroll" tabindex="0" role="region" aria-label=${t("mapping.title", { n: this.columns.length })}><table class="table compact"><thead><tr><th scope="col">${t("mapping.heading")}</th><th scope="col" id="${this.key}-use">${t("mapping.use")}</th><th scope="col" id="${this.key}-attribute">${t("mapping.attribute")}</th></tr></thead>
        <tbody>${this.columns.map((column, index) => this.row(column, index))}</tbody></table></div>
      <p class="actions"><button class="button" @click=${() => this.save()}>${t("mapping.save")}</button></p></details>`;
  }
}
customElements.define("mn-mapping", MnMapping);
