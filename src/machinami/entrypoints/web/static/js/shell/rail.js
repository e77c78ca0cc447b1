/** The left rail: the areas of the console, icon and word. On a phone it is the bar at the foot. */
import { html } from "lit";
import { alarmChanges, openAlarms } from "../core/alarms.js";
import { MnElement } from "../core/element.js";
import { icon } from "../core/icons.js";
import { t } from "../core/i18n.js";
import { start } from "../core/start.js";

const AREAS = [
  { page: "map", path: "/" },
  { page: "operations", path: "/operations" },
  { page: "data", path: "/data" },
  { page: "import", path: "/import" },
];
const WITHIN = /** @type {Record<string, string>} */ ({ entity: "data", findings: "import", openapi: "data" });

export class MnRail extends MnElement {
  connectedCallback() {
    super.connectedCallback();
    this.watch(alarmChanges, "change");
  }

  render() {
    const here = WITHIN[start.page] ?? start.page;
    const open = openAlarms().length;
    return html`<nav class="rail" aria-label=${t("shell.areas")}>
      <a class="rail-logo" href="/" aria-label=${t("product")}><img src="/favicon.ico" alt="" width="32" height="32" /></a>
      ${AREAS.map(
        ({ page, path }) => html`<a class="rail-item" href=${path} aria-current=${page === here ? "page" : "false"}>
          ${icon(page)}<span>${t(`page.${page}`)}</span>
          ${page === "operations" && open ? html`<b class="rail-count" aria-label=${t("alarms.open", { n: open })}>${open}</b>` : ""}
        </a>`,
      )}
    </nav>`;
  }
}
customElements.define("mn-rail", MnRail);
