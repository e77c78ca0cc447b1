/** The honest mark of what is replayed, simulated or a record. */
import { html } from "lit";
import { t } from "./i18n.js";

/** The mark as a tag, unless the name beside it says so already. @param {string | null | undefined} label @param {string} name */
export const markTag = (label, name) => (label && !name.toLowerCase().includes(t(`mark.${label}`).toLowerCase()) ? html` <span class="tag">${t(`mark.${label}`)}</span>` : "");
