/** `<mn-entity>`: one entity of any type: values with unit and age, history, alarms, relations, source, raw NGSI-LD (E1, E3). */
import { html } from "lit";
import { alarmChanges } from "../core/alarms.js";
import { get } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { age, fullMoment, position } from "../core/format.js";
import { t } from "../core/i18n.js";
import { icon } from "../core/icons.js";
import { attributeLabel, loadNames, nameChanges, shortName, typeLabel } from "../core/names.js";
import { markReady, probe, start } from "../core/start.js";
import { live } from "../core/stream.js";
import { alarmRow } from "../alarms/row.js";
import { broken, waiting } from "../shell/empty.js";
import { toast, toastProblem } from "../shell/toasts.js";
import { ageOf, attributes, entityName, isMeasured, isNumeric, valueOf } from "./attributes.js";
import "./mn-chart.js";
import "./mn-locator.js";

const AGE_S = 5;
const RELOAD_MS = 400;

export class MnEntity extends MnElement {
  static properties = { entity: { state: true }, alarms: { state: true }, problem: { state: true }, version: { state: true }, course: { state: true } };

  constructor() {
    super();
    this.entityId = start.id ?? "";
    /** @type {Record<string, any> | null} */
    this.entity = null;
    /** @type {import("../core/alarms.js").Alarm[]} */
    this.alarms = [];
    /** @type {any} */
    this.problem = null;
    this.version = 0;
    /** Whether the course of numbers that nobody observes is open. */
    this.course = false;
    this.timer = 0;
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(live, "entity", (event) => event.detail.id === this.entityId && this.soon());
    this.watch(live, "reset", () => this.soon());
    this.watch(nameChanges, "change");
    this.watch(alarmChanges, "change", () => void this.loadAlarms());
    this.refreshEvery(AGE_S);
    void this.load();
  }

  soon() {
    this.timer ||= window.setTimeout(() => {
      this.timer = 0;
      void this.load();
    }, RELOAD_MS);
  }

  async load() {
    try {
      [this.entity] = await Promise.all([get(`/ngsi-ld/v1/entities/${encodeURIComponent(this.entityId)}?options=sysAttrs`), loadNames()]);
      this.problem = null;
      this.version += 1;
      document.title = `${entityName(this.entity ?? {})} · ${t("product")}`;
      if (!attributes(this.entity ?? {}).some(isMeasured)) markReady();
    } catch (problem) {
      this.problem = problem;
      markReady("problem");
    }
    Object.assign(probe, { entity: this.entityId, version: this.version });
  }

  async loadAlarms() {
    const answer = await get(`/alarms?entity=${encodeURIComponent(this.entityId)}&state=all`).catch(() => null);
    if (answer) this.alarms = answer.alarms;
  }

  /** @param {import("./attributes.js").Attribute[]} rows */
  values(rows) {
    return html`<section class="card"><h2>${t("entity.values")}</h2>
      <dl class="values-list">${rows.map(({ name, instances }) => html`<div><dt title=${name}>${attributeLabel(name)}</dt>
        ${instances.map((row) => html`<dd class=${typeof row.value === "number" ? "measured" : ""}><span>${valueOf(row)}</span><small class="muted">${row.datasetId ? html`<span class="id">${shortName(row.datasetId)}</span> ` : ""}${ageOf(row)}</small></dd>`)}</div>`)}</dl></section>`;
  }

  /** @param {Record<string, any>} entity */
  side(entity) {
    const rows = attributes(entity);
    const place = rows.flatMap(({ instances }) => instances).find((row) => row.type === "GeoProperty" && row.value?.type === "Point")?.value.coordinates ?? null;
    const relations = rows.filter(({ instances }) => instances.some((row) => row.object !== undefined || row.objectList));
    const source = rows.find(({ name }) => ["source", "dataProvider", "provider"].includes(shortName(name)));
    return html`
      ${place ? html`<section class="card card-map"><mn-locator .place=${place}></mn-locator><p><span class="num">${position(place[1], place[0])}</span><a class="button" href="/?at=${place[1]},${place[0]},15&select=${encodeURIComponent(entity.id)}">${icon("map")}${t("alarm.map")}</a></p></section>` : ""}
      <section class="card"><h2>${t("side.alarms")}</h2>${this.alarms.length ? html`<ul class="alarm-strip">${this.alarms.map((row) => html`<li>${alarmRow(row, `/operations?id=${encodeURIComponent(row.id)}`)}</li>`)}</ul>` : html`<p class="calm">${icon("check")}${t("entity.alarms.none")}</p>`}</section>
      ${relations.length ? html`<section class="card"><h2>${t("entity.relations")}</h2><dl class="facts">${relations.map(({ name, instances }) => html`<dt>${attributeLabel(name)}</dt><dd>${instances.map(valueOf)}</dd>`)}</dl></section>` : ""}
      <section class="card"><h2>${t("entity.record")}</h2><dl class="facts">
        <dt>ID</dt><dd class="id">${entity.id}</dd><dt>${t("entity.type")}</dt><dd>${[entity.type].flat().map((type) => html`${typeLabel(type)} <span class="id muted">${shortName(type)}</span> `)}</dd>
        ${entity.createdAt ? html`<dt>${t("entity.created")}</dt><dd>${fullMoment(entity.createdAt)}</dd>` : ""}
        ${entity.modifiedAt ? html`<dt>${t("entity.modified")}</dt><dd>${fullMoment(entity.modifiedAt)} <span class="muted">${age(entity.modifiedAt)}</span></dd>` : ""}
        ${source ? html`<dt>${t("layer.source")}</dt><dd>${source.instances.map(valueOf)}</dd>` : ""}</dl></section>`;
  }

  render() {
    const { entity } = this;
    if (this.problem) return broken(this.problem, () => void this.load());
    if (!entity) return waiting();
    const rows = attributes(entity);
    const measured = rows.filter(isMeasured).map(({ name }) => name);
    const numeric = rows.filter(isNumeric).map(({ name }) => name);
    return html`<div class="page entity-page">
      <header class="page-head"><p class="crumbs"><a href="/data">${t("page.data")}</a> / <a href="/data?type=${encodeURIComponent(String([entity.type].flat()[0]))}">${[entity.type].flat().map((type) => typeLabel(type)).join(", ")}</a></p>
        <h1 lang="ja">${entityName(entity)}</h1>
        <p class="actions"><button class="button" @click=${() => navigator.clipboard.writeText(location.href).then(() => toast(t("link.copied")), toastProblem)}>${icon("link")}${t("link.copy")}</button></p></header>
      <div class="columns"><div>
        ${measured.length ? html`<section class="card card-chart"><h2>${t("entity.history")}</h2><mn-chart .entity=${this.entityId} .names=${measured} .alarms=${this.alarms} .version=${this.version} @drawn=${() => markReady()}></mn-chart></section>` : ""}
        ${this.values(rows.filter(({ instances }) => !instances.some((row) => row.object !== undefined || row.objectList)))}
        ${!measured.length && numeric.length ? html`<details class="card course" @toggle=${(/** @type {any} */ event) => (this.course = event.target.open)}><summary>${t("entity.history")}</summary>${this.course ? html`<mn-chart .entity=${this.entityId} .names=${numeric} .time=${"modifiedAt"} .alarms=${this.alarms} .version=${this.version}></mn-chart>` : ""}</details>` : ""}
        <details class="card raw"><summary>${t("entity.raw")}</summary><p><a href="/ngsi-ld/v1/entities/${encodeURIComponent(entity.id)}">/ngsi-ld/v1/entities/${entity.id}</a></p><pre tabindex="0">${JSON.stringify(entity, null, 2)}</pre></details>
      </div><div>${this.side(entity)}</div></div>
    </div>`;
  }
}
customElements.define("mn-entity", MnEntity);
