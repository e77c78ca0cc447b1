/** Base of all islands: light DOM (one stylesheet, one accessibility tree), redrawn when the language changes. */
import { LitElement } from "lit";
import { languageChanges } from "./i18n.js";

export class MnElement extends LitElement {
  constructor() {
    super();
    /** @type {Array<() => void>} */
    this.endings = [];
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(languageChanges, "change");
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const end of this.endings.splice(0)) end();
  }

  /**
   * Listen while the element is in the page; without `act` the element is drawn anew.
   * @param {EventTarget} target @param {string} name @param {(event: any) => void} [act]
   */
  watch(target, name, act = () => this.requestUpdate()) {
    target.addEventListener(name, act);
    this.endings.push(() => target.removeEventListener(name, act));
  }

  /** Draw anew every `seconds`, so that ages stay true. @param {number} seconds */
  refreshEvery(seconds) {
    const timer = setInterval(() => this.requestUpdate(), seconds * 1000);
    this.endings.push(() => clearInterval(timer));
  }
}
