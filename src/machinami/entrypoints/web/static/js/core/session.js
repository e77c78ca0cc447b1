/** The city, the visitor and the base maps: asked once per page. */
import { get, useCsrf } from "./api.js";

/**
 * @typedef {{id: string, kind: "bundled" | "raster" | "pmtiles", tiles?: "raster" | "vector", url?: string, name_ja?: string, name_en?: string,
 *   min_zoom?: number, max_zoom?: number, bounds?: [number, number, number, number], credit_ja?: string, credit_en?: string, link?: string}} Basemap
 * @typedef {{profile: string, name_ja: string, name_en: string, code: string, center: [number, number], zoom: number, dev: boolean,
 *   version: string, me: {name: string, principal: string, roles: string[]} | null, csrf: string, basemaps: Basemap[]}} City
 */

/** @type {Promise<City> | null} */
let asked = null;

/** @returns {Promise<City>} */
export function city() {
  asked ??= get("/api/city").then((answer) => {
    useCsrf(answer.csrf ?? "");
    return answer;
  });
  asked.catch(() => {
    asked = null;
  });
  return asked;
}
