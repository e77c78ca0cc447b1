/** Machinami's own line icons on a 24 × 24 field: the interface draws them as SVG, the map as sprites. */
import { svg } from "lit";

/** @param {number} x @param {number} y @param {number} r */
const ring = (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
/** @param {number} y */
const wave = (y) => `M3 ${y}c1.500 0 1.500-1.600 3-1.600s1.500 1.600 3 1.600 1.500-1.600 3-1.600 1.500 1.600 3 1.600 1.500-1.600 3-1.600 1.500 1.600 3 1.600`;

export const ICONS = /** @type {Record<string, string>} */ ({
  // things on the map
  shelter: "M3 11.500 12 4l9 7.500M5.500 9.800V20h13V9.800M10 20v-5.500h4V20",
  tsunami: `M7 14V3.500h10V14M10.500 7h.01M13.500 7h.01M10.500 10.500h.01M13.500 10.500h.01${wave(17.5)}${wave(21)}`,
  aed: "M12 20.300S3.800 15.500 3.800 9.400A4.300 4.300 0 0 1 12 7.300a4.300 4.300 0 0 1 8.200 2.100c0 6.100-8.200 10.900-8.200 10.900zM12.700 9l-2.200 3.400h3l-2.200 3.400",
  hospital: "M9 3.500h6V9h5.500v6H15v5.500H9V15H3.500V9H9z",
  toilet: `${ring(7.5, 5, 1.8)}${ring(16.5, 5, 1.8)}M7.500 9v6M5 9.500h5M6 15v5.500M9 15v5.500M16.500 9l-2.700 6.500h5.400zM15.500 15.500v5M17.500 15.500v5M12 4v17`,
  park: "M12 21v-5.500M12 3l5 6.500h-2.300l4.300 6H5l4.300-6H7z",
  pond: `${wave(8)}${wave(13)}${wave(18)}`,
  event: "M4 6h16v14H4zM4 10.500h16M8 3.500V8M16 3.500V8M12 13l.8 1.700 1.900.2-1.400 1.300.4 1.800-1.700-.9-1.700.9.400-1.800-1.400-1.300 1.900-.2z",
  weather: "M10 13.500V6a2 2 0 1 1 4 0v7.500a4 4 0 1 1-4 0zM12 9.500v7M17 6h3M17 9.500h2",
  gauge: `M6 3v18M6 5h4M6 8.500h2.700M6 12h4M6 15.500h2.700M12.500 14c1.200 0 1.200-1.400 2.500-1.400s1.300 1.400 2.600 1.400 1.300-1.400 2.600-1.400M12.500 18c1.200 0 1.200-1.400 2.500-1.400s1.300 1.400 2.600 1.400 1.300-1.400 2.600-1.400`,
  bus: "M5 5.500A1.500 1.500 0 0 1 6.500 4h11A1.500 1.500 0 0 1 19 5.500V17H5zM5 11.500h14M8 17v2.500M16 17v2.500M8 14.300h.01M16 14.300h.01",
  earthquake: "M2.500 12H6l2-5.500L12 19l3-11 2 4h4.500",
  school: "M3 20V10l9-6 9 6v10M3 20h18M10 20v-5h4v5M12 9v.01",
  library: "M12 6.500C10 5 7 4.500 4 5v13.500c3-.5 6 0 8 1.500 2-1.500 5-2 8-1.500V5c-3-.5-6 0-8 1.500zM12 6.500V20",
  fire: "M12 3c.5 4 5.500 5.500 5.500 11a5.500 5.500 0 0 1-11 0c0-2.500 1.300-4 2.500-5 0 2 .8 3 1.800 3.300C10.500 9.500 11 6 12 3z",
  parking: "M5 4h14v16H5zM10 16V8h3a2.500 2.500 0 0 1 0 5h-3",
  wifi: "M4 10.500a12 12 0 0 1 16 0M7 14a7.500 7.500 0 0 1 10 0M10 17.300a3 3 0 0 1 4 0M12 20v.01",
  culture: "M4 20h16M5 20V10M9.700 20V10M14.300 20V10M19 20V10M3.500 10h17L12 4z",
  energy: "M13 3 5.500 13.500H11L10.500 21 18.500 10H13z",
  camera: "M4 7.500h3l1.500-2.500h7L17 7.500h3V19H4zM12 10a3 3 0 1 1 0 6 3 3 0 0 1 0-6z",
  point: ring(12, 12, 4.5),
  // the interface
  map: "M9 4.500 3.500 7v13L9 17.500l6 2.500 5.500-2.500v-13L15 7zM9 4.500v13M15 7v13",
  operations: "M12 3.500a6 6 0 0 1 6 6v4l2 3H4l2-3v-4a6 6 0 0 1 6-6zM9.800 19.500a2.300 2.300 0 0 0 4.400 0",
  data: "M4 6.500C4 5 7.600 4 12 4s8 1 8 2.500S16.400 9 12 9 4 8 4 6.500zM4 6.500v11C4 19 7.600 20 12 20s8-1 8-2.500v-11M4 12c0 1.500 3.600 2.500 8 2.500s8-1 8-2.500",
  import: "M12 4v11M7.500 10.500 12 15l4.500-4.500M4 16v4h16v-4",
  search: `${ring(10.5, 10.5, 6)}M15 15l5.500 5.500`,
  sun: `${ring(12, 12, 4)}M12 2.500v2.500M12 19v2.500M2.500 12H5M19 12h2.500M5.300 5.300 7 7M17 17l1.700 1.700M5.300 18.700 7 17M17 7l1.700-1.700`,
  moon: "M19.500 14.500A8 8 0 0 1 9.500 4.500a8 8 0 1 0 10 10z",
  user: `${ring(12, 8, 4)}M4.500 20.500c.8-4 3.800-6 7.500-6s6.700 2 7.500 6`,
  close: "M6 6l12 12M18 6 6 18",
  check: "M4.500 12.500 10 18 19.500 7",
  layers: "M12 3.500 21 8.500l-9 5-9-5zM3 12.500l9 5 9-5M3 16.500l9 5 9-5",
  list: "M8.500 6H20M8.500 12H20M8.500 18H20M4.500 6h.01M4.500 12h.01M4.500 18h.01",
  up: "M6 14.500 12 8.500l6 6",
  down: "M6 9.500l6 6 6-6",
  right: "M9.500 6l6 6-6 6",
  back: "M14.500 6l-6 6 6 6",
  comment: "M4 5h16v11.500h-8.500L7 20.500v-4H4z",
  clock: `${ring(12, 12, 8)}M12 7.500V12l3 2`,
  locate: `${ring(12, 12, 5.5)}M12 2.500v4M12 17.500v4M2.500 12h4M17.500 12h4`,
  link: "M10 14a4 4 0 0 0 5.700 0l3-3A4 4 0 0 0 13 5.300l-1 1M14 10a4 4 0 0 0-5.700 0l-3 3A4 4 0 0 0 11 18.700l1-1",
  download: "M12 4v11M7.500 10.500 12 15l4.500-4.500M4.500 20h15",
  undo: "M8.500 5 4 9.500 8.500 14M4 9.500h10a5.500 5.500 0 0 1 0 11h-3",
  logout: "M14 4H5v16h9M10 12h10.500M17 8.500l3.500 3.500-3.500 3.500",
  chart: "M4 4v16h16M7.500 15l4-5 3 3 5-7",
  table: "M4 5h16v14H4zM4 10h16M4 14.500h16M10 5v14",
  file: "M6 3.500h8l4.500 4.500v12.500H6zM14 3.500V8h4.500",
  assign: `${ring(10, 8, 3.6)}M3.500 20c.6-3.700 3.200-5.500 6.500-5.500 1.300 0 2.500.3 3.500.8M17 14v6M14 17h6`,
  shelve: "M4 5h16v5H4zM5.500 10v9.500h13V10M9.500 14h5",
});

/** Other names a layer may use for the same picture. */
const ALIASES = /** @type {Record<string, string>} */ ({
  clinic: "hospital", medical: "hospital", reservoir: "pond", water: "pond", river: "gauge", "river-gauge": "gauge", thermometer: "weather",
  amedas: "weather", station: "weather", vehicle: "bus", evacuation: "shelter", "tsunami-building": "tsunami", building: "tsunami",
  heart: "aed", tree: "park", calendar: "event", quake: "earthquake", restroom: "toilet",
});

/** @param {string | null | undefined} name */
export const iconName = (name) => (name && ICONS[name] ? name : ALIASES[name ?? ""] ?? "point");

/** An icon for the interface; decoration only, words stand beside it. @param {string} name */
export const icon = (name) => svg`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${ICONS[iconName(name)]}></path></svg>`;
