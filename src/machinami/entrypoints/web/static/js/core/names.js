/** What attributes and types are called: the server's data models know more names than the console's own catalogue. */
import { get } from "./api.js";
import { known, language } from "./i18n.js";

/** @typedef {Record<string, {ja: string, en: string}>} Names */

/** @type {{attributes: Names, types: Names}} */
let names = { attributes: {}, types: {} };
/** @type {Promise<void> | null} */
let asked = null;
export const nameChanges = new EventTarget();

/** Ask for the names, once per page; without an answer the names of the data stay as they are. @returns {Promise<void>} */
export function loadNames() {
  asked ??= get("/api/attributes").then(
    (answer) => {
      names = answer;
      nameChanges.dispatchEvent(new Event("change"));
    },
    () => {
      asked = null;
    },
  );
  return asked ?? Promise.resolve();
}

/** The last part of an expanded name. @param {string} name */
export const shortName = (name) => name.replace(/^.*[/#]/, "");

/** What people call an attribute. @param {string} name */
export function attributeLabel(name) {
  const short = shortName(name);
  return known(`attr.${short}`, names.attributes[short]?.[language()] ?? short);
}

/** What people call a type; `given` is a name that the answer itself brought. @param {string} type @param {string} [given] */
export function typeLabel(type, given = "") {
  const short = shortName(type);
  return given && given !== short ? given : (names.types[short]?.[language()] ?? short);
}
