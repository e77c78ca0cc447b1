/** The right panel of the map: what is selected, or the open alarms. */
import { html } from "lit";
import { act, activeAlarms, alarm, alarmChanges, isFinished, openAlarms } from "../core/alarms.js";
import { get } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { age, fullMoment, number, position, unitSign } from "../core/format.js";
import { both, language, t } from "../core/i18n.js";
import { shortName } from "../core/names.js";
import { icon } from "../core/icons.js";
import { severity } from "../core/severity.js";
import { alarmRow, axes, headline, honestMarks, issued, stillOpen } from "../alarms/row.js";
import { toast, toastProblem } from "../shell/toasts.js";

const AGE_S = 5;

export class MnSide extends MnElement {
  static properties = { state: { attribute: false }, features: { attribute: false }, fly: { attribute: false }, open: { state: true }, strange: { state: true } };

  constructor() {
    super();
    /** @type {import("./state.js").MapState} */
    this.state = /** @type {any} */ (null);
    /** @type {import("./features.js").Features} */
    this.features = /** @type {any} */ (null);
    /** @type {(place: any, zoom?: number) => void} */
    this.fly = () => undefined;
    this.open = matchMedia("(min-width: 1100px)").matches;
    /** An entity that is in no layer that is on. @type {{id: string, type: string, name: string, lat: number | null, lon: number | null} | null} */
    this.strange = null;
  }

  firstUpdated() {
    this.watch(this.state, "selection", () => this.selected());
    this.watch(this.features, "changes");
    this.watch(this.features, "loaded");
    this.watch(alarmChanges, "change");
    this.refreshEvery(AGE_S);
  }

  async selected() {
    const { selection } = this.state;
    this.open = selection ? true : this.open;
    this.requestUpdate();
    if (selection?.kind !== "entity" || this.features.find(selection.id) || this.strange?.id === selection.id) return;
    try {
      const entity = await get(`/ngsi-ld/v1/entities/${encodeURIComponent(selection.id)}`);
      const [lon, lat] = entity.location?.value?.coordinates ?? [null, null];
      this.strange = { id: selection.id, type: shortName(String([entity.type].flat()[0])), name: entity.name?.value ?? selection.id, lat, lon };
    } catch (problem) {
      toastProblem(problem);
    }
  }

  alarms() {
    const rows = activeAlarms();
    return html`<header><h2>${icon("operations")}${t("alarms.active", { n: rows.length })}</h2>${this.closer()}</header>
      <div class="panel-body">
        ${rows.length
          ? html`<ul class="alarm-strip">${rows.slice(0, 50).map((row) => html`<li>${alarmRow(row, null, () => this.flyTo(row))}</li>`)}</ul>
              <a class="button" href="/operations">${t("bell.all")}</a>`
          : html`<p class="calm">${icon("check")}${t("alarms.none")}</p>`}
        ${stillOpen()}${rows.length || !openAlarms().length ? "" : html`<a class="button" href="/operations">${t("bell.all")}</a>`}
      </div>`;
  }

  /** @param {import("../core/alarms.js").Alarm} row */
  flyTo(row) {
    this.state.select({ kind: "alarm", id: row.id });
    const place = row.location ?? (row.entity_id ? this.features.find(row.entity_id)?.feature.geometry?.coordinates : null);
    if (place) this.fly(place, row.entity_id ? 14.5 : 10.5);
  }

  closer() {
    return html`<button class="icon-button" aria-label=${t("action.close")} @click=${() => (this.state.selection ? this.state.select(null) : (this.open = false))}>${icon("close")}</button>`;
  }

  /** @param {string} id */
  alarmDetail(id) {
    const row = alarm(id);
    if (!row) return html`<header><h2>${t("alarm.gone")}</h2>${this.closer()}</header><div class="panel-body"><p>${t("alarm.gone.text")}</p><a class="button" href="/operations?id=${encodeURIComponent(id)}">${t("bell.all")}</a></div>`;
    const acknowledge = row.actions.includes("acknowledge");
    return html`<header>${severity(row.severity)}${this.closer()}</header>
      <div class="panel-body detail">
        <h2>${headline(row)}</h2>
        <p>${honestMarks(row)} ${axes(row)}</p>
        ${isFinished(row) ? html`<p class="notice">${t("alarms.finished")}</p>` : ""}
        <dl class="facts">
          <dt>${t("alarm.area")}</dt><dd lang="ja">${row.area_name}</dd>
          ${row.level ? html`<dt>${t("alarm.level")}</dt><dd lang="ja">${row.level}</dd>` : ""}
          <dt>${t("alarm.raised")}</dt><dd>${fullMoment(row.raised_at)} (${age(row.raised_at)})</dd>
          ${issued(row) ? html`<dt>${t("alarm.issued")}</dt><dd>${fullMoment(row.event_at)}${row.label ? html` <span class="tag">${t(`mark.${row.label}`)}</span>` : ""}</dd>` : ""}
          ${row.acknowledged_by ? html`<dt>${t("alarm.acknowledged")}</dt><dd><span lang="ja">${row.acknowledged_by}</span></dd>` : ""}
        </dl>
        <p class="actions">
          <button class="button primary" ?disabled=${!acknowledge} @click=${() => this.acknowledge(row.id)}>${icon("check")}${t("action.acknowledge")}</button>
          <a class="button" href="/operations?id=${encodeURIComponent(row.id)}">${t("alarm.open")}</a>
        </p>
      </div>`;
  }

  /** @param {string} id */
  async acknowledge(id) {
    try {
      await act(id, "acknowledge");
      toast(t("alarms.acknowledged.one"), { seconds: 10, action: { label: t("action.undo"), act: () => act(id, "undo").catch(toastProblem) } });
    } catch (problem) {
      toastProblem(problem);
    }
  }

  /** @param {string} id */
  entityDetail(id) {
    const found = this.features.find(id);
    const layer = found && this.state.layer(found.layer);
    if (!found || !layer) return this.strangeDetail(id);
    const { properties, geometry } = found.feature;
    const label = properties.label ?? layer.label;
    const stale = this.features.isStale(layer, properties);
    const state = this.features.alarmState(properties);
    return html`<header><span class="muted">${both(layer, "name")}</span>${this.closer()}</header>
      <div class="panel-body detail" data-entity=${id}>
        <h2 lang="ja">${properties.name || id}</h2>
        <p>${label ? html`<span class="tag tag-strong">${t(`mark.${label}`)}</span>` : ""} ${stale ? html`<span class="tag tag-stale">${t("mark.stale")}</span>` : ""} ${state.severity ? severity(state.severity) : ""}</p>
        ${properties.value === null || properties.value === undefined ? "" : html`<p class="big-value ${stale ? "stale" : ""}"><b>${number(properties.value)}</b> <span>${unitSign(properties.unit)}</span></p>`}
        ${properties.observed_at ? html`<p class="muted" title=${fullMoment(properties.observed_at)}>${t("entity.observed")} ${age(properties.observed_at)}</p>` : ""}
        ${both(properties, "detail") ? html`<p lang=${language() === "en" && !properties.detail_en ? "ja" : language()}>${both(properties, "detail")}</p>` : ""}
        ${state.alarms ? html`<ul class="alarm-strip">${openAlarms().filter((row) => row.entity_id === id).map((row) => html`<li>${alarmRow(row, `/operations?id=${encodeURIComponent(row.id)}`)}</li>`)}</ul>` : ""}
        <dl class="facts">
          ${geometry?.type === "Point" ? html`<dt>${t("entity.place")}</dt><dd class="num">${position(geometry.coordinates[1], geometry.coordinates[0])}</dd>` : ""}
          <dt>${t("layer.source")}</dt><dd>${both(layer, "credit")}</dd>
          <dt>ID</dt><dd class="id">${id}</dd>
        </dl>
        <p class="actions"><a class="button primary" href="/entities/${id}">${t("entity.open")}</a>
          ${geometry?.type === "Point" ? html`<button class="button" @click=${() => this.fly(geometry.coordinates, 16)}>${icon("locate")}${t("entity.centre")}</button>` : ""}
          <button class="button" @click=${() => navigator.clipboard.writeText(location.href).then(() => toast(t("link.copied")), toastProblem)}>${icon("link")}${t("link.copy")}</button></p>
      </div>`;
  }

  /** @param {string} id */
  strangeDetail(id) {
    const strange = this.strange?.id === id ? this.strange : null;
    const name = strange?.name ?? id;
    const layer = this.state.layers.find((row) => row.type === strange?.type && !this.state.choice(row.id).on);
    return html`<header><span class="muted">${t("entity.offlayer")}</span>${this.closer()}</header>
      <div class="panel-body detail"><h2 lang="ja">${name}</h2><p class="muted">${layer ? t("entity.offlayer.layer", { name: both(layer, "name") }) : t("entity.offlayer.text")}</p>
        <p class="actions">${layer ? html`<button class="button primary" @click=${() => this.state.switch(layer.id, true)}>${icon("layers")}${t("entity.offlayer.show")}</button>` : ""}<a class="button ${layer ? "" : "primary"}" href="/entities/${id}">${t("entity.open")}</a></p></div>`;
  }

  render() {
    const { selection } = this.state ?? {};
    if (!this.open && !selection) {
      const count = activeAlarms().length;
      return html`<button class="button side-open" aria-expanded="false" @click=${() => (this.open = true)}>${icon("operations")}${t("alarms.active", { n: count })}</button>`;
    }
    const body = !selection ? this.alarms() : selection.kind === "alarm" ? this.alarmDetail(selection.id) : this.entityDetail(selection.id);
    return html`<aside class="panel side ${selection ? "side-detail" : ""}" aria-label=${t(selection ? "side.detail" : "side.alarms")} aria-live="off">${body}</aside>`;
  }
}
customElements.define("mn-side", MnSide);
