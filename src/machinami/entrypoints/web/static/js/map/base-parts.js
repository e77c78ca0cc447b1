/** What base maps have in common: the letters, the name of the one that is shown instead of the bundled one, images as tiles. */
import { theme } from "../core/theme.js";

export const FONT = ["Noto Sans JP", "Noto Sans CJK JP", "sans-serif"];

/** The id of whatever base map is shown instead of the bundled one, and the beginning of its layers' ids. */
export const OTHER = "base-other";

/** @param {import("../core/session.js").Basemap} base @param {string} url with {z}, {x} and {y} */
export const rasterSource = (base, url) => ({ type: "raster", tiles: [url], tileSize: 256, minzoom: base.min_zoom ?? 0, maxzoom: base.max_zoom ?? 18, ...(base.bounds ? { bounds: base.bounds } : {}) });

/** Calm, and dimmed at night, so that the city's own signs stand out. @returns {any[]} */
export const rasterLayers = () => [{ id: OTHER, type: "raster", source: OTHER, paint: { "raster-saturation": -0.35, "raster-brightness-max": theme() === "night" ? 0.6 : 1 } }];
