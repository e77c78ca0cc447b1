/** Choice of the base map: the bundled one, and online ones only where an administrator switched them on, and the town's own (M11). */
import { html } from "lit";
import { MnElement } from "../core/element.js";
import { both, t } from "../core/i18n.js";

export class MnBaseChoice extends MnElement {
  static properties = { state: { attribute: false }, basemaps: { attribute: false } };

  constructor() {
    super();
    /** @type {import("./state.js").MapState | null} */
    this.state = null;
    /** @type {import("../core/session.js").Basemap[]} */
    this.basemaps = [];
  }

  firstUpdated() {
    if (this.state) this.watch(this.state, "base");
  }

  render() {
    const rows = this.basemaps.length ? this.basemaps : [{ id: "bundled", kind: "bundled", name_ja: t("base.bundled"), name_en: t("base.bundled") }];
    return html`<label class="base-choice"><span>${t("base.choice")}</span>
      <select .value=${this.state?.base ?? "bundled"} @change=${(/** @type {any} */ event) => this.state?.useBase(event.target.value)}>
        ${rows.map((row) => html`<option value=${row.id} ?selected=${row.id === this.state?.base}>${both(row, "name") || row.id}</option>`)}
      </select></label>`;
  }
}
customElements.define("mn-base-choice", MnBaseChoice);
