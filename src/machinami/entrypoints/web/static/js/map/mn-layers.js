/** The layer tree (M1): on/off, opacity, order, legend and counts, by domain. */
import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { styleMap } from "lit/directives/style-map.js";
import { MnElement } from "../core/element.js";
import { whole } from "../core/format.js";
import { both, t } from "../core/i18n.js";
import { icon } from "../core/icons.js";
import { markTag } from "../core/marks.js";

/** @typedef {import("./state.js").Layer} Layer */

export class MnLayers extends MnElement {
  static properties = { state: { attribute: false }, features: { attribute: false }, open: { state: true }, detail: { state: true } };

  constructor() {
    super();
    /** @type {import("./state.js").MapState} */
    this.state = /** @type {any} */ (null);
    /** @type {import("./features.js").Features} */
    this.features = /** @type {any} */ (null);
    this.open = matchMedia("(min-width: 900px)").matches;
    this.detail = "";
  }

  firstUpdated() {
    this.watch(this.state, "layers");
    this.watch(this.features, "loaded");
    this.watch(this.features, "changes");
  }

  /** @param {Layer} layer */
  count(layer) {
    return this.features.byLayer.get(layer.id)?.size ?? layer.count;
  }

  /** @param {Layer} layer */
  controls(layer) {
    const choice = this.state.choice(layer.id);
    const name = both(layer, "name");
    return html`<div class="layer-more" id="more-${layer.id}">
      <label><span>${t("layer.opacity")}</span><input type="range" min="0.1" max="1" step="0.1" .value=${String(choice.opacity)} aria-label=${t("layer.opacity.of", { name })}
          @input=${(/** @type {any} */ event) => this.state.fade(layer.id, Number(event.target.value))} ?disabled=${!choice.on} /></label>
      <span class="layer-order"><button class="icon-button" aria-label=${t("layer.up", { name })} title=${t("layer.up", { name })} ?disabled=${!choice.on} @click=${() => this.state.move(layer.id, -1)}>${icon("up")}</button>
        <button class="icon-button" aria-label=${t("layer.down", { name })} title=${t("layer.down", { name })} ?disabled=${!choice.on} @click=${() => this.state.move(layer.id, 1)}>${icon("down")}</button></span>
      <p class="muted">${t("layer.source")}: ${layer.credit_url ? html`<a href=${layer.credit_url} target="_blank" rel="noopener">${both(layer, "credit")}</a>` : both(layer, "credit")} ${layer.licence ?? ""}</p>
      <a href="/data?type=${encodeURIComponent(layer.type)}">${t("layer.table")}</a>
    </div>`;
  }

  /** @param {Layer} layer */
  row(layer) {
    const choice = this.state.choice(layer.id);
    const more = this.detail === layer.id;
    const problem = this.features.problems.get(layer.id);
    return html`<li class="layer ${choice.on ? "on" : ""}" data-layer=${layer.id}>
      <label class="layer-main">
        <input type="checkbox" role="switch" .checked=${choice.on} @change=${(/** @type {any} */ event) => this.state.switch(layer.id, event.target.checked)} />
        <span class="legend ${layer.live ? "legend-live" : ""}" style=${styleMap({ "--layer": layer.color })}>${icon(layer.icon)}</span>
        <span class="layer-name">${both(layer, "name")}${markTag(layer.label, both(layer, "name"))}</span>
        <span class="layer-count">${whole(this.count(layer))}</span>
      </label>
      <button class="icon-button" aria-expanded=${more} aria-controls="more-${layer.id}" aria-label=${t("layer.more", { name: both(layer, "name") })} @click=${() => (this.detail = more ? "" : layer.id)}>${icon(more ? "up" : "down")}</button>
      ${problem ? html`<p class="layer-problem" role="alert">${problem.message} <button class="button quiet" @click=${() => this.features.load(layer.id)}>${t("action.again")}</button></p>` : ""}
      ${more ? this.controls(layer) : ""}
    </li>`;
  }

  /** Layers of a domain in the order of the pile. @param {string} domain */
  of(domain) {
    return this.state.pile.flatMap((row) => this.state.layer(row.id) ?? []).filter((layer) => layer.domain === domain);
  }

  render() {
    if (!this.open) return html`<button class="button layers-open" aria-expanded="false" @click=${() => (this.open = true)}>${icon("layers")}${t("layers.title")}</button>`;
    return html`<aside class="panel layers" aria-label=${t("layers.title")}>
      <header><h2>${icon("layers")}${t("layers.title")}</h2><button class="icon-button" aria-label=${t("action.close")} @click=${() => (this.open = false)}>${icon("close")}</button></header>
      <div class="panel-body">
        ${this.state.domains.filter((domain) => this.of(domain.id).length).map((domain) => html`<details open><summary>${both(domain, "name")}<span class="muted">${t("layers.on", { on: this.of(domain.id).filter((row) => this.state.choice(row.id).on).length, all: this.of(domain.id).length })}</span></summary>
            <ul>${repeat(this.of(domain.id), (layer) => layer.id, (layer) => this.row(layer))}</ul></details>`)}
        ${this.state.layers.length ? "" : html`<p class="muted">${t("layers.none")}</p><a class="button" href="/import">${t("layers.none.action")}</a>`}
      </div>
    </aside>`;
  }
}
customElements.define("mn-layers", MnLayers);
