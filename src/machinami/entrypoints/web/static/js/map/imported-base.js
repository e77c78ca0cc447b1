/**
 * Base maps that the town imported (PMTiles): images as they are, vector tiles in one neutral style over whatever layers the
 * archive names. Neither borders nor names of countries are drawn (console.md 5, law rule 1).
 */
import { addProtocol } from "maplibre-gl";
import { PMTiles, Protocol } from "pmtiles";
import { language } from "../core/i18n.js";
import { sized, token } from "../core/theme.js";
import { FONT, OTHER, rasterLayers, rasterSource } from "./base-parts.js";

const protocol = new Protocol();
addProtocol("pmtiles", protocol.tile);

/** What a layer holds, by its name in the schemes of OpenMapTiles, Protomaps, GSI's vector tiles and plain Japanese (escaped); the first that fits. */
const KINDS = /** @type {[string, RegExp][]} */ ([
  ["border", /bound|bdry|border|admin|^adm|\u884c\u653f|\u5883\u754c/i],
  ["label", /place|label|name|poi|anno|\u6ce8\u8a18|\u5730\u540d/i],
  ["water", /water|ocean|sea|river|rvr|lake|cstline|^w[al]$|\u6c34|\u6d77|\u6cb3|\u6e56/i],
  ["building", /build|bld|\u5efa\u7269/i],
  ["rail", /rail|\u9244\u9053|\u8ecc\u9053/i],
  ["road", /road|transport|street|highway|^rd|\u9053\u8def/i],
  ["land", /land|earth|park|wood|forest|green|area|\u571f\u5730|\u7dd1/i],
]);
const TEXTS = { ja: ["name:ja", "name_ja", "name", "vt_text", "name:en"], en: ["name:en", "name_en", "name:latin", "name", "vt_text"] };
const NOT_NAMED = ["country", "continent", "disputed", "territory"];

/** @param {string} id */
const kindOf = (id) => KINDS.find(([, pattern]) => pattern.test(id))?.[0] ?? "other";

/** @param {"Point" | "LineString" | "Polygon"} shape */
const only = (shape) => ["in", ["geometry-type"], ["literal", [shape, `Multi${shape}`]]];

/** @param {string} colour @param {number} opacity */
const fill = (colour, opacity) => ({ type: "fill", filter: only("Polygon"), paint: { "fill-color": token(colour), "fill-opacity": opacity, "fill-antialias": false } });

/** @param {string} colour @param {[number, number, number]} widths at zoom 8, 14 and 18 @param {object} [more] */
const line = (colour, [far, near, close], more) => ({ type: "line", filter: only("LineString"), layout: { "line-join": "round", "line-cap": "round" }, paint: { "line-color": token(colour), "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], 8, far, 14, near, 18, close], ...more } });

/** Drawn from the first to the last. @returns {[string, any][]} */
const drawings = () => [
  ["land", fill("--map-coast", 0.14)],
  ["water", fill("--map-sea", 1)],
  ["water", line("--map-coast", [0.4, 1, 2])],
  ["other", line("--map-line", [0.2, 0.6, 1], { "line-opacity": 0.7 })],
  ["building", fill("--map-line", 0.5)],
  ["road", line("--map-line", [0.3, 1.6, 7])],
  ["rail", line("--map-line-strong", [0.5, 1.4, 2.5], { "line-dasharray": [4, 2] })],
];

/** @param {string[]} texts attributes that may hold a name */
function label(texts) {
  const kind = ["to-string", ["coalesce", ["get", "kind"], ["get", "class"], ["get", "place"], ["get", "pmap:kind"], ""]];
  return {
    type: "symbol",
    filter: ["all", only("Point"), ["!", ["in", kind, ["literal", NOT_NAMED]]]],
    layout: { "text-field": ["to-string", ["coalesce", ...texts.map((text) => ["get", text]), ""]], "text-font": FONT, "text-padding": 6, "text-max-width": 9, "text-size": sized(["interpolate", ["linear"], ["zoom"], 8, 11, 16, 14]) },
    paint: { "text-color": token("--map-label-soft"), "text-halo-color": token("--map-halo"), "text-halo-width": 1.4 },
  };
}

/** @param {any[]} found the archive's `vector_layers` @returns {any[]} */
function vectorLayers(found) {
  const named = found.filter((row) => typeof row?.id === "string").map((row) => ({ id: row.id, kind: kindOf(row.id), fields: Object.keys(row.fields ?? {}) }));
  const texts = TEXTS[language()];
  const places = named.filter((row) => row.kind !== "border" && (row.kind === "label" || row.fields.some((name) => texts.includes(name))));
  const rows = [
    ...drawings().flatMap(([kind, drawing]) => named.filter((row) => row.kind === kind).map((row) => ({ row, drawing }))),
    ...places.map((row) => ({ row, drawing: label(texts) })),
  ];
  const ground = { id: `${OTHER}-ground`, type: "background", paint: { "background-color": token("--map-land") } };
  return [ground, ...rows.map(({ row, drawing }, index) => ({ id: `${OTHER}-${index}-${row.id}`, source: OTHER, "source-layer": row.id, ...drawing }))];
}

/** @param {import("../core/session.js").Basemap} base @returns {Promise<import("./base-style.js").OtherBase>} */
export async function importedBase(base) {
  const address = new URL(/** @type {string} */ (base.url), location.href).href;
  const archive = protocol.get(address) ?? new PMTiles(address);
  protocol.add(archive);
  const tiles = `pmtiles://${address}/{z}/{x}/{y}`;
  if (base.tiles === "raster") return { source: rasterSource(base, tiles), layers: rasterLayers() };
  const { vector_layers: found } = /** @type {any} */ (await archive.getMetadata());
  return { source: { type: "vector", tiles: [tiles], minzoom: base.min_zoom, maxzoom: base.max_zoom, bounds: base.bounds }, layers: vectorLayers(found ?? []) };
}
