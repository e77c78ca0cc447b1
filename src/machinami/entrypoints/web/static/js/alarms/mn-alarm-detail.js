/** The selected alarm: both axes, times, ledger of the hops, history, deliveries, comments and what may be done now. */
import { html } from "lit";
import { alarm, alarmChanges, isFinished } from "../core/alarms.js";
import { get } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { age, fullMoment, moment, number } from "../core/format.js";
import { known, language, t } from "../core/i18n.js";
import { icon } from "../core/icons.js";
import { severity } from "../core/severity.js";
import { broken, empty } from "../shell/empty.js";
import { axes, headline, honestMarks, issued } from "./row.js";

/** @typedef {import("../core/alarms.js").Alarm} Alarm
 *  @typedef {{history: {at: string, by: string, what: string, text: string}[], deliveries: {subscriber: string, state: string, attempts: number, at: string | null, error: string | null}[]}} More */

const HOPS = ["received", "stored", "sent", "delivered", "acknowledged"];
const ACTIONS = /** @type {[string, string, string][]} */ ([
  ["acknowledge", "check", "A"], ["assign", "assign", "N"], ["comment", "comment", "C"], ["shelve", "shelve", "S"], ["unshelve", "undo", ""], ["close", "close", ""], ["undo", "undo", "U"],
]);

export class MnAlarmDetail extends MnElement {
  static properties = { alarm: { attribute: false }, perform: { attribute: false }, leave: { attribute: false }, more: { state: true }, problem: { state: true } };

  constructor() {
    super();
    /** @type {string | null} */
    this.alarm = null;
    /** @type {(row: Alarm, action: string) => void} */
    this.perform = () => undefined;
    this.leave = () => undefined;
    /** @type {More | null} */
    this.more = null;
    /** @type {any} */
    this.problem = null;
    this.seen = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(alarmChanges, "change");
  }

  updated() {
    const row = this.alarm ? alarm(this.alarm) : null;
    const version = row ? JSON.stringify(row) : String(this.alarm);
    if (this.alarm && version !== this.seen) {
      this.seen = version;
      void this.load(this.alarm);
    }
  }

  /** @param {string} id */
  async load(id) {
    try {
      const answer = await get(`/alarms/${encodeURIComponent(id)}`);
      if (id === this.alarm) [this.more, this.problem] = [answer, null];
    } catch (problem) {
      if (id === this.alarm) this.problem = problem;
    }
  }

  /** The five hops from the source to a person; what has not happened yet is said so. @param {Alarm} row */
  ledger(row) {
    const text = (/** @type {any} */ value) => (typeof value === "string" && !Number.isNaN(Date.parse(value)) ? moment(value) : typeof value === "number" ? number(value) : value ? t("ledger.done") : t("ledger.open"));
    return html`<ol class="ledger" aria-label=${t("alarm.ledger")}>${HOPS.map((hop) => {
      const value = row.ledger?.[hop];
      return html`<li class=${value ? "done" : "todo"}><i>${icon(value ? "check" : "clock")}</i><b>${t(`ledger.${hop}`)}</b><small>${text(value)}</small></li>`;
    })}</ol>`;
  }

  /** @param {Alarm} row */
  facts(row) {
    const lines = /** @type {[string, any][]} */ ([
      ["alarm.area", html`<span lang="ja">${row.area_name}</span> <span class="muted">${row.area_code}</span>`],
      ["alarm.level", row.level && html`<span lang="ja">${row.level}</span>`],
      ["alarm.raised", html`${fullMoment(row.raised_at)} <span class="muted">${age(row.raised_at)}</span>`],
      ["alarm.issued", issued(row) && html`${fullMoment(row.event_at)}${row.label ? html` <span class="tag">${t(`mark.${row.label}`)}</span>` : ""}`],
      ["alarm.arrived", row.late && fullMoment(row.arrived_at)],
      ["alarm.last", row.count > 1 && html`${fullMoment(row.last_at)} · ${t("alarms.reports", { n: row.count })}`],
      ["alarm.cleared_at", row.cleared_at && fullMoment(row.cleared_at)],
      ["alarm.acknowledged", row.acknowledged_by && html`<span lang="ja">${row.acknowledged_by}</span> ${fullMoment(row.acknowledged_at ?? "")}`],
      ["alarm.assigned", html`<span lang="ja">${row.assigned_to ?? ""}</span>${row.assigned_to ? "" : html`<span class="muted">${t("alarm.nobody")}</span>`}`],
      ["alarm.shelved", row.shelved_until && fullMoment(row.shelved_until)],
      ["alarm.source", known(`source.${row.source}`, row.source)],
    ]);
    return html`<dl class="facts">${lines.filter(([, value]) => value).map(([key, value]) => html`<dt>${t(key)}</dt><dd>${value}</dd>`)}</dl>`;
  }

  /** @param {Alarm} row */
  actions(row) {
    const shown = ACTIONS.filter(([action]) => action !== "unshelve" || row.actions.includes(action));
    return html`<p class="actions">${shown.map(([action, picture, key]) => html`<button class="button ${action === (isFinished(row) ? "close" : "acknowledge") ? "primary" : ""}" data-action=${action} ?disabled=${!row.actions.includes(action)} @click=${() => this.perform(row, action)}>${icon(picture)}${t(`action.${action === "close" ? "close_alarm" : action}`)}${key ? html` <kbd aria-hidden="true">${key}</kbd>` : ""}</button>`)}
      <a class="button" href="/?alarm=${encodeURIComponent(row.id)}${row.location ? `&at=${row.location[1]},${row.location[0]},11` : ""}">${icon("map")}${t("alarm.map")}</a>
      ${row.entity_id ? html`<a class="button" href="/entities/${row.entity_id}">${icon("chart")}${t("alarm.entity")}</a>` : ""}</p>`;
  }

  record() {
    const { more } = this;
    if (!more) return "";
    return html`
      ${more.deliveries.length ? html`<h3>${t("alarm.deliveries")}</h3><div class="table-scroll" tabindex="0" role="region" aria-label=${t("alarm.deliveries")}><table class="table compact"><thead><tr><th scope="col">${t("delivery.to")}</th><th scope="col">${t("delivery.state")}</th><th scope="col" class="num">${t("delivery.attempts")}</th><th scope="col">${t("delivery.at")}</th></tr></thead><tbody>
        ${more.deliveries.map((row) => html`<tr><td class="id">${row.subscriber}</td><td>${known(`delivery.${row.state}`, row.state)}${row.error ? html` <span class="muted">${row.error}</span>` : ""}</td><td class="num">${row.attempts}</td><td class="num">${moment(row.at)}</td></tr>`)}</tbody></table></div>` : ""}
      <h3>${t("alarm.history")}</h3>
      <ol class="history">${more.history.map((row) => html`<li><time datetime=${row.at} class="num">${moment(row.at)}</time><span><b>${known(`step.${row.what}`, row.what)}</b> <span class="muted" lang="ja">${known(`source.${row.by}`, row.by)}</span>${row.text ? html`<br /><span lang="ja">${row.text}</span>` : ""}</span></li>`)}</ol>`;
  }

  render() {
    if (!this.alarm) return html`<aside class="alarm-detail none" aria-label=${t("side.detail")}>${empty("operations", t("alarms.choose"), t("alarms.choose.text"))}</aside>`;
    const row = alarm(this.alarm);
    if (!row) return html`<aside class="alarm-detail" aria-label=${t("side.detail")}>${this.problem ? broken(this.problem, () => void this.load(String(this.alarm))) : ""}</aside>`;
    return html`<aside class="alarm-detail" aria-label=${t("side.detail")}>
      <header><button class="icon-button alarm-back" aria-label=${t("action.back")} @click=${() => this.leave()}>${icon("back")}</button>${severity(row.severity)} ${honestMarks(row)}<span class="spring"></span>${axes(row)}</header>
      <div class="alarm-detail-body" tabindex="0" role="region" aria-label=${t("alarm.open")}>
        <h2>${headline(row)}</h2>
        ${isFinished(row) ? html`<p class="notice">${t("alarms.finished")}</p>` : ""}
        ${this.actions(row)}
        ${this.ledger(row)}
        ${this.facts(row)}
        <h3>${t("action.comment")}</h3>
        ${row.comments.length ? html`<ul class="comments">${row.comments.map((note) => html`<li><p lang=${language()}>${note.text}</p><small class="muted"><span lang="ja">${note.by}</span> · ${moment(note.at)}</small></li>`)}</ul>` : html`<p class="muted">${t("alarm.comments.none")}</p>`}
        ${this.record()}
      </div>
    </aside>`;
  }
}
customElements.define("mn-alarm-detail", MnAlarmDetail);
