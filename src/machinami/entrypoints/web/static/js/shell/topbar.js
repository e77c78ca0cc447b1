/** The top bar: city, drill and replay marks, search, connection, alarms, language, theme, person. */
import { html } from "lit";
import { activeAlarms, alarmChanges, allAlarms, counts, isOpen, openAlarms } from "../core/alarms.js";
import { send } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { icon } from "../core/icons.js";
import { both, language, switchLanguage, t } from "../core/i18n.js";
import { city } from "../core/session.js";
import { SEVERITIES, mark, severityWord } from "../core/severity.js";
import { live, streamState } from "../core/stream.js";
import { switchTheme, theme, themeChanges } from "../core/theme.js";
import { alarmRow, stillOpen } from "../alarms/row.js";
import { openSearch } from "./search.js";
import { toastProblem } from "./toasts.js";

const BELL_ROWS = 6;

export class MnTopbar extends MnElement {
  static properties = { city: { state: true } };

  constructor() {
    super();
    /** @type {import("../core/session.js").City | null} */
    this.city = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(alarmChanges, "change");
    this.watch(live, "state");
    this.watch(themeChanges, "change");
    city().then((found) => (this.city = found), toastProblem);
  }

  /** Marks that must not be missed: exercise, test, replay, simulation among the open alarms. */
  marks() {
    const open = allAlarms().filter(isOpen);
    return [
      open.some((row) => row.status === "exercise") && "exercise",
      open.some((row) => row.status === "test") && "test",
      open.some((row) => row.label === "replay") && "replay",
      open.some((row) => row.label === "simulation") && "simulation",
    ].filter((name) => typeof name === "string");
  }

  bell() {
    const number = counts();
    const present = SEVERITIES.filter((name) => number[name]);
    return html`<button class="bell" popovertarget="bell-panel">
        ${icon("operations")}<span class="visually-hidden">${t("bell.label")}</span>
        ${present.length
          ? present.map((name) => html`<span class="bell-count" data-severity=${name}>${mark(name)}<span class="visually-hidden">${severityWord(name)}</span><b>${number[name]}</b></span>`)
          : html`<span class="bell-none">${t("bell.none")}</span>`}
      </button>
      <div id="bell-panel" class="popover bell-panel" popover>
        <h2>${t("alarms.active", { n: activeAlarms().length })}</h2>
        ${activeAlarms().length
          ? html`<ul class="alarm-strip">${activeAlarms().slice(0, BELL_ROWS).map((row) => html`<li>${alarmRow(row, `/operations?id=${encodeURIComponent(row.id)}`)}</li>`)}</ul>`
          : html`<p class="muted">${t("alarms.none")}</p>`}
        ${stillOpen()}
        <a class="button" href="/operations">${t("bell.all")}</a>
      </div>`;
  }

  person() {
    const me = this.city?.me;
    if (!me) return "";
    return html`<button class="icon-button person" popovertarget="person-panel">${icon("user")}<span class="visually-hidden">${t("person.label")}</span><span class="person-name" lang="ja">${me.name}</span></button>
      <div id="person-panel" class="popover" popover>
        <p><b lang="ja">${me.name}</b><br /><span class="muted">${me.principal} · ${me.roles.map((role) => t(`role.${role}`)).join(" · ")}</span></p>
        ${this.city?.dev
          ? html`<p class="muted">${t("person.dev")}</p>`
          : html`<button class="button" @click=${() => send("/auth/logout", {}).then(() => location.assign("/login"), toastProblem)}>${icon("logout")}${t("person.logout")}</button>`}
        <p class="muted">Machinami ${this.city?.version ?? ""}</p>
      </div>`;
  }

  render() {
    const other = language() === "ja" ? "en" : "ja";
    const night = theme() === "night";
    return html`<header class="topbar">
      <div class="topbar-city"><strong lang=${language()}>${this.city ? both(this.city, "name") : ""}</strong><span>${t("product")}</span></div>
      ${this.marks().map((name) => html`<span class="drill drill-${name}">${t(`mark.${name}`)}</span>`)}
      <button class="search-button" @click=${openSearch} aria-keyshortcuts="Control+K">${icon("search")}<span>${t("search.open")}</span><kbd>Ctrl K</kbd></button>
      <span class="stream stream-${streamState()}" role="status"><i></i><span>${t(`stream.${streamState()}`)}</span></span>
      ${this.bell()}
      <button class="icon-button lang-switch" lang=${other} @click=${() => switchLanguage(other)}>${other === "en" ? "EN" : "日本語"}<span class="visually-hidden">: ${t("language.switch")}</span></button>
      <button class="icon-button" aria-label=${t(night ? "theme.day" : "theme.night")} title=${t(night ? "theme.day" : "theme.night")} @click=${() => switchTheme(night ? "day" : "night")}>${icon(night ? "sun" : "moon")}</button>
      ${this.person()}
    </header>`;
  }
}
customElements.define("mn-topbar", MnTopbar);
