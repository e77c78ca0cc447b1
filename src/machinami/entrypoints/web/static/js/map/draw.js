/**
 * Features → MapLibre. Three sources: `still` (all layers that do not move, clustered together so that one place has one
 * bubble), `moving` (live layers, never clustered) and `shapes` (lines and areas); alarms have their own.
 */
import { both, t } from "../core/i18n.js";
import { number } from "../core/format.js";
import { SEVERITIES } from "../core/severity.js";
import { scale, sized, theme, token } from "../core/theme.js";
import { FONT } from "./base-parts.js";
import { featureName } from "./features.js";
import { chipName } from "./sprites.js";

/** @typedef {import("./features.js").Feature} Feature @typedef {import("./state.js").Layer} Layer */

const CLUSTER_RADIUS_PX = 52;
const CLUSTER_ZOOM_MAX = 13;
/** From here on values stand below symbols; names follow closer in. */
const BRIEF_ZOOM = 9.8;
const EMPTY = { type: "FeatureCollection", features: [] };
const IS_CLUSTER = ["has", "point_count"];
const NO_CLUSTER = ["!", ["has", "point_count"]];

/** A choice by severity rank 1 … 5. @param {any} input @param {(name: string) => any} value @param {any} none */
const bySeverity = (input, value, none) => ["match", input, ...SEVERITIES.flatMap((name, index) => [SEVERITIES.length - index, value(name)]), none];

export class Drawing {
  /** @param {import("maplibre-gl").Map} map @param {import("./state.js").MapState} state @param {import("./features.js").Features} features */
  constructor(map, state, features) {
    this.map = map;
    this.state = state;
    this.features = features;
    /** Keys that are in the sources now, by source. @type {Record<string, Set<string>>} */
    this.drawn = { still: new Set(), moving: new Set(), shapes: new Set() };
  }

  /** @param {Layer} layer @param {Feature} feature */
  sourceOf(layer, feature) {
    if (feature.geometry?.type !== "Point") return "shapes";
    return layer.live ? "moving" : "still";
  }

  /** What the style needs to know about a feature. @param {Layer} layer @param {Feature} feature */
  prepare(layer, feature) {
    const { properties } = feature;
    const alarm = this.features.alarmState(properties);
    const stale = this.features.isStale(layer, properties);
    const label = properties.label ?? layer.label;
    const value = properties.value === null || properties.value === undefined ? "" : `${number(properties.value)} ${properties.unit ?? ""}`.trim();
    const note = [label && label !== "snapshot" ? t(`mark.${label}`) : "", stale ? t("mark.stale") : ""].filter(Boolean).join(" · ");
    return {
      type: "Feature",
      geometry: feature.geometry,
      properties: {
        key: `${layer.id}|${properties.id}`, id: properties.id, layer: layer.id, li: this.state.layers.indexOf(layer), name: featureName(properties),
        worst: alarm.worst, alarms: alarm.alarms, stale, value, note,
      },
    };
  }

  addSources() {
    const { map } = this;
    const clusterProperties = { worst: ["max", ["get", "worst"]], alarms: ["+", ["get", "alarms"]], lowest: ["min", ["get", "li"]], highest: ["max", ["get", "li"]] };
    map.addSource("areas", { type: "geojson", data: /** @type {any} */ (EMPTY) });
    map.addSource("shapes", { type: "geojson", data: /** @type {any} */ (EMPTY), promoteId: "key" });
    map.addSource("still", { type: "geojson", data: /** @type {any} */ (EMPTY), promoteId: "key", cluster: true, clusterRadius: sized(CLUSTER_RADIUS_PX), clusterMaxZoom: CLUSTER_ZOOM_MAX, clusterProperties: /** @type {any} */ (clusterProperties) });
    map.addSource("moving", { type: "geojson", data: /** @type {any} */ (EMPTY), promoteId: "key" });
    map.addSource("alarms", { type: "geojson", data: /** @type {any} */ (EMPTY), promoteId: "id" });
    map.addSource("chosen", { type: "geojson", data: /** @type {any} */ (EMPTY) });
  }

  /** @param {any[]} specifications */
  addLayers(specifications) {
    for (const specification of specifications) this.map.addLayer(specification);
  }

  /** Everything that does not depend on the set of layers. */
  addFixedLayers() {
    const severityColor = (/** @type {any} */ input, /** @type {string} */ none) => bySeverity(input, (name) => token(`--severity-${name}`), token(none));
    const areaColor = ["match", ["get", "severity"], ...SEVERITIES.flatMap((name) => [name, token(`--severity-${name}`)]), token("--map-line-strong")];
    const text = { "text-font": FONT, "text-allow-overlap": true, "text-ignore-placement": true };
    this.addLayers([
      { id: "area-fill", type: "fill", source: "areas", paint: { "fill-color": areaColor, "fill-opacity": ["case", ["==", ["get", "status"], "exercise"], 0.06, 0.14] } },
      { id: "area-hatch", type: "fill", source: "areas", filter: ["!=", ["get", "status"], "actual"], paint: { "fill-pattern": ["concat", "hatch:", ["get", "severity"]], "fill-opacity": 0.2 } },
      { id: "area-line", type: "line", source: "areas", paint: { "line-color": areaColor, "line-width": 2.5 } },
      { id: "cluster", type: "circle", source: "still", filter: IS_CLUSTER, paint: this.clusterPaint() },
      { id: "cluster-count", type: "symbol", source: "still", filter: IS_CLUSTER, layout: { ...text, "text-field": this.clusterLabel(), "text-size": sized(13) }, paint: { "text-color": token("--text") } },
      { id: "cluster-mark", type: "symbol", source: "still", filter: ["all", IS_CLUSTER, [">", ["get", "worst"], 0]], layout: { "icon-image": bySeverity(["get", "worst"], (name) => `mark:${name}:22`, ""), "icon-offset": [15, -15], "icon-size": scale(), "icon-allow-overlap": true, "icon-ignore-placement": true } },
      { id: "chosen", type: "circle", source: "chosen", paint: { "circle-radius": sized(21), "circle-color": token("--accent"), "circle-opacity": 0.16, "circle-stroke-color": token("--accent"), "circle-stroke-width": 2.5 } },
      ...["still", "moving"].map((source) => ({
        id: `mark-${source}`, type: "symbol", source, filter: ["all", NO_CLUSTER, [">", ["get", "worst"], 0]],
        layout: { "icon-image": bySeverity(["get", "worst"], (name) => `mark:${name}:20`, ""), "icon-offset": [12, -12], "icon-size": scale(), "icon-allow-overlap": true, "icon-ignore-placement": true },
      })),
      { id: "alarm-halo", type: "circle", source: "alarms", paint: { "circle-radius": sized(20), "circle-color": severityColor(["get", "worst"], "--text-2"), "circle-opacity": 0.18 } },
      { id: "alarm", type: "symbol", source: "alarms", layout: { ...text, "icon-image": bySeverity(["get", "worst"], (name) => `mark:${name}:30`, ""), "icon-size": scale(), "icon-allow-overlap": true, "icon-ignore-placement": true, "text-field": ["get", "note"], "text-size": sized(11), "text-offset": [0, 1.9], "symbol-sort-key": ["get", "worst"] }, paint: this.textPaint() },
      this.clusterKeeper(),
    ]);
  }

  /**
   * Keeps the names of places and things off the numbers of clusters: unseen, but first in the order of placement, so
   * that names give way (those of places move aside).
   */
  clusterKeeper() {
    return {
      id: "cluster-keeper", type: "symbol", source: "still", filter: IS_CLUSTER,
      layout: { "text-font": FONT, "text-field": ["to-string", ["get", "point_count_abbreviated"]], "text-size": sized(16), "text-padding": 7, "text-allow-overlap": true, "text-ignore-placement": false },
      paint: { "text-opacity": 0 },
    };
  }

  textPaint() {
    return { "text-color": token("--text"), "text-halo-color": token("--map-halo"), "text-halo-width": 1.8 };
  }

  /** Grey when normal; the ring takes the worst severity's colour, or the layer's when only one layer is inside. */
  clusterPaint() {
    const only = this.state.layers.flatMap((layer, index) => [index, layer.color]);
    const ring = only.length ? ["case", ["==", ["get", "lowest"], ["get", "highest"]], ["match", ["get", "lowest"], ...only, token("--map-cluster")], token("--map-cluster")] : token("--map-cluster");
    return {
      "circle-color": token("--map-chip"),
      "circle-radius": sized(["interpolate", ["linear"], ["get", "point_count"], 2, 14, 20, 17, 100, 22, 600, 30]),
      "circle-stroke-width": ["case", [">", ["get", "worst"], 0], 4, 2],
      "circle-stroke-color": bySeverity(["get", "worst"], (name) => token(`--severity-${name}`), ring),
      "circle-opacity": 0.96,
    };
  }

  clusterLabel() {
    return ["case", [">", ["get", "alarms"], 0],
      ["format", ["to-string", ["get", "point_count_abbreviated"]], {}, "\n", {}, ["concat", t("map.cluster.alarms"), ["to-string", ["get", "alarms"]]], { "font-scale": 0.72 }],
      ["to-string", ["get", "point_count_abbreviated"]]];
  }

  /** One set of style layers per layer that is on, piled in the chosen order; those switched off leave. */
  syncLayers() {
    const { map } = this;
    const wanted = new Set(this.state.shown().map((layer) => layer.id));
    for (const layer of this.state.layers) {
      if (!wanted.has(layer.id)) for (const id of this.styleLayers(layer.id)) if (map.getLayer(id)) map.removeLayer(id);
    }
    for (const layer of [...this.state.shown()].reverse()) {
      if (!map.getLayer(`point-${layer.id}`)) for (const specification of this.layerStyle(layer)) map.addLayer(/** @type {any} */ (specification), "mark-still");
      else for (const id of this.styleLayers(layer.id)) map.moveLayer(id, "mark-still");
      this.fade(layer.id, this.state.choice(layer.id).opacity);
    }
  }

  /** @param {string} id */
  styleLayers(id) {
    return [`fill-${id}`, `line-${id}`, `point-${id}`];
  }

  /** @param {Layer} layer */
  layerStyle(layer) {
    const here = ["==", ["get", "layer"], layer.id];
    const note = ["case", ["==", ["get", "note"], ""], "", ["concat", "\n", ["get", "note"]]];
    const named = ["format", ["get", "name"], {}, ["case", ["==", ["get", "value"], ""], "", ["concat", "\n", ["get", "value"]]], {}, note, { "font-scale": 0.85 }];
    const brief = ["format", ["get", "value"], {}, note, { "font-scale": 0.85 }];
    return [
      { id: `fill-${layer.id}`, type: "fill", source: "shapes", filter: ["all", here, ["==", ["geometry-type"], "Polygon"]], paint: { "fill-color": layer.color, "fill-opacity": 0.2 } },
      { id: `line-${layer.id}`, type: "line", source: "shapes", filter: here, paint: { "line-color": layer.color, "line-width": 2 } },
      {
        id: `point-${layer.id}`, type: "symbol", source: layer.live ? "moving" : "still", filter: ["all", NO_CLUSTER, here],
        layout: {
          "icon-image": chipName(layer, theme()), "icon-allow-overlap": true, "icon-ignore-placement": false,
          "icon-size": sized(["interpolate", ["linear"], ["zoom"], 8, layer.live ? 0.85 : 0.6, 12, layer.live ? 1 : 0.75, 14.5, 1, 18, 1.25]),
          "text-font": FONT, "text-size": sized(12), "text-variable-anchor": ["top", "bottom", "right", "left"], "text-radial-offset": 1.4, "text-justify": "auto", "text-optional": true, "text-max-width": 10, "text-padding": 3,
          "text-field": ["step", ["zoom"], "", BRIEF_ZOOM, brief, layer.live ? 12.5 : 14.3, named],
        },
        paint: { ...this.textPaint(), "icon-opacity": ["case", ["get", "stale"], 0.45, 1] },
      },
    ];
  }

  /** @param {string} id @param {number} opacity */
  fade(id, opacity) {
    const { map } = this;
    if (!map.getLayer(`point-${id}`)) return;
    map.setPaintProperty(`point-${id}`, "icon-opacity", ["case", ["get", "stale"], 0.45 * opacity, opacity]);
    map.setPaintProperty(`point-${id}`, "text-opacity", opacity);
    map.setPaintProperty(`fill-${id}`, "fill-opacity", 0.2 * opacity);
    map.setPaintProperty(`line-${id}`, "line-opacity", opacity);
  }

  /** Put all features of the layers that are on into the sources. */
  syncData() {
    /** @type {Record<string, any[]>} */
    const rows = { still: [], moving: [], shapes: [] };
    for (const layer of this.state.shown()) {
      for (const feature of this.features.of(layer.id)) if (feature.geometry) rows[this.sourceOf(layer, feature)].push(this.prepare(layer, feature));
    }
    for (const [source, features] of Object.entries(rows)) {
      this.drawn[source] = new Set(features.map((row) => row.properties.key));
      this.source(source).setData({ type: "FeatureCollection", features });
    }
  }

  /** @param {string} name @returns {import("maplibre-gl").GeoJSONSource} */
  source(name) {
    return /** @type {any} */ (this.map.getSource(name));
  }

  /** Apply single changes without sending everything again. @param {import("./features.js").Change[]} changes */
  applyChanges(changes) {
    if (!this.source("still")) return; // the style is still loading (or changing); syncData draws everything afterwards
    const shown = new Set(this.state.shown().map((layer) => layer.id));
    for (const name of Object.keys(this.drawn)) {
      const add = [];
      const remove = [];
      for (const change of changes.filter((row) => shown.has(row.layer))) {
        const layer = /** @type {Layer} */ (this.state.layer(change.layer));
        const key = `${change.layer}|${change.id}`;
        const here = change.feature?.geometry && this.sourceOf(layer, change.feature) === name;
        if (this.drawn[name].has(key)) remove.push(key);
        if (here) add.push(this.prepare(layer, /** @type {Feature} */ (change.feature)));
      }
      if (!add.length && !remove.length) continue;
      const kept = new Set(add.map((row) => row.properties.key));
      for (const key of remove) if (!kept.has(key)) this.drawn[name].delete(key);
      for (const key of kept) this.drawn[name].add(key);
      void this.source(name).updateData({ remove: remove.filter((key) => !kept.has(key)), add: /** @type {any} */ (add) });
    }
  }

  /** @param {import("../core/alarms.js").Alarm[]} rows */
  drawAlarms(rows) {
    const features = rows.filter((row) => row.location && row.active && !(row.entity_id && this.features.find(row.entity_id))).map((row) => ({
      type: "Feature", geometry: { type: "Point", coordinates: row.location },
      properties: { id: row.id, worst: SEVERITIES.length - SEVERITIES.indexOf(/** @type {any} */ (row.severity)), name: both(row, "headline"), note: [row.status !== "actual" ? t(`mark.${row.status}`) : "", row.label ? t(`mark.${row.label}`) : ""].filter(Boolean).join(" · ") },
    }));
    this.source("alarms").setData(/** @type {any} */ ({ type: "FeatureCollection", features }));
  }

  /** @param {any} collection */
  drawAreas(collection) {
    this.source("areas").setData(collection);
  }

  /** Ring around the selected thing. @param {[number, number] | null} place */
  choose(place) {
    const features = place ? [{ type: "Feature", geometry: { type: "Point", coordinates: place }, properties: {} }] : [];
    this.source("chosen").setData(/** @type {any} */ ({ type: "FeatureCollection", features }));
  }

  /** New theme or language: symbols, colours and words anew. */
  repaint() {
    const { map } = this;
    for (const layer of map.getStyle().layers) {
      if (!layer.id.startsWith("base-")) map.removeLayer(layer.id);
    }
    for (const id of map.listImages()) map.removeImage(id);
    this.addFixedLayers();
    this.syncLayers();
    this.syncData();
  }
}
