/** `<mn-alarms>`: the alarm list and the selected alarm, keyboard first (A1, A2, A5). */
import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { act, alarmChanges, alarmsLoaded, allAlarms, isActive, isFinished, isOpen, isShelved, place } from "../core/alarms.js";
import { get } from "../core/api.js";
import { MnElement } from "../core/element.js";
import { age, moment } from "../core/format.js";
import { both, t } from "../core/i18n.js";
import { icon } from "../core/icons.js";
import { SEVERITIES, mark, severity, severityWord } from "../core/severity.js";
import { markReady, probe } from "../core/start.js";
import { empty, waiting } from "../shell/empty.js";
import { toast, toastProblem } from "../shell/toasts.js";
import { ask } from "./dialogs.js";
import { axes, headline, honestMarks, issued } from "./row.js";
import "./mn-alarm-detail.js";

/** @typedef {import("../core/alarms.js").Alarm} Alarm */

const UNDO_S = 10;
const AGE_S = 10;
const HISTORY_LIMIT = 500;
const SIDE_BY_SIDE = "(min-width: 901px)";

const TABS = /** @type {Record<string, (row: Alarm) => boolean>} */ ({
  open: (row) => isOpen(row) && !isShelved(row),
  unacknowledged: (row) => isOpen(row) && !row.acknowledged && !isShelved(row),
  acknowledged: (row) => isOpen(row) && row.acknowledged && !isShelved(row),
  shelved: (row) => isOpen(row) && isShelved(row),
  history: (row) => row.closed,
});

export class MnAlarms extends MnElement {
  static properties = { tab: { state: true }, hidden_: { state: true }, words: { state: true }, selected: { state: true } };

  constructor() {
    super();
    const query = new URLSearchParams(location.search);
    this.tab = TABS[query.get("tab") ?? ""] ? String(query.get("tab")) : "open";
    /** Severities that are filtered out. @type {Set<string>} */
    this.hidden_ = new Set();
    this.words = "";
    /** @type {string | null} */
    this.selected = query.get("id");
    /** Whether the page chose the alarm itself, so that the keys work at once. */
    this.proposed = false;
    /** Whether the person wants none chosen. */
    this.left = false;
    Object.defineProperty(probe, "selected", { get: () => this.selected, enumerable: true, configurable: true });
    Object.defineProperty(probe, "listed", { get: () => this.rows().length, enumerable: true, configurable: true });
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(alarmChanges, "change", () => this.changed());
    this.watch(window, "keydown", (event) => this.key(event));
    this.refreshEvery(AGE_S);
    if (this.selected) get(`/alarms/${encodeURIComponent(this.selected)}`).then(place, () => undefined);
    if (this.tab === "history") void this.loadHistory();
  }

  changed() {
    this.propose();
    this.requestUpdate();
  }

  /** Choose the most urgent alarm where list and detail stand side by side: A, C, N and S mean it without a J before. */
  propose() {
    if (this.selected || this.left || !alarmsLoaded() || !matchMedia(SIDE_BY_SIDE).matches) return;
    const [first] = this.rows();
    this.proposed = Boolean(first);
    this.selected = first?.id ?? null;
  }

  async loadHistory() {
    try {
      for (const row of (await get(`/alarms?state=history&limit=${HISTORY_LIMIT}`)).alarms) place(row);
    } catch (problem) {
      toastProblem(problem);
    }
  }

  /** Rows under the tab and the filter, most urgent first. */
  rows() {
    const words = this.words.trim().toLowerCase();
    return allAlarms().filter(
      (row) => TABS[this.tab](row) && !this.hidden_.has(row.severity)
        && (!words || [row.headline_ja, row.headline_en, row.area_name, row.assigned_to, row.source].join(" ").toLowerCase().includes(words)),
    );
  }

  /** @param {string | null} id */
  select(id) {
    this.selected = id;
    this.proposed = false;
    this.left = id === null;
    const query = new URLSearchParams(location.search);
    if (id) query.set("id", id);
    else query.delete("id");
    if (this.tab === "open") query.delete("tab");
    else query.set("tab", this.tab);
    history.replaceState(null, "", `${location.pathname}?${query}`);
  }

  /** @param {string} tab */
  open(tab) {
    this.tab = tab;
    this.select(this.selected);
    if (tab === "history") void this.loadHistory();
  }

  /** @param {number} step */
  move(step) {
    const rows = this.rows();
    if (!rows.length) return;
    const index = rows.findIndex((row) => row.id === this.selected);
    const next = rows[index < 0 || this.proposed ? Math.max(0, index) : Math.max(0, Math.min(rows.length - 1, index + step))];
    this.select(next.id);
    this.focusSelected();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || target.closest("input, select, textarea, dialog")) return;
    const keys = /** @type {Record<string, () => void>} */ ({
      j: () => this.move(1), k: () => this.move(-1), a: () => this.keyed("acknowledge"), u: () => this.keyed("undo"), n: () => this.keyed("assign"),
      c: () => this.keyed("comment"), s: () => this.keyed("shelve"), Escape: () => this.select(null),
    });
    const act_ = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act_) return;
    event.preventDefault();
    act_();
  }

  /** @param {string} action */
  keyed(action) {
    const row = allAlarms().find((known) => known.id === this.selected);
    if (row?.actions.includes(action)) void this.perform(row, action);
    else if (row) toast(t("keys.not_now", { action: t(`action.${action}`) }));
    else if (this.rows().length) toast(t("keys.choose"));
  }

  /**
   * One action on one alarm; acknowledging moves on to the next row, so that a shift can work through the list by A A A.
   * @param {Alarm} row @param {string} action
   */
  async perform(row, action) {
    const body = await ask(action, row);
    if (!body) return;
    const rows = this.rows();
    const next = rows[rows.findIndex((known) => known.id === row.id) + 1];
    if (action === "acknowledge" && next) this.select(next.id);
    try {
      await act(row.id, action, body);
    } catch (problem) {
      this.select(row.id);
      toastProblem(problem);
      return;
    }
    if (action !== "acknowledge") return;
    this.offerUndo([row.id], t("alarms.acknowledged.one"));
    this.focusSelected();
  }

  focusSelected() {
    void this.updateComplete.then(() => /** @type {HTMLElement | null} */ (this.querySelector(`[data-alarm="${CSS.escape(this.selected ?? "")}"] .alarm-select`))?.focus());
  }

  /** @param {string[]} ids @param {string} text */
  offerUndo(ids, text) {
    const undo = () => Promise.all(ids.map((id) => act(id, "undo"))).catch(toastProblem);
    toast(text, { seconds: UNDO_S, action: { label: t("action.undo"), act: () => void undo() } });
  }

  async acknowledgeAll() {
    const rows = this.rows().filter((row) => row.actions.includes("acknowledge"));
    if (!rows.length || !(await ask("bulk", null, rows.length))) return;
    const done = [];
    for (const row of rows) {
      try {
        await act(row.id, "acknowledge");
        done.push(row.id);
      } catch (problem) {
        toastProblem(problem);
      }
    }
    this.offerUndo(done, t("alarms.acknowledged.many", { n: done.length }));
  }

  /** @param {string} name */
  toggle(name) {
    const next = new Set(this.hidden_);
    if (!next.delete(name)) next.add(name);
    this.hidden_ = next;
  }

  /** @param {Alarm} row */
  line(row) {
    const chosen = row.id === this.selected;
    const blink = row.severity === "critical" && row.active && !row.acknowledged ? "blink" : "";
    return html`<li class="alarm ${chosen ? "chosen" : ""} ${row.acknowledged ? "" : "fresh"} ${row.active ? "" : "past"} ${blink}" data-alarm=${row.id} data-severity=${row.severity}>
      <button class="alarm-select" aria-current=${chosen} @click=${() => this.select(row.id)}>
        ${severity(row.severity)}
        <span class="alarm-what"><strong>${headline(row)}</strong>${honestMarks(row)}<small><span lang="ja">${row.area_name}</span>${row.count > 1 ? html` · ${t("alarms.reports", { n: row.count })}` : ""}</small></span>
        <span class="alarm-when"><time datetime=${row.raised_at}>${moment(row.raised_at)}</time><small>${age(row.raised_at)}</small>${issued(row) ? html`<small class="issued">${issued(row)}</small>` : ""}</span>
        <span class="alarm-state"><span>${axes(row)}</span><small>${row.acknowledged_by ? html`<span lang="ja">${row.acknowledged_by}</span> <span class="nowrap">${moment(row.acknowledged_at)}</span>` : ""}${row.assigned_to ? html` → <span lang="ja">${row.assigned_to}</span>` : ""}${isShelved(row) ? html` ${t("alarm.shelved")} <span class="nowrap">${moment(row.shelved_until)}</span>` : ""}</small>${isFinished(row) ? html`<small class="finished">${t("alarms.finished")}</small>` : ""}</span>
      </button>
      ${isFinished(row) ? this.closing(row) : this.acknowledging(row)}
    </li>`;
  }

  /** @param {Alarm} row */
  closing(row) {
    return html`<button class="button alarm-quick alarm-end" ?disabled=${!row.actions.includes("close")} @click=${() => this.perform(row, "close")} aria-label=${t("alarms.close.one", { headline: both(row, "headline") })}>${icon("close")}${t("action.close_alarm")}</button>`;
  }

  /** @param {Alarm} row */
  acknowledging(row) {
    return html`<button class="button alarm-quick" ?disabled=${!row.actions.includes("acknowledge")} @click=${() => this.perform(row, "acknowledge")} aria-label=${t("alarms.acknowledge.one", { headline: both(row, "headline") })}>${icon("check")}${t("action.acknowledge")}</button>`;
  }

  filters() {
    const all = allAlarms().filter((row) => TABS[this.tab](row) && (this.tab === "history" || isActive(row)));
    return html`<div class="chips alarm-filters" role="group" aria-label=${t("alarms.filter")}>
      ${this.tab === "history" ? "" : html`<span class="muted chips-of">${t("alarm.active")}</span>`}
      ${SEVERITIES.map((name) => html`<button class="chip" aria-pressed=${!this.hidden_.has(name)} @click=${() => this.toggle(name)}>${mark(name)}${severityWord(name)} <b class="num">${all.filter((row) => row.severity === name).length}</b></button>`)}
      <input type="search" placeholder=${t("alarms.words")} aria-label=${t("alarms.words")} .value=${this.words} @input=${(/** @type {any} */ event) => (this.words = event.target.value)} />
    </div>`;
  }

  list() {
    const rows = this.rows();
    if (!alarmsLoaded()) return waiting();
    if (rows.length) return html`<ul class="alarms">${repeat(rows, (row) => row.id, (row) => this.line(row))}</ul>`;
    if (this.hidden_.size || this.words) {
      return empty("search", t("list.nothing"), t("list.nothing.text"), { label: t("list.nothing.action"), act: () => ((this.hidden_ = new Set()), (this.words = "")) });
    }
    return empty("check", t(`alarms.empty.${this.tab}`), t("alarms.empty.text"), { label: t("alarms.empty.action"), href: "/" });
  }

  updated() {
    if (alarmsLoaded()) markReady();
    this.propose();
  }

  render() {
    const number = (/** @type {string} */ tab) => allAlarms().filter(TABS[tab]).length;
    const waitingRows = this.rows().filter((row) => row.actions.includes("acknowledge"));
    return html`<div class="alarm-page ${this.selected ? "has-detail" : ""}">
      <section class="alarm-list" aria-label=${t("page.operations")}>
        <header class="alarm-head"><h1>${t("page.operations")}</h1>
          <button class="button" ?disabled=${!waitingRows.length} @click=${this.acknowledgeAll}>${icon("check")}${t("alarms.acknowledge.all", { n: waitingRows.length })}</button></header>
        <div class="tabs" role="tablist" aria-label=${t("alarms.tabs")}>${Object.keys(TABS).map((tab) => html`<button role="tab" id="tab-${tab}" aria-controls="alarm-rows" aria-selected=${tab === this.tab} @click=${() => this.open(tab)}>${t(`alarms.tab.${tab}`)}${tab === "history" ? "" : html`<b>${number(tab)}</b>`}</button>`)}</div>
        ${this.filters()}
        <div id="alarm-rows" class="alarm-rows" role="tabpanel" aria-labelledby="tab-${this.tab}" tabindex="0">${this.list()}</div>
        <p class="keys muted" aria-label=${t("alarms.keys")}><kbd>J</kbd> <kbd>K</kbd> ${t("keys.move")} <kbd>A</kbd> ${t("action.acknowledge")} <kbd>U</kbd> ${t("action.undo")} <kbd>N</kbd> ${t("action.assign")} <kbd>C</kbd> ${t("action.comment")} <kbd>S</kbd> ${t("action.shelve")}</p>
      </section>
      <mn-alarm-detail .alarm=${this.selected} .perform=${(/** @type {Alarm} */ row, /** @type {string} */ action) => this.perform(row, action)} .leave=${() => this.select(null)}></mn-alarm-detail>
    </div>`;
  }
}
customElements.define("mn-alarms", MnAlarms);
