/** What the map shows: layers with order and opacity, selection, view and base map; kept in the address and the browser. */
import { probe } from "../core/start.js";

/**
 * @typedef {{id: string, domain: string, name_ja: string, name_en: string, type: string, color: string, icon: string, count: number,
 *   order: number, visible: boolean, opacity: number, live: boolean, stale_after_s: number | null, credit_ja: string,
 *   credit_en: string, credit_url: string | null, licence: string, label: string | null}} Layer
 * @typedef {{id: string, on: boolean, opacity: number}} Choice top of the pile first
 * @typedef {{kind: "entity", layer: string, id: string} | {kind: "alarm", id: string} | null} Selection
 * @typedef {{lat: number, lon: number, zoom: number}} Camera
 */

const STORE = "mn-map";

/** @param {string | null} text @returns {Camera | null} */
function readCamera(text) {
  const [lat, lon, zoom] = (text ?? "").split(",").map(Number);
  return Number.isFinite(lat) && Number.isFinite(lon) && text ? { lat, lon, zoom: Number.isFinite(zoom) ? zoom : 15 } : null;
}

/** Layers in an address: `a,b:0.5`, top first; those not named are off. @param {string} text @returns {Choice[]} */
export function readLayers(text) {
  return text.split(",").filter(Boolean).map((part) => {
    const [id, opacity] = part.split(":");
    return { id, on: true, opacity: opacity ? Math.min(1, Math.max(0.1, Number(opacity) || 1)) : 1 };
  });
}

export class MapState extends EventTarget {
  constructor() {
    super();
    const query = new URLSearchParams(location.search);
    /** @type {Layer[]} */
    this.layers = [];
    /** @type {{id: string, name_ja: string, name_en: string}[]} */
    this.domains = [];
    /** @type {Choice[]} */
    this.pile = [];
    this.camera = readCamera(query.get("at"));
    /** The city's centre, longitude and latitude. @type {[number, number] | null} */
    this.home = null;
    this.given = { layers: query.get("layers"), select: query.get("select"), alarm: query.get("alarm") };
    /** @type {"map" | "list"} */
    this.view = query.get("view") === "list" ? "list" : "map";
    this.base = query.get("base") ?? "bundled";
    this.filter = "";
    /** @type {Selection} */
    this.selection = null;
    Object.defineProperty(probe, "layers", { get: () => this.shown().map((layer) => layer.id), enumerable: true });
    Object.defineProperty(probe, "selected", { get: () => this.selection?.id ?? null, enumerable: true });
  }

  /** @param {{layers: Layer[], domains: {id: string, name_ja: string, name_en: string}[]}} answer */
  useLayers(answer) {
    this.layers = [...answer.layers].sort((a, b) => a.order - b.order);
    this.domains = answer.domains;
    const wanted = this.given.layers === null ? this.remembered() : readLayers(this.given.layers);
    const known = (wanted ?? []).filter((row) => this.layer(row.id));
    const rest = this.layers.filter((layer) => !known.some((row) => row.id === layer.id));
    this.pile = [...known, ...rest.map((layer) => ({ id: layer.id, on: wanted ? false : layer.visible, opacity: layer.opacity }))];
    this.tell("layers");
  }

  /** @returns {Choice[] | null} */
  remembered() {
    try {
      const found = JSON.parse(localStorage.getItem(STORE) ?? "null");
      return Array.isArray(found) ? found.filter((row) => typeof row?.id === "string") : null;
    } catch {
      return null;
    }
  }

  /** @param {string} name */
  tell(name) {
    this.dispatchEvent(new Event(name));
  }

  /** @param {string} id */
  layer(id) {
    return this.layers.find((layer) => layer.id === id);
  }

  /** @param {string} id */
  choice(id) {
    return this.pile.find((row) => row.id === id) ?? { id, on: false, opacity: 1 };
  }

  /** Layers that are on, top of the pile first. @returns {Layer[]} */
  shown() {
    return this.pile.filter((row) => row.on).flatMap((row) => this.layer(row.id) ?? []);
  }

  /** @param {string} id @param {boolean} on */
  switch(id, on) {
    this.pile = this.pile.map((row) => (row.id === id ? { ...row, on } : row));
    this.keep("layers");
  }

  /** @param {string} id @param {number} opacity 0.1 … 1 */
  fade(id, opacity) {
    this.pile = this.pile.map((row) => (row.id === id ? { ...row, opacity } : row));
    this.keep("layers");
  }

  /** Move a layer above (-1) or below (+1) its neighbour that is on. @param {string} id @param {-1 | 1} step */
  move(id, step) {
    const on = this.pile.filter((row) => row.on);
    const other = on[on.findIndex((row) => row.id === id) + step];
    if (!other) return;
    const here = this.pile.findIndex((row) => row.id === id);
    const there = this.pile.indexOf(other);
    const pile = [...this.pile];
    [pile[here], pile[there]] = [pile[there], pile[here]];
    this.pile = pile;
    this.keep("layers");
  }

  /** @param {Selection} selection */
  select(selection) {
    this.selection = selection;
    this.keep("selection");
  }

  /** @param {"map" | "list"} view */
  show(view) {
    this.view = view;
    this.keep("view");
  }

  /** @param {string} id */
  useBase(id) {
    this.base = id;
    this.keep("base");
  }

  /** @param {string} text */
  search(text) {
    this.filter = text;
    this.tell("filter");
  }

  /** @param {Camera} camera */
  look(camera) {
    this.camera = camera;
    this.keep("camera");
  }

  /** Tell the islands and write the address; the layer choice is also remembered for the next visit. @param {string} what */
  keep(what) {
    if (what === "layers") localStorage.setItem(STORE, JSON.stringify(this.pile));
    history.replaceState(null, "", this.address());
    this.tell(what);
  }

  /** The address that shows the same map again. */
  address() {
    const query = new URLSearchParams(location.search);
    const put = (/** @type {string} */ name, /** @type {string | null} */ value) => (value ? query.set(name, value) : query.delete(name));
    const on = this.pile.filter((row) => row.on);
    query.set("layers", on.map((row) => (row.opacity < 1 ? `${row.id}:${row.opacity}` : row.id)).join(","));
    if (this.camera) put("at", [this.camera.lat.toFixed(5), this.camera.lon.toFixed(5), this.camera.zoom.toFixed(2)].join(","));
    put("view", this.view === "list" ? "list" : null);
    put("base", this.base === "bundled" ? null : this.base);
    put("select", this.selection?.kind === "entity" ? this.selection.id : null);
    put("alarm", this.selection?.kind === "alarm" ? this.selection.id : null);
    return `${location.pathname}?${query}`.replaceAll("%2C", ",").replaceAll("%3A", ":");
  }
}
