/** `<mn-chart>`: history of measured attributes as a line with alarm markers, and the same points as a table (E1). */
import { html } from "lit";
import uPlot from "uplot";
import { answered, get } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { moment, number, unitSign } from "../core/format.js";
import { both, language, t } from "../core/i18n.js";
import { icon } from "../core/icons.js";
import { severity } from "../core/severity.js";
import { probe } from "../core/start.js";
import { themeChanges, token } from "../core/theme.js";
import { broken, waiting } from "../shell/empty.js";
import { attributeLabel } from "../core/names.js";

const RANGES = /** @type {Record<string, number>} */ ({ "1h": 1, "24h": 24, "7d": 168, "30d": 720 });
/** What one point of a long series sums up: a range is 120 to 180 of them. */
const STEPS = /** @type {Record<string, string>} */ ({ "1h": "PT30S", "24h": "PT10M", "7d": "PT1H", "30d": "PT4H" });
const TABLE_ROWS = 500;
const PARTIAL = 206;

/** A measurement, or what several within a step come to. @typedef {{at: number, value: number, low: number, high: number, unit: string}} Point */

/** Instances of a temporal attribute in order of time. @param {any} given @returns {Point[]} */
export function points(given) {
  return (Array.isArray(given) ? given : given ? [given] : [])
    .filter((row) => typeof row.value === "number" && (row.observedAt ?? row.modifiedAt ?? row.createdAt))
    .map((row) => ({ at: Date.parse(row.observedAt ?? row.modifiedAt ?? row.createdAt) / 1000, value: row.value, low: row.value, high: row.value, unit: unitSign(row.unitCode) }))
    .sort((a, b) => a.at - b.at);
}

/** Steps of an aggregated attribute: mean, least and greatest value of each. @param {any} given @param {string} unit @returns {Point[]} */
export function steps(given, unit) {
  const one = Array.isArray(given) ? given[0] : given;
  return (one?.avg ?? []).map((/** @type {any} */ [value, start], /** @type {number} */ place) => ({ at: Date.parse(start) / 1000, value, low: one.min[place][0], high: one.max[place][0], unit }));
}

export class MnChart extends MnElement {
  static properties = { entity: { attribute: false }, names: { attribute: false }, time: { attribute: false }, alarms: { attribute: false }, version: { attribute: false }, name: { state: true }, range: { state: true }, table: { state: true }, series: { state: true }, problem: { state: true } };

  constructor() {
    super();
    this.entity = "";
    /** @type {string[]} */
    this.names = [];
    /** The time of a point: what was never observed is shown by when it was entered. */
    this.time = "observedAt";
    /** @type {import("../core/alarms.js").Alarm[]} */
    this.alarms = [];
    this.version = 0;
    this.name = "";
    this.range = "24h";
    this.table = false;
    /** @type {Point[] | null} */
    this.series = null;
    /** Whether the points of the series sum up steps. */
    this.summed = false;
    /** @type {any} */
    this.problem = null;
    /** @type {uPlot | null} */
    this.plot = null;
    this.asked = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(themeChanges, "change", () => this.draw());
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this);
    this.endings.push(() => this.observer?.disconnect());
    Object.defineProperty(probe, "chart", { get: () => ({ points: this.series?.length ?? 0, markers: this.markers().length }), enumerable: true, configurable: true });
  }

  async load() {
    const name = this.name || this.names[0];
    const since = new Date(Date.now() - RANGES[this.range] * 3_600_000).toISOString();
    try {
      const address = `/ngsi-ld/v1/temporal/entities/${encodeURIComponent(this.entity)}?attrs=${encodeURIComponent(name)}&timerel=after&timeAt=${since}&timeproperty=${this.time}`;
      const { status, body } = await answered(address);
      const measured = points(body?.[name]);
      this.summed = status === PARTIAL;
      const sums = this.summed ? await get(`${address}&format=aggregatedValues&aggrMethods=avg,min,max&aggrPeriodDuration=${STEPS[this.range]}`) : null;
      this.series = sums ? steps(sums[name], measured[0]?.unit ?? "") : measured;
      this.problem = null;
    } catch (problem) {
      const gone = /** @type {any} */ (problem).status === 404;
      this.series = gone ? [] : this.series;
      this.problem = gone ? null : problem;
    }
    this.dispatchEvent(new Event("drawn"));
  }

  /** Alarms within the time shown. */
  markers() {
    const start = Date.now() / 1000 - RANGES[this.range] * 3600;
    return this.alarms.map((row) => ({ row, at: Date.parse(row.event_at ?? row.raised_at) / 1000 })).filter(({ at }) => at >= start);
  }

  /** Vertical lines with the severity's colour and first letter of its word. @param {uPlot} plot */
  drawMarkers(plot) {
    const { ctx, bbox } = plot;
    ctx.save();
    for (const { row, at } of this.markers()) {
      const x = Math.round(plot.valToPos(at, "x", true));
      ctx.strokeStyle = ctx.fillStyle = token(`--severity-${row.severity}`);
      ctx.lineWidth = 2 * devicePixelRatio;
      ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.font = `bold ${12 * devicePixelRatio}px sans-serif`;
      const late = x > bbox.left + bbox.width * 0.85;
      ctx.textAlign = late ? "right" : "left";
      ctx.fillText(`▲ ${t(`severity.${row.severity}`)}`, x + (late ? -5 : 5) * devicePixelRatio, bbox.top + 13 * devicePixelRatio);
    }
    ctx.restore();
  }

  draw() {
    this.plot?.destroy();
    this.plot = null;
    const place = /** @type {HTMLElement | null} */ (this.querySelector(".plot"));
    if (!place || !this.series?.length) return;
    const axis = { stroke: token("--text-2"), grid: { stroke: token("--line"), width: 1 }, ticks: { stroke: token("--line") }, font: `12px ${token("--font")}` };
    const tag = language() === "ja" ? "ja-JP" : "en-GB";
    const long = RANGES[this.range] > 24;
    const format = new Intl.DateTimeFormat(tag, { timeZone: "Asia/Tokyo", ...(long ? { month: "numeric", day: "numeric" } : { hour: "2-digit", minute: "2-digit" }) });
    const unit = this.series[0].unit;
    const now = Date.now() / 1000;
    this.plot = new uPlot(
      {
        width: place.clientWidth, height: place.clientHeight, legend: { show: false }, cursor: { y: false, points: { size: 8 } },
        scales: { x: { time: true, range: [now - RANGES[this.range] * 3600, now] } },
        axes: [{ ...axis, values: (_, splits) => splits.map((at) => format.format(at * 1000)) }, { ...axis, size: 56, values: (_, splits) => splits.map((value) => number(value)), label: unit, labelSize: unit ? 20 : 0, labelFont: `12px ${token("--font")}` }],
        bands: [{ series: [3, 2], fill: `color-mix(in srgb, ${token("--accent")} 25%, transparent)` }],
        series: [{}, { stroke: token("--accent"), width: 2, fill: `color-mix(in srgb, ${token("--accent")} 10%, transparent)`, points: { show: this.series.length < 60 } }, { points: { show: false } }, { points: { show: false } }],
        hooks: { draw: [(plot) => this.drawMarkers(plot)], setCursor: [(plot) => this.say(plot.cursor.idx)] },
      },
      [this.series.map((row) => row.at), this.series.map((row) => row.value), this.series.map((row) => row.low), this.series.map((row) => row.high)],
      place,
    );
  }

  /** The value under the pointer. @param {number | null | undefined} index */
  say(index) {
    const place = this.querySelector(".plot-value");
    const row = index === null || index === undefined ? this.series?.at(-1) : this.series?.[index];
    if (place && row) place.textContent = `${moment(row.at * 1000)}  ${this.told(row)}`;
  }

  /** A point in words: with the span of what it sums up. @param {Point} point */
  told({ value, low, high, unit }) {
    return low === high ? `${number(value)} ${unit}` : t("chart.span", { value: number(value), low: number(low), high: number(high), unit });
  }

  resize() {
    const place = /** @type {HTMLElement | null} */ (this.querySelector(".plot"));
    if (this.plot && place) this.plot.setSize({ width: place.clientWidth, height: place.clientHeight });
  }

  updated() {
    const wanted = [this.entity, this.name || this.names[0], this.range, this.version].join("|");
    if (this.names.length && wanted !== this.asked) {
      this.asked = wanted;
      void this.load();
    }
    if (!this.table) this.draw();
    this.say(null);
  }

  asTable() {
    const rows = [...(this.series ?? []).map((point) => ({ at: point.at, point, row: null })), ...this.markers().map(({ row, at }) => ({ at, point: null, row }))].sort((a, b) => b.at - a.at);
    return html`<div class="table-scroll chart-table" tabindex="0" role="region" aria-label=${t("chart.table")}><table class="table compact">
      <thead><tr><th scope="col">${t("chart.time")}</th><th scope="col" class="num">${attributeLabel(this.name || this.names[0])}</th><th scope="col">${t("side.alarms")}</th></tr></thead>
      <tbody>${rows.slice(0, TABLE_ROWS).map(({ at, point, row }) => html`<tr><td class="num time">${moment(at * 1000)}</td><td class="num">${point ? this.told(point) : ""}</td><td>${row ? html`${severity(row.severity)} ${both(row, "headline")}` : ""}</td></tr>`)}</tbody></table>
      ${rows.length > TABLE_ROWS ? html`<p class="muted">${t("chart.table.part", { n: TABLE_ROWS, all: rows.length })}</p>` : ""}</div>`;
  }

  render() {
    if (!this.names.length) return html`<p class="muted">${t("chart.none")}</p>`;
    const name = this.name || this.names[0];
    return html`<div class="chart-head">
        ${this.names.length > 1 ? html`<label class="field-inline"><span>${t("chart.value")}</span><select @change=${(/** @type {any} */ event) => (this.name = event.target.value)}>${this.names.map((each) => html`<option value=${each} ?selected=${each === name}>${attributeLabel(each)}</option>`)}</select></label>` : html`<b>${attributeLabel(name)}</b>`}
        <span class="plot-value num muted"></span>${this.summed ? html`<span class="muted chart-step">${t(`chart.step.${this.range}`)}</span>` : ""}<span class="spring"></span>
        <span class="chips" role="group" aria-label=${t("chart.range")}>${Object.keys(RANGES).map((range) => html`<button class="chip" aria-pressed=${range === this.range} @click=${() => (this.range = range)}>${t(`chart.range.${range}`)}</button>`)}</span>
        <button class="button" aria-pressed=${this.table} @click=${() => (this.table = !this.table)}>${icon(this.table ? "chart" : "table")}${t(this.table ? "chart.as.chart" : "chart.as.table")}</button>
      </div>
      ${this.problem ? broken(this.problem, () => void this.load()) : this.series === null ? waiting() : !this.series.length ? html`<p class="muted chart-empty">${t("chart.empty")}</p>` : this.table ? this.asTable() : html`<div class="plot" role="img" aria-label=${t("chart.label", { name: attributeLabel(name), n: this.series.length })}></div>`}`;
  }
}
customElements.define("mn-chart", MnChart);
