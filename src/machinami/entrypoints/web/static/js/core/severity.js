/** The five severities: colour + shape + word, the same five marks everywhere (console.md 7, A2). */
import { html, svg } from "lit";
import { t } from "./i18n.js";

/** Worst first. */
export const SEVERITIES = /** @type {const} */ (["critical", "major", "minor", "warning", "info"]);

/** Rank for comparing and for cluster properties: 0 none … 5 critical. @param {string | null | undefined} name */
export const rank = (name) => {
  const index = SEVERITIES.indexOf(/** @type {any} */ (name));
  return index < 0 ? 0 : SEVERITIES.length - index;
};

/** Outline of each mark on a 20 × 20 field and the sign inside it. */
export const SHAPES = /** @type {Record<string, {outline: string, sign: string}>} */ ({
  critical: { outline: "M6.300 1h7.400L19 6.300v7.400L13.700 19H6.300L1 13.700V6.300z", sign: "M7.500 5.500v5.500M12.500 5.500v5.500M7.500 14.200v.1M12.500 14.200v.1" },
  major: { outline: "M10 1.200 19.300 18H.700z", sign: "M10 7.500v5M10 15.300v.1" },
  minor: { outline: "M10 .600 19.400 10 10 19.400.600 10z", sign: "M10 5.800v5.200M10 13.900v.1" },
  warning: { outline: "M10 1a9 9 0 1 1 0 18 9 9 0 0 1 0-18z", sign: "M10 5.500v5.700M10 14.300v.1" },
  info: { outline: "M3.500 1.500h13a2 2 0 0 1 2 2v13a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2v-13a2 2 0 0 1 2-2z", sign: "M10 9.300v5M10 6v.1" },
});

/** @param {string} name */
export const severityWord = (name) => t(`severity.${name}`);

/** The mark alone; a word or a label must stand beside it. @param {string} name */
export function mark(name) {
  const shape = SHAPES[name] ?? SHAPES.info;
  return svg`<svg class="mark mark-${name}" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
    <path class="mark-outline" d=${shape.outline}></path><path class="mark-sign" d=${shape.sign}></path></svg>`;
}

/** Mark and word. @param {string} name */
export const severity = (name) => html`<span class="severity severity-${name}">${mark(name)}<span>${severityWord(name)}</span></span>`;
