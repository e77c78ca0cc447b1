/** The map as a list (M14): the same features, filter and order, for keyboards, screen readers and machines without WebGL. */
import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { styleMap } from "lit/directives/style-map.js";
import { MnElement } from "../core/element.js";
import { age, number, whole } from "../core/format.js";
import { both, language, t } from "../core/i18n.js";
import { icon } from "../core/icons.js";
import { markTag } from "../core/marks.js";
import { severity } from "../core/severity.js";
import { markReady, probe } from "../core/start.js";
import { empty } from "../shell/empty.js";

const PAGE = 200;

/** @typedef {{layer: import("./state.js").Layer, feature: import("./features.js").Feature, alarms: number, worst: number, severity: string | null}} Row */

export class MnList extends MnElement {
  static properties = { state: { attribute: false }, features: { attribute: false }, fly: { attribute: false }, order: { state: true }, limit: { state: true } };

  constructor() {
    super();
    /** @type {import("./state.js").MapState} */
    this.state = /** @type {any} */ (null);
    /** @type {import("./features.js").Features} */
    this.features = /** @type {any} */ (null);
    /** @type {(place: any) => void} */
    this.fly = () => undefined;
    this.order = "urgency";
    this.limit = PAGE;
  }

  firstUpdated() {
    for (const name of ["layers", "filter", "selection"]) this.watch(this.state, name);
    this.watch(this.features, "loaded");
    this.watch(this.features, "changes");
    Object.defineProperty(probe, "listed", { get: () => this.rows().length, enumerable: true, configurable: true });
    void this.features.loadShown().then(() => this.updateComplete).then(() => markReady("list"));
  }

  /** @returns {Row[]} */
  rows() {
    const words = this.state.filter.trim().toLowerCase();
    const rows = this.state.shown().flatMap((layer) =>
      this.features.of(layer.id).map((feature) => ({ layer, feature, ...this.features.alarmState(feature.properties) })),
    );
    const kept = words ? rows.filter(({ feature }) => `${feature.properties.name} ${feature.properties.id}`.toLowerCase().includes(words)) : rows;
    const byName = (/** @type {Row} */ a, /** @type {Row} */ b) => String(a.feature.properties.name).localeCompare(String(b.feature.properties.name), language());
    if (this.order === "name") return kept.sort(byName);
    if (this.order === "layer") return kept;
    const far = new Map(kept.map((row) => [row, this.distance(row.feature)]));
    const nearer = (/** @type {Row} */ a, /** @type {Row} */ b) => (far.get(a) ?? 0) - (far.get(b) ?? 0);
    return kept.sort((a, b) => b.worst - a.worst || b.alarms - a.alarms || nearer(a, b));
  }

  /** How far something is from the middle of the map (or of the city), for comparing. @param {import("./features.js").Feature} feature */
  distance(feature) {
    const middle = this.state.camera ? [this.state.camera.lon, this.state.camera.lat] : this.state.home;
    let place = feature.geometry?.coordinates;
    while (Array.isArray(place?.[0])) place = place[0];
    if (!middle || !place) return Infinity;
    return Math.hypot((place[0] - middle[0]) * Math.cos((middle[1] * Math.PI) / 180), place[1] - middle[1]);
  }

  /** @param {Row} row */
  row({ layer, feature, alarms, severity: worst }) {
    const { id, name, value, unit, observed_at: observed, label } = feature.properties;
    const stale = this.features.isStale(layer, feature.properties);
    const chosen = this.state.selection?.id === id;
    return html`<tr class=${chosen ? "chosen" : ""}>
      <td><button class="link-button" aria-current=${chosen} @click=${() => this.choose(layer.id, feature)}><span class="legend ${layer.live ? "legend-live" : ""}" style=${styleMap({ "--layer": layer.color })}>${icon(layer.icon)}</span><span lang="ja">${name || id}</span></button></td>
      <td>${both(layer, "name")} ${markTag(label ?? layer.label, both(layer, "name"))}</td>
      <td class="num">${value === null || value === undefined ? "" : html`${number(value)} <small>${unit ?? ""}</small>`}</td>
      <td class="nowrap">${observed ? age(observed) : ""} ${stale ? html`<span class="tag tag-stale">${t("mark.stale")}</span>` : ""}</td>
      <td>${worst ? severity(worst) : ""} ${alarms ? t("list.alarms", { n: alarms }) : ""}</td>
    </tr>`;
  }

  /** @param {string} layer @param {import("./features.js").Feature} feature */
  choose(layer, feature) {
    this.state.select({ kind: "entity", layer, id: feature.properties.id });
    if (feature.geometry?.type === "Point") this.fly(feature.geometry.coordinates);
  }

  render() {
    const rows = this.rows();
    const heads = ["name", "layer", "value", "observed", "state"];
    return html`<section class="panel map-list" aria-label=${t("list.title")}>
      <header>
        <h2>${icon("list")}${t("list.title")}</h2>
        <label class="field-inline"><span>${t("list.filter")}</span><input type="search" .value=${this.state.filter} @input=${(/** @type {any} */ event) => this.state.search(event.target.value)} /></label>
        <label class="field-inline"><span>${t("list.order")}</span><select @change=${(/** @type {any} */ event) => (this.order = event.target.value)}>${["urgency", "layer", "name"].map((name) => html`<option value=${name} ?selected=${name === this.order}>${t(`list.order.${name}`)}</option>`)}</select></label>
        <p class="list-count" role="status">${t("list.count", { n: whole(rows.length) })}</p>
      </header>
      <div class="panel-body table-scroll" tabindex="0" role="region" aria-label=${t("list.title")}>
        ${rows.length
          ? html`<table class="table"><thead><tr>${heads.map((name) => html`<th scope="col">${t(`list.head.${name}`)}</th>`)}</tr></thead>
              <tbody>${repeat(rows.slice(0, this.limit), ({ layer, feature }) => `${layer.id}|${feature.properties.id}`, (row) => this.row(row))}</tbody></table>`
          : this.state.filter
            ? empty("search", t("list.nothing"), t("list.nothing.text"), { label: t("list.nothing.action"), act: () => this.state.search("") })
            : empty("layers", t("list.empty"), t("list.empty.text"))}
        ${rows.length > this.limit ? html`<button class="button" @click=${() => (this.limit += PAGE)}>${t("list.more", { n: whole(rows.length - this.limit) })}</button>` : ""}
      </div>
    </section>`;
  }
}
customElements.define("mn-list", MnList);
