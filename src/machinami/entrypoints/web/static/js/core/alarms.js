/** All open alarms, kept true by the stream; bell, map and alarm page read the same rows. */
import { get, send } from "./api.js";
import { SEVERITIES, rank } from "./severity.js";
import { live } from "./stream.js";
import { probe } from "./start.js";

/**
 * @typedef {{id: string, source: string, event: string, area_code: string, area_name: string, kind: string, severity: string,
 *   level: string | null, headline_ja: string, headline_en: string, active: boolean, acknowledged: boolean, closed: boolean,
 *   acknowledged_by: string | null, acknowledged_at: string | null, assigned_to: string | null, shelved_until: string | null,
 *   status: "actual" | "exercise" | "test", label: "replay" | "simulation" | null, raised_at: string, event_at: string,
 *   arrived_at: string, late: boolean, cleared_at: string | null, count: number, last_at: string, entity_id: string | null,
 *   location: [number, number] | null, comments: {by: string, at: string, text: string}[], actions: string[],
 *   ledger: Record<string, any>}} Alarm
 */

const LIMIT = 1000;
/** @type {Map<string, Alarm>} */
const rows = new Map();
export const alarmChanges = new EventTarget();
let loaded = false;

const changed = () => alarmChanges.dispatchEvent(new Event("change"));

/** Put one row into place (a new one, or a newer state of a known one). @param {Alarm} row */
export function place(row) {
  rows.set(row.id, row);
  changed();
}

/** Ask anew for all alarms that are not closed. */
export async function loadAlarms() {
  const answer = await get(`/alarms?state=active&limit=${LIMIT}`);
  rows.clear();
  for (const row of answer.alarms) rows.set(row.id, row);
  loaded = true;
  changed();
}

export const alarmsLoaded = () => loaded;

/** @param {string} id */
export const alarm = (id) => rows.get(id);

/** Whether it is still being dealt with: until somebody (or a rule) closes it. @param {Alarm} row */
export const isOpen = (row) => !row.closed;

/** Whether what it warns of goes on. @param {Alarm} row */
export const isActive = (row) => !row.closed && row.active;

/** Whether nothing but closing it is left to do. @param {Alarm} row */
export const isFinished = (row) => !row.closed && !row.active && row.acknowledged;

/** @param {Alarm} row */
export const isShelved = (row) => Boolean(row.shelved_until && Date.parse(row.shelved_until) > Date.now());

/** @param {Alarm} a @param {Alarm} b */
export function byUrgency(a, b) {
  return (
    Number(a.acknowledged) - Number(b.acknowledged) ||
    Number(b.active) - Number(a.active) ||
    rank(b.severity) - rank(a.severity) ||
    Date.parse(b.raised_at) - Date.parse(a.raised_at)
  );
}

/** Known rows, most urgent first. */
export const allAlarms = () => [...rows.values()].sort(byUrgency);

/** Alarms that are being dealt with (not closed, not shelved), most urgent first. */
export const openAlarms = () => allAlarms().filter((row) => isOpen(row) && !isShelved(row));

/** Those of them that are active: what the bell and the map show. */
export const activeAlarms = () => openAlarms().filter(isActive);

/** How many active alarms of each severity. @returns {Record<string, number>} */
export function counts() {
  const result = /** @type {Record<string, number>} */ (Object.fromEntries(SEVERITIES.map((name) => [name, 0])));
  for (const row of activeAlarms()) result[row.severity] = (result[row.severity] ?? 0) + 1;
  return result;
}

/**
 * Do something with an alarm; the server's answer is the new row.
 * @param {string} id @param {string} action @param {{text?: string, to?: string, until?: string}} [body] @returns {Promise<Alarm>}
 */
export async function act(id, action, body = {}) {
  const row = await send(`/alarms/${encodeURIComponent(id)}/${action}`, body);
  place(row);
  return row;
}

live.addEventListener("alarm", (event) => place(/** @type {CustomEvent} */ (event).detail));
live.addEventListener("reset", () => void loadAlarms().catch(() => undefined));
Object.defineProperty(probe, "alarms", { get: () => openAlarms().length, enumerable: true });
