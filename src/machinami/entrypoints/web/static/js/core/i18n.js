/** Texts of the console in the reader's language, switched without a reload. */
import { start } from "./start.js";

/** @typedef {"ja" | "en"} Language */

/** @type {Map<string, Record<string, string>>} */
const catalogues = new Map();
/** @type {Language} */
let current = document.documentElement.lang === "en" ? "en" : "ja";
export const languageChanges = new EventTarget();

/** @param {Language} language */
async function load(language) {
  if (!catalogues.has(language)) {
    const answer = await fetch(start.locale[language]);
    if (!answer.ok) throw new Error(`message catalogue ${language}: ${answer.status}`);
    catalogues.set(language, await answer.json());
  }
}

/** @returns {Language} */
export const language = () => current;

/**
 * The text of `key` with `{name}` places filled in; an unknown key shows itself, so that a gap is seen.
 * @param {string} key @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  const text = catalogues.get(current)?.[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** The text of `key`, or `otherwise` for words that only the data knows. @param {string} key @param {string} otherwise */
export const known = (key, otherwise) => catalogues.get(current)?.[key] ?? otherwise;

/**
 * The text of a record that carries both languages as `<field>_ja` and `<field>_en` (or plain `<field>` for English).
 * @param {Record<string, any> | null | undefined} record @param {string} field @returns {string}
 */
export function both(record, field) {
  if (!record) return "";
  const own = record[`${field}_${current}`] ?? (current === "en" ? record[field] : null);
  return own ?? record[`${field}_${current === "ja" ? "en" : "ja"}`] ?? record[field] ?? "";
}

/** @param {Language} language */
export async function switchLanguage(language) {
  await load(language);
  current = language;
  document.documentElement.lang = language;
  document.cookie = `mn_lang=${language}; path=/; max-age=31536000; samesite=strict`;
  document.title = `${t(`page.${start.page}`)} · ${t("product")}`;
  const skip = document.querySelector(".skip");
  if (skip) skip.textContent = t("shell.skip");
  languageChanges.dispatchEvent(new Event("change"));
}

await load(current);
