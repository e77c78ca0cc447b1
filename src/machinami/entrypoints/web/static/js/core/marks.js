/** The honest mark of what is replayed, simulated or a record. */
import { html } from "lit";
import { t } from "./i18n.js";

/** So many letters of a mark tell it: "simulated" says the same as "Simulation". */
const STEM = 6;

/** The mark as a tag, unless the name beside it says so already. @param {string | null | undefined} label @param {string} name */
export function markTag(label, name) {
  if (!label) return "";
  const word = t(`mark.${label}`);
  return name.toLowerCase().includes(word.slice(0, STEM).toLowerCase()) ? "" : html` <span class="tag">${word}</span>`;
}
