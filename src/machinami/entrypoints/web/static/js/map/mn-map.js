/** `<mn-map>`: the one city map with its panels. Without WebGL, or when the map does not start, it is the list view (M14). */
import { html } from "lit";
import { activeAlarms, allAlarms, alarm, alarmChanges, isActive } from "../core/alarms.js";
import { get } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { both, language, languageChanges, t } from "../core/i18n.js";
import { city } from "../core/session.js";
import { markReady, probe, start } from "../core/start.js";
import { scale, stillness, themeChanges } from "../core/theme.js";
import { searches } from "../shell/search.js";
import { toast, toastProblem } from "../shell/toasts.js";
import { Features } from "./features.js";
import { MapState } from "./state.js";
import "./mn-layers.js";
import "./mn-list.js";
import "./mn-side.js";
import "./mn-base-choice.js";

const WATCHDOG_MS = 15_000;
const STALE_CHECK_MS = 15_000;
const ALARM_SETTLE_MS = 300;
/** How near a search result is shown: the bundled base map has no streets, so that nearer nothing would be around it. */
const FOUND_ZOOM = { bundled: 15, detailed: 16 };

export class MnMap extends MnElement {
  static properties = { city: { state: true }, problem: { state: true }, webgl: { state: true } };

  constructor() {
    super();
    this.state = new MapState();
    this.features = new Features(this.state);
    /** @type {import("../core/session.js").City | null} */
    this.city = null;
    this.problem = "";
    this.webgl = true;
    /** @type {import("maplibre-gl").Map | null} */
    this.map = null;
    /** @type {import("./draw.js").Drawing | null} */
    this.drawing = null;
    this.alarmTimer = 0;
    this.dataTimer = 0;
    this.ready = false;
    /** Ids of the alarms whose areas are drawn. */
    this.areasOf = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(this.state, "layers", () => this.layersChanged());
    this.watch(this.state, "view");
    this.watch(this.state, "base", () => this.baseChanged());
    this.watch(this.state, "selection", () => this.selectionChanged());
    this.watch(this.features, "loaded", () => this.dataChanged());
    this.watch(this.features, "changes", (event) => this.drawing?.applyChanges(event.detail));
    this.watch(alarmChanges, "change", () => this.alarmsChanged());
    this.watch(searches, "go", (event) => this.go(event.detail));
    this.watch(themeChanges, "change", () => this.repaint());
    this.watch(languageChanges, "change", () => this.repaint());
    const timer = setInterval(() => this.ageFeatures(), STALE_CHECK_MS);
    this.endings.push(() => clearInterval(timer));
    void this.begin();
  }

  async begin() {
    await this.updateComplete;
    try {
      const [found, layers] = await Promise.all([city(), get("/api/layers")]);
      this.city = found;
      this.state.home = found.center;
      this.state.useLayers(layers);
      if (!this.base()) this.state.useBase("bundled");
    } catch (problem) {
      toastProblem(problem);
      this.problem = /** @type {Error} */ (problem).message;
      markReady("problem");
      return;
    }
    const loading = this.features.loadShown();
    const alone = this.startMap();
    await loading;
    this.selectGiven();
    if (!(await alone)) this.fallBack();
  }

  /** @returns {Promise<boolean>} whether the map is on the screen */
  async startMap() {
    const place = this.state.camera ?? { lat: this.city?.center[1] ?? 35.7, lon: this.city?.center[0] ?? 139.7, zoom: (this.city?.zoom ?? 10) + Math.log2(scale()) };
    const [{ Map: GlMap, NavigationControl, ScaleControl, setWorkerUrl }, { baseStyle }, { Drawing }, { drawMissingImages }] = await Promise.all([
      import("maplibre-gl"), import("./base-style.js"), import("./draw.js"), import("./sprites.js"),
    ]);
    setWorkerUrl(start.worker);
    try {
      this.map = new GlMap({
        container: /** @type {HTMLElement} */ (this.querySelector(".map-canvas")), style: baseStyle(), center: [place.lon, place.lat], zoom: place.zoom,
        minZoom: 3, maxZoom: 19, attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false, fadeDuration: 0,
        localIdeographFontFamily: "'Noto Sans JP', 'Noto Sans CJK JP', sans-serif", locale: { "Map.Title": t("page.map") },
      });
    } catch {
      return false;
    }
    const { map } = this;
    this.pad();
    this.watch(window, "resize", () => this.pad());
    map.touchZoomRotate.disableRotation();
    map.addControl(new NavigationControl({ showCompass: false }), "bottom-right");
    map.addControl(new ScaleControl({ maxWidth: 120 }), "bottom-left");
    drawMissingImages(map);
    map.on("error", (event) => this.mapProblem(event));
    this.drawing = new Drawing(map, this.state, this.features);
    const begun = await Promise.race([new Promise((done) => map.once("load", () => done(true))), new Promise((done) => setTimeout(done, WATCHDOG_MS, false))]);
    if (begun) this.mapBegun();
    return Boolean(begun);
  }

  /** Centre what is shown between the panels, not beneath them. */
  pad() {
    const wide = matchMedia("(min-width: 1100px)").matches;
    const rem = 16 * scale();
    this.map?.setPadding({ top: 0, bottom: 0, left: wide ? 20 * rem : 0, right: wide ? 23.5 * rem : 0 });
  }

  mapBegun() {
    const map = /** @type {import("maplibre-gl").Map} */ (this.map);
    const drawing = /** @type {import("./draw.js").Drawing} */ (this.drawing);
    drawing.addSources();
    drawing.addFixedLayers();
    drawing.syncLayers();
    drawing.syncData();
    this.ready = true;
    this.alarmsChanged();
    this.baseChanged();
    this.selectionChanged();
    map.on("moveend", () => this.state.look({ lat: map.getCenter().lat, lon: map.getCenter().lng, zoom: map.getZoom() }));
    map.on("click", (event) => this.clicked(event));
    map.on("mousemove", (event) => (map.getCanvas().style.cursor = this.hits(event.point).length ? "pointer" : ""));
    map.getCanvas().setAttribute("aria-label", t("map.canvas"));
    Object.assign(probe, { map, rendered: (/** @type {string} */ id) => map.queryRenderedFeatures({ layers: [`point-${id}`, "cluster"] }).length });
    void this.features.loadShown().then(() => map.once("idle", () => markReady(this.state.view === "list" ? "list" : "yes")));
  }

  fallBack() {
    this.webgl = false;
    this.map?.remove();
    this.map = this.drawing = null;
    this.state.show("list");
    toast(t("map.nowebgl"), { seconds: 12 });
    markReady("list");
  }

  /** @param {any} event */
  mapProblem(event) {
    if (event.sourceId === "base-other") this.loseBase();
    else {
      toast(t("map.problem", { text: event.error?.message ?? "" }), { tone: "error" });
    }
  }

  /** @param {{x: number, y: number}} point */
  hits(point) {
    const map = /** @type {import("maplibre-gl").Map} */ (this.map);
    const layers = ["alarm", "cluster", ...this.state.shown().flatMap((layer) => [`point-${layer.id}`, `line-${layer.id}`, `fill-${layer.id}`]), "area-fill"];
    const box = /** @type {any} */ ([[point.x - 6, point.y - 6], [point.x + 6, point.y + 6]]);
    return map.queryRenderedFeatures(box, { layers: layers.filter((id) => map.getLayer(id)) });
  }

  /** @param {any} event */
  async clicked(event) {
    const [hit] = this.hits(event.point);
    if (!hit) return this.state.select(null);
    if (hit.layer.id === "cluster") {
      const zoom = await this.drawing?.source("still").getClusterExpansionZoom(hit.properties.cluster_id);
      this.fly(/** @type {any} */ (hit.geometry).coordinates, Math.min(18, (zoom ?? 12) + 0.2));
    } else if (hit.source === "alarms") this.state.select({ kind: "alarm", id: hit.properties.id });
    else if (hit.source === "areas") this.state.select({ kind: "alarm", id: hit.properties.alarm_id });
    else this.state.select({ kind: "entity", layer: hit.properties.layer, id: hit.properties.id });
  }

  /** @param {[number, number]} place longitude, latitude @param {number} [zoom] */
  fly(place, zoom) {
    if (!this.map) return;
    const camera = { center: place, zoom: zoom ?? Math.max(this.map.getZoom(), 14.5) };
    if (stillness()) this.map.jumpTo(camera);
    else this.map.flyTo({ ...camera, duration: 600 });
  }

  /** A search result. @param {import("../shell/search.js").Found} found */
  go(found) {
    if (found.lat === null || found.lon === null) return;
    const zoom = this.base()?.kind === "bundled" ? FOUND_ZOOM.bundled : FOUND_ZOOM.detailed;
    this.state.look({ lat: found.lat, lon: found.lon, zoom });
    this.map?.jumpTo({ center: [found.lon, found.lat], zoom });
    this.drawing?.choose([found.lon, found.lat]);
    if (found.kind === "entity" && found.id) this.selectEntity(found.id);
  }

  /** @param {string} id */
  selectEntity(id) {
    this.state.select({ kind: "entity", layer: this.features.find(id)?.layer ?? "", id });
  }

  selectGiven() {
    const { select, alarm: wanted } = this.state.given;
    if (select) this.selectEntity(select);
    else if (wanted) this.state.select({ kind: "alarm", id: wanted });
  }

  selectionChanged() {
    const { selection } = this.state;
    if (this.ready && this.drawing) {
      const found = selection?.kind === "entity" ? this.features.find(selection.id)?.feature.geometry : null;
      const place = selection?.kind === "alarm" ? alarm(selection.id)?.location ?? null : found?.type === "Point" ? found.coordinates : null;
      if (place || !selection) this.drawing.choose(place);
    }
    this.requestUpdate();
  }

  layersChanged() {
    void this.features.loadShown();
    if (this.ready && this.drawing) {
      this.drawing.syncLayers();
      this.dataChanged();
    }
    this.requestUpdate();
  }

  /** Several layers may arrive together: draw them once. */
  dataChanged() {
    this.dataTimer ||= requestAnimationFrame(() => {
      this.dataTimer = 0;
      if (this.ready) this.drawing?.syncData();
    });
  }

  alarmsChanged() {
    window.clearTimeout(this.alarmTimer);
    this.alarmTimer = window.setTimeout(() => void this.drawAlarms(), ALARM_SETTLE_MS);
  }

  async drawAlarms() {
    if (!this.ready || !this.drawing) return;
    this.drawing.drawAlarms(activeAlarms());
    const open = allAlarms().filter(isActive).map((row) => row.id).sort().join();
    if (open === this.areasOf) return;
    this.areasOf = open;
    await get("/api/areas/alarms").then((areas) => this.drawing?.drawAreas(areas), toastProblem);
  }

  /** The base map that is chosen. */
  base() {
    return this.city?.basemaps.find((row) => row.id === this.state.base);
  }

  async baseChanged() {
    this.requestUpdate();
    if (!this.ready || !this.map) return;
    const chosen = this.base();
    const { otherBase, useBase } = await import("./base-style.js");
    try {
      const other = chosen && chosen.kind !== "bundled" ? await otherBase(chosen) : null;
      if (chosen === this.base() && this.map) useBase(this.map, other);
    } catch {
      if (chosen === this.base()) this.loseBase();
    }
  }

  /** The bundled base map instead of one that can't be shown, said once. */
  loseBase() {
    const lost = this.base();
    if (!lost || lost.kind === "bundled") return;
    this.state.useBase("bundled");
    toast(t(lost.kind === "pmtiles" ? "base.broken" : "base.lost"), { seconds: 12 });
  }

  async repaint() {
    if (!this.ready || !this.map) return;
    const { repaintBase } = await import("./base-style.js");
    repaintBase(this.map);
    await this.baseChanged();
    this.drawing?.repaint();
    this.map.getCanvas().setAttribute("aria-label", t("map.canvas"));
  }

  /** Values grow old without any event: mark them when their limit has passed. */
  ageFeatures() {
    for (const layer of this.state.shown()) {
      if (layer.stale_after_s === null) continue;
      for (const feature of this.features.of(layer.id)) this.features.note({ layer: layer.id, id: feature.properties.id, feature });
    }
  }

  /** Credits of the base map and of all layers that are on; they cannot be hidden (console.md 5). */
  credits() {
    const base = this.base();
    const rows = [{ text: base ? both(base, "credit") : "", url: base?.link || null }, ...this.state.shown().map((layer) => ({ text: both(layer, "credit"), url: layer.credit_url }))];
    const seen = new Map(rows.filter((row) => row.text).map((row) => [row.text, row]));
    return [...seen.values()].map((row) => (row.url ? html`<a href=${row.url} rel="noopener" target="_blank">${row.text}</a>` : html`<span>${row.text}</span>`));
  }

  render() {
    const list = this.state.view === "list";
    return html`<section class="map-page ${list ? "as-list" : ""}" aria-label=${t("page.map")}>
      <div class="map-canvas"></div>
      ${list ? html`<mn-list .state=${this.state} .features=${this.features} .fly=${(/** @type {any} */ place) => this.fly(place)}></mn-list>` : ""}
      <mn-layers .state=${this.state} .features=${this.features}></mn-layers>
      <mn-side .state=${this.state} .features=${this.features} .fly=${(/** @type {any} */ place, /** @type {number} */ zoom) => this.fly(place, zoom)}></mn-side>
      <div class="map-tools">
        <mn-base-choice .state=${this.state} .basemaps=${this.city?.basemaps ?? []}></mn-base-choice>
        <button class="button" ?disabled=${!this.webgl} aria-pressed=${list} @click=${() => this.state.show(list ? "map" : "list")}>${t(list ? "map.as.map" : "map.as.list")}</button>
      </div>
      <p class="map-credits" lang=${language()}>${this.credits()}</p>
    </section>`;
  }
}
customElements.define("mn-map", MnMap);
