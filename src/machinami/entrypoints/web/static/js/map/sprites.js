/** Symbols of the map, drawn from our own icons when they are first needed: chips of the layers, severity marks, hatching. */
import { ICONS, iconName } from "../core/icons.js";
import { SHAPES } from "../core/severity.js";
import { token } from "../core/theme.js";

/** Pixels per CSS pixel of a symbol: sharp on dense screens and on walls. */
const SCALE = 2;
const CHIP = 30;

/** @param {number} size @returns {CanvasRenderingContext2D} scaled so that `size` means CSS pixels */
function canvas(size) {
  const element = document.createElement("canvas");
  element.width = element.height = size * SCALE;
  const context = /** @type {CanvasRenderingContext2D} */ (element.getContext("2d", { willReadFrequently: true }));
  context.scale(SCALE, SCALE);
  context.lineJoin = context.lineCap = "round";
  return context;
}

/** @param {CanvasRenderingContext2D} context */
const pixels = (context) => context.getImageData(0, 0, context.canvas.width, context.canvas.height);

/** A colour readable on the night chip: half way to white. @param {string} color `#rrggbb` */
export function lighten(color) {
  const parts = /^#?([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(color)?.slice(1) ?? ["99", "99", "99"];
  return `#${parts.map((part) => Math.round((parseInt(part, 16) + 255) / 2).toString(16).padStart(2, "0")).join("")}`;
}

/**
 * A layer's symbol: white (night: navy) chip with the icon in the layer's colour; simulation has a dashed rim.
 * @param {string} name @param {string} color @param {string} tone @param {string} variant
 */
function chip(name, color, tone, variant) {
  const context = canvas(CHIP);
  const ink = tone === "night" ? lighten(color) : color;
  context.beginPath();
  if (variant === "live") context.roundRect(3, 3, CHIP - 6, CHIP - 6, 7);
  else context.arc(CHIP / 2, CHIP / 2, CHIP / 2 - 3, 0, 7);
  context.shadowColor = tone === "night" ? "rgba(0,0,0,.8)" : "rgba(20,30,60,.35)";
  context.shadowBlur = 4;
  context.shadowOffsetY = 2;
  context.fillStyle = token("--map-chip");
  context.fill();
  context.shadowColor = "transparent";
  context.lineWidth = 1.6;
  context.strokeStyle = ink;
  if (variant === "live") context.setLineDash([3.2, 2.4]);
  context.stroke();
  context.setLineDash([]);
  const size = 16;
  context.translate((CHIP - size) / 2, (CHIP - size) / 2);
  context.scale(size / 24, size / 24);
  context.lineWidth = 2.3;
  context.stroke(new Path2D(ICONS[iconName(name)]));
  return pixels(context);
}

/** A severity mark with a rim that separates it from whatever is below. @param {string} name @param {number} size */
function severityMark(name, size) {
  const context = canvas(size);
  const shape = SHAPES[name] ?? SHAPES.info;
  context.scale((size - 4) / 20, (size - 4) / 20);
  context.translate(40 / (size - 4), 40 / (size - 4));
  const outline = new Path2D(shape.outline);
  context.lineWidth = 3.2;
  context.strokeStyle = token("--map-chip");
  context.stroke(outline);
  context.fillStyle = token(`--severity-${name}`);
  context.fill(outline);
  context.lineWidth = 2.2;
  context.strokeStyle = token(`--severity-${name}-ink`);
  context.stroke(new Path2D(shape.sign));
  return pixels(context);
}

/** Diagonal hatching for areas of an exercise. @param {string} name of a severity */
function hatch(name) {
  const context = canvas(12);
  context.strokeStyle = token(`--severity-${name}`);
  context.globalAlpha = 0.55;
  context.lineWidth = 1.6;
  for (const shift of [-12, 0, 12]) {
    context.beginPath();
    context.moveTo(shift, 12);
    context.lineTo(shift + 12, 0);
    context.stroke();
  }
  return pixels(context);
}

/** Names carry what is drawn: `chip:<icon>:<colour>:<tone>:<variant>`. @param {{icon: string, color: string, live: boolean}} layer @param {string} tone */
export const chipName = (layer, tone) => `chip:${layer.icon}:${layer.color}:${tone}:${layer.live ? "live" : "still"}`;

/** Draw symbols on demand. @param {import("maplibre-gl").Map} map */
export function drawMissingImages(map) {
  map.setMissingStyleImageResolver((id) => {
    if (map.hasImage(id)) return;
    const [kind, a, b, c, d] = id.split(":");
    if (kind === "chip") map.addImage(id, chip(a, b, c, d), { pixelRatio: SCALE });
    if (kind === "mark") map.addImage(id, severityMark(a, Number(b)), { pixelRatio: SCALE });
    if (kind === "hatch") map.addImage(id, hatch(a), { pixelRatio: SCALE });
  });
}
