/** One alarm in a few words: used by the bell, the map's panel and the entity page. */
import { html } from "lit";
import { isActive, openAlarms } from "../core/alarms.js";
import { age, moment } from "../core/format.js";
import { both, language, t } from "../core/i18n.js";
import { severity } from "../core/severity.js";

/** @typedef {import("../core/alarms.js").Alarm} Alarm */

/** Exercise, replay, simulation, late: never hidden. @param {Alarm} row */
export const honestMarks = (row) => html`${row.status !== "actual" ? html`<span class="tag tag-strong">${t(`mark.${row.status}`)}</span>` : ""}${row.label
  ? html`<span class="tag">${t(`mark.${row.label}`)}</span>`
  : ""}${row.late ? html`<span class="tag tag-late">${t("mark.late")}</span>` : ""}`;

/** Both axes in words: active/cleared and unacknowledged/acknowledged. @param {Alarm} row */
export const axes = (row) => html`<span class="axis axis-${row.active ? "active" : "cleared"}">${t(row.active ? "alarm.active" : "alarm.cleared")}</span><span
    class="axis axis-${row.acknowledged ? "acked" : "unacked"}">${row.closed ? t("alarm.closed") : t(row.acknowledged ? "alarm.acknowledged" : "alarm.unacknowledged")}</span>`;

/** The headline; Japanese wording of a source stays marked as Japanese. @param {Alarm} row */
export const headline = (row) => html`<span lang=${language() === "en" && !row.headline_en ? "ja" : language()}>${both(row, "headline")}</span>`;

const ISSUED_APART_MS = 5 * 60_000;

/** The source's own time, where it is well apart from the time of arrival (a replay, a late telegram). @param {Alarm} row */
export const issued = (row) => (Math.abs(Date.parse(row.raised_at) - Date.parse(row.event_at)) > ISSUED_APART_MS
  ? t(row.label ? "alarm.issued.label" : "alarm.issued.at", { at: moment(row.event_at), label: row.label ? t(`mark.${row.label}`) : "" })
  : "");

/** How many alarms are over but not yet closed. */
export function stillOpen() {
  const count = openAlarms().filter((row) => !isActive(row)).length;
  return count ? html`<p class="muted">${t("alarms.cleared.open", { n: count })}</p>` : "";
}

/**
 * A short row; with `target` a link, with `act` a button.
 * @param {Alarm} row @param {string | null} target @param {() => void} [act]
 */
export function alarmRow(row, target, act) {
  const body = html`${severity(row.severity)}
    <span class="alarm-brief">
      <strong>${headline(row)}</strong>
      <small><span lang="ja">${row.area_name}</span><time datetime=${row.raised_at} title=${moment(row.raised_at)}>${age(row.raised_at)}</time>${issued(row) ? html`<span>${issued(row)}</span>` : ""}${honestMarks(row)}${axes(row)}</small>
    </span>`;
  const blink = row.severity === "critical" && !row.acknowledged && row.active ? "blink" : "";
  return target
    ? html`<a class="alarm-mini ${blink}" href=${target}>${body}</a>`
    : html`<button class="alarm-mini ${blink}" @click=${act}>${body}</button>`;
}
