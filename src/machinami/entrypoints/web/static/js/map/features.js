/** The features of the layers that are on: loaded once, then kept true by the stream, handed on at most twice a second. */
import { allAlarms, alarmChanges, isActive } from "../core/alarms.js";
import { get } from "../core/api.js";
import { ageSeconds } from "../core/format.js";
import { language } from "../core/i18n.js";
import { SEVERITIES, rank } from "../core/severity.js";
import { probe } from "../core/start.js";
import { live } from "../core/stream.js";

/**
 * @typedef {{id: string, name: string, name_en?: string, type: string, detail_ja?: string, detail_en?: string, value: number | null, unit: string | null,
 *   severity: string | null, observed_at: string | null, label: string | null, alarms: number}} Properties
 * @typedef {{type: "Feature", geometry: any, properties: Properties}} Feature
 * @typedef {{layer: string, feature: Feature | null, id: string}} Change
 */

const COALESCE_MS = 500;

/** The name in the reader's language where the data has one. @param {Properties} properties */
export const featureName = (properties) => (language() === "en" && properties.name_en) || properties.name || properties.id;

export class Features extends EventTarget {
  /** @param {import("./state.js").MapState} state */
  constructor(state) {
    super();
    this.state = state;
    /** @type {Map<string, Map<string, Feature>>} */
    this.byLayer = new Map();
    /** @type {Map<string, Promise<void>>} */
    this.loading = new Map();
    /** @type {Map<string, any>} */
    this.problems = new Map();
    /** @type {Map<string, Change>} */
    this.pending = new Map();
    this.timer = 0;
    /** Open alarms by entity. @type {Map<string, {alarms: number, worst: number}>} */
    this.alarmed = new Map();
    live.addEventListener("entity", (event) => this.take(/** @type {CustomEvent} */ (event).detail));
    live.addEventListener("reset", () => void this.reload());
    alarmChanges.addEventListener("change", () => this.joinAlarms());
    this.joinAlarms();
    Object.defineProperty(probe, "counts", { get: () => Object.fromEntries([...this.byLayer].map(([id, rows]) => [id, rows.size])), enumerable: true });
  }

  /** Load what is on and not here yet. */
  async loadShown() {
    await Promise.all(this.state.shown().map((layer) => this.load(layer.id)));
  }

  /** @param {string} id @returns {Promise<void>} */
  load(id) {
    const known = this.loading.get(id);
    if (known) return known;
    const asked = get(`/api/layers/${encodeURIComponent(id)}/features`).then(
      (answer) => {
        this.problems.delete(id);
        this.byLayer.set(id, new Map(answer.features.map((/** @type {Feature} */ row) => [row.properties.id, row])));
        this.dispatchEvent(new CustomEvent("loaded", { detail: id }));
      },
      (problem) => {
        this.loading.delete(id);
        this.problems.set(id, problem);
        this.dispatchEvent(new CustomEvent("loaded", { detail: id }));
      },
    );
    this.loading.set(id, asked);
    return asked;
  }

  async reload() {
    this.loading.clear();
    await this.loadShown();
  }

  /** @param {{id: string, layers: string[], feature: Feature | null}} event */
  take(event) {
    for (const layer of event.layers) {
      const rows = this.byLayer.get(layer);
      if (!rows) continue;
      if (event.feature) rows.set(event.id, event.feature);
      else rows.delete(event.id);
      this.note({ layer, id: event.id, feature: event.feature });
    }
  }

  /** @param {Change} change */
  note(change) {
    this.pending.set(`${change.layer}|${change.id}`, change);
    this.timer ||= window.setTimeout(() => {
      this.timer = 0;
      const changes = [...this.pending.values()];
      this.pending.clear();
      this.dispatchEvent(new CustomEvent("changes", { detail: changes }));
    }, COALESCE_MS);
  }

  /** Join active alarms to the things they belong to, so that points and clusters carry their state (M3). */
  joinAlarms() {
    const before = this.alarmed;
    this.alarmed = new Map();
    for (const row of allAlarms().filter(isActive)) {
      if (!row.entity_id) continue;
      const sum = this.alarmed.get(row.entity_id) ?? { alarms: 0, worst: 0 };
      this.alarmed.set(row.entity_id, { alarms: sum.alarms + 1, worst: Math.max(sum.worst, rank(row.severity)) });
    }
    for (const id of new Set([...before.keys(), ...this.alarmed.keys()])) {
      const [old, now] = [before.get(id), this.alarmed.get(id)];
      if (old?.alarms === now?.alarms && old?.worst === now?.worst) continue;
      for (const [layer, rows] of this.byLayer) {
        const feature = rows.get(id);
        if (feature) this.note({ layer, id, feature });
      }
    }
  }

  /** Number of open alarms and worst severity of a feature. @param {Properties} properties */
  alarmState(properties) {
    const joined = this.alarmed.get(properties.id);
    const worst = Math.max(rank(properties.severity), joined?.worst ?? 0);
    return { alarms: Math.max(properties.alarms ?? 0, joined?.alarms ?? 0), worst, severity: worst ? SEVERITIES[SEVERITIES.length - worst] : null };
  }

  /** Whether the value is older than the layer allows. @param {import("./state.js").Layer} layer @param {Properties} properties */
  isStale(layer, properties) {
    return layer.stale_after_s !== null && properties.observed_at !== null && ageSeconds(properties.observed_at) > layer.stale_after_s;
  }

  /** Features of a layer. @param {string} layer @returns {Feature[]} */
  of(layer) {
    return [...(this.byLayer.get(layer)?.values() ?? [])];
  }

  /** A feature by entity id, in any loaded layer. @param {string} id @returns {{layer: string, feature: Feature} | null} */
  find(id) {
    for (const [layer, rows] of this.byLayer) {
      const feature = rows.get(id);
      if (feature) return { layer, feature };
    }
    return null;
  }
}
