/** `<mn-locator>`: where something is, on the same base map; a picture only, the city map is one click away. */
import { html } from "lit";
import { MnElement } from "../core/element.js";
import { start } from "../core/start.js";
import { themeChanges } from "../core/theme.js";
import { languageChanges } from "../core/i18n.js";

export class MnLocator extends MnElement {
  static properties = { place: { attribute: false } };

  constructor() {
    super();
    /** @type {[number, number] | null} */
    this.place = null;
    /** @type {import("maplibre-gl").Map | null} */
    this.map = null;
  }

  async firstUpdated() {
    if (!this.place) return;
    const [{ Map: GlMap, setWorkerUrl }, { baseStyle, repaintBase }] = await Promise.all([import("maplibre-gl"), import("../map/base-style.js")]);
    setWorkerUrl(start.worker);
    try {
      this.map = new GlMap({ container: /** @type {HTMLElement} */ (this.querySelector(".locator")), style: baseStyle(), center: this.place, zoom: 11.5, interactive: false, attributionControl: false, fadeDuration: 0 });
    } catch {
      this.remove();
      return;
    }
    const map = this.map;
    map.on("error", () => undefined);
    for (const target of [themeChanges, languageChanges]) this.watch(target, "change", () => repaintBase(map));
    this.endings.push(() => map.remove());
  }

  render() {
    return html`<div class="locator" aria-hidden="true"></div><i class="locator-pin" aria-hidden="true"></i>`;
  }
}
customElements.define("mn-locator", MnLocator);
