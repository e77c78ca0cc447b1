/** The bundled base map: sea, land, lines and labels from our own files, in the colours of the theme. No country border. */
import { language } from "../core/i18n.js";
import { start } from "../core/start.js";
import { sized, token } from "../core/theme.js";
import { FONT, OTHER, rasterLayers, rasterSource } from "./base-parts.js";

const labelText = () => /** @type {any} */ (["get", language()]);

/** @param {string} kind */
const ofKind = (kind) => /** @type {any} */ (["==", ["get", "kind"], kind]);

/** @returns {any[]} layers, lowest first */
function layers() {
  const line = { "line-join": "round", "line-cap": "round" };
  return [
    { id: "base-sea", type: "background", paint: { "background-color": token("--map-sea") } },
    { id: "base-shelf", type: "line", source: "land", maxzoom: 12, layout: line, paint: { "line-color": token("--map-shelf"), "line-width": ["interpolate", ["exponential", 1.6], ["zoom"], 5, 2, 9, 16, 12, 50], "line-blur": ["interpolate", ["exponential", 1.6], ["zoom"], 5, 2, 9, 12, 13, 60], "line-opacity": ["interpolate", ["linear"], ["zoom"], 9, 0.55, 12, 0] } },
    { id: "base-land", type: "fill", source: "land", paint: { "fill-color": token("--map-land"), "fill-antialias": false } },
    { id: "base-coast", type: "line", source: "land", layout: line, paint: { "line-color": token("--map-coast"), "line-width": ["interpolate", ["linear"], ["zoom"], 5, 0.4, 10, 1, 15, 2] } },
    { id: "base-municipality", type: "line", source: "lines", filter: ofKind("municipality"), minzoom: 7.5, layout: line, paint: { "line-color": token("--map-line"), "line-width": ["interpolate", ["linear"], ["zoom"], 8, 0.7, 11, 1.3, 15, 2.2], "line-dasharray": [3, 2] } },
    { id: "base-prefecture", type: "line", source: "lines", filter: ofKind("prefecture"), layout: line, paint: { "line-color": token("--map-line-strong"), "line-width": ["interpolate", ["linear"], ["zoom"], 5, 0.5, 10, 1.6, 15, 2.6] } },
  ];
}

/** @returns {any[]} label layers, drawn above the base and below the city's layers */
function labels() {
  const paint = { "text-color": token("--map-label"), "text-halo-color": token("--map-halo"), "text-halo-width": 1.6 };
  const text = { "text-field": labelText(), "text-font": FONT, "text-padding": 6, "text-max-width": 9, "text-variable-anchor": ["center", "bottom", "top", "left", "right"], "text-radial-offset": 1.5, "text-justify": "auto" };
  return [
    { id: "base-label-district", type: "symbol", source: "labels", filter: ofKind("district"), minzoom: 10.9, layout: { ...text, "text-size": sized(["interpolate", ["linear"], ["zoom"], 11, 11, 15, 15]) }, paint: { ...paint, "text-color": token("--map-label-soft") } },
    { id: "base-label-municipality", type: "symbol", source: "labels", filter: ofKind("municipality"), minzoom: 8.2, maxzoom: 13.5, layout: { ...text, "text-letter-spacing": 0.12, "text-size": sized(["interpolate", ["linear"], ["zoom"], 8.5, 11, 11, 16, 13, 20]) }, paint },
    { id: "base-label-prefecture", type: "symbol", source: "labels", filter: ofKind("prefecture"), minzoom: 4.5, maxzoom: 8.4, layout: { ...text, "text-letter-spacing": 0.15, "text-size": sized(["interpolate", ["linear"], ["zoom"], 5, 10, 8, 15]) }, paint },
  ];
}

/** @returns {any} a style without `glyphs`: labels are drawn with the computer's own fonts (console.md 5) */
export function baseStyle() {
  return {
    version: 8,
    sources: {
      land: { type: "geojson", data: start.base.land, tolerance: 0.2 },
      lines: { type: "geojson", data: start.base.lines, tolerance: 0.2 },
      labels: { type: "geojson", data: start.base.labels },
    },
    layers: [...layers(), ...labels()],
  };
}

/** Give the base the theme's colours and the language's labels. @param {import("maplibre-gl").Map} map */
export function repaintBase(map) {
  for (const layer of [...layers(), ...labels()]) {
    for (const [name, value] of Object.entries(layer.paint ?? {})) map.setPaintProperty(layer.id, /** @type {any} */ (name), value);
    if (layer.type === "symbol") map.setLayoutProperty(layer.id, "text-field", labelText());
  }
}

/** @typedef {{source: any, layers: any[]}} OtherBase */

/** What to draw for a base map that is not the bundled one. @param {import("../core/session.js").Basemap} base @returns {Promise<OtherBase>} */
export async function otherBase(base) {
  if (base.kind === "pmtiles") return (await import("./imported-base.js")).importedBase(base);
  return { source: rasterSource(base, /** @type {string} */ (base.url)), layers: rasterLayers() };
}

/** Show another base map instead of the bundled one, or the bundled one again. @param {import("maplibre-gl").Map} map @param {OtherBase | null} other */
export function useBase(map, other) {
  for (const id of map.getLayersOrder()) if (id.startsWith(OTHER)) map.removeLayer(id);
  if (map.getSource(OTHER)) map.removeSource(OTHER);
  if (other) {
    map.addSource(OTHER, other.source);
    for (const layer of other.layers) map.addLayer(layer, "base-label-district");
  }
  for (const layer of [...layers().slice(1), ...labels()]) map.setLayoutProperty(layer.id, "visibility", other ? "none" : "visible");
}
