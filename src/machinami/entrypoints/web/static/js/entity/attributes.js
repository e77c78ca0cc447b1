/** Attributes of an NGSI-LD entity as people read them; nothing here knows a type, so that any new type has a page (E3). */
import { html } from "lit";
import { age, ageSeconds, fullMoment, number, unitSign } from "../core/format.js";
import { language, t } from "../core/i18n.js";
import { attributeLabel, shortName } from "../core/names.js";

/**
 * @typedef {{type?: string, value?: any, object?: any, languageMap?: Record<string, any>, vocab?: any, json?: any, valueList?: any[],
 *   objectList?: any[], unitCode?: string, observedAt?: string, datasetId?: string}} Instance
 * @typedef {{name: string, instances: Instance[]}} Attribute
 */

const NOT_ATTRIBUTES = new Set(["id", "type", "@context", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt"]);
const NESTED_MAX = 40;
/** An observation older than this is a record; the chart's longest range. */
const OBSERVED_S_MAX = 30 * 86_400;

/** @param {Record<string, any>} entity @returns {Attribute[]} */
export function attributes(entity) {
  return Object.entries(entity)
    .filter(([name, value]) => !NOT_ATTRIBUTES.has(name) && value && typeof value === "object")
    .map(([name, value]) => ({ name, instances: Array.isArray(value) ? value : [value] }));
}

/** Whether it is a number. @param {Attribute} attribute */
export const isNumeric = (attribute) => attribute.instances.some((row) => typeof row.value === "number");

/** Whether it is a number that is being observed, so that its course says something. @param {Attribute} attribute */
export const isMeasured = (attribute) => attribute.instances.some((row) => typeof row.value === "number" && row.observedAt && ageSeconds(row.observedAt) < OBSERVED_S_MAX);

/** The entity's name in the reader's language, else its id. @param {Record<string, any>} entity */
export function entityName(entity) {
  const [row] = attributes(entity).filter(({ name }) => shortName(name) === "name").flatMap(({ instances }) => instances);
  const map = row?.languageMap;
  return String(map ? (map[language()] ?? map.ja ?? Object.values(map)[0]) : (row?.value ?? entity.id));
}

/** @param {any} value @returns {any} */
function plain(value) {
  if (value === null || value === undefined) return html`<span class="muted">–</span>`;
  if (typeof value === "number") return number(value);
  if (typeof value === "boolean") return t(value ? "value.yes" : "value.no");
  if (typeof value === "string") {
    if (/^https?:\/\/\S+$/.test(value)) return html`<a href=${value} target="_blank" rel="noopener noreferrer" class="id">${value}</a>`;
    return html`<span lang="ja">${value}</span>`;
  }
  if (Array.isArray(value)) return html`<ul class="values">${value.slice(0, NESTED_MAX).map((row) => html`<li>${plain(row)}</li>`)}</ul>`;
  if (value["@value"] !== undefined) return plain(value["@value"]);
  return html`<dl class="nested">${Object.entries(value).slice(0, NESTED_MAX).map(([key, row]) => html`<div><dt>${attributeLabel(key)}</dt><dd>${plain(row)}</dd></div>`)}</dl>`;
}

/** @param {any} target */
const link = (target) => (Array.isArray(target) ? target : [target]).map((id) => html`<a class="id" href="/entities/${id}">${id}</a> `);

/** @param {Instance} row */
export function valueOf(row) {
  if (row.object !== undefined) return link(row.object);
  if (row.objectList) return link(row.objectList.map((item) => item.object ?? item));
  if (row.languageMap) return html`<dl class="nested">${Object.entries(row.languageMap).map(([tag, text]) => html`<div><dt>${tag}</dt><dd lang=${tag}>${String(text)}</dd></div>`)}</dl>`;
  if (row.vocab !== undefined) return plain(row.vocab);
  if (row.valueList) return plain(row.valueList);
  if (row.json !== undefined) return html`<code>${JSON.stringify(row.json)}</code>`;
  if (row.type === "GeoProperty") return geometry(row.value);
  return html`${plain(row.value)}${row.unitCode ? html` <small class="muted">${unitSign(row.unitCode)}</small>` : ""}`;
}

/** @param {any} value */
function geometry(value) {
  if (value?.type === "Point") return html`<span class="num">${value.coordinates[1]}, ${value.coordinates[0]}</span>`;
  return html`${value?.type ?? ""}`;
}

/** Age of a value, with the exact time on hover. @param {Instance} row */
export const ageOf = (row) => (row.observedAt ? html`<time datetime=${row.observedAt} title=${fullMoment(row.observedAt)}>${age(row.observedAt)}</time>` : "");
