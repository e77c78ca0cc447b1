/** Numbers, units, dates and ages as people read them. */
import { language, t } from "./i18n.js";

const tag = () => (language() === "ja" ? "ja-JP" : "en-GB");
const ZONE = "Asia/Tokyo";

/** UN/CEFACT unit codes (NGSI-LD unitCode) that cities use, with the sign people know. */
const UNIT_SIGNS = /** @type {Record<string, string>} */ ({
  CEL: "°C", P1: "%", MTR: "m", CMT: "cm", MMT: "mm", KMT: "km", MTK: "m²", MTQ: "m³", MTS: "m/s", KMH: "km/h", A97: "hPa",
  HPA: "hPa", DD: "°", LUX: "lx", KWH: "kWh", KWT: "kW", WTT: "W", VLT: "V", SEC: "s", MIN: "min", HUR: "h", C62: "", "59": "ppm",
  GQ: "µg/m³", H67: "mm/h", MQH: "m³/h", D54: "W/m²", "2N": "dB",
});

/** @param {string | null | undefined} code */
export const unitSign = (code) => (code ? (UNIT_SIGNS[code] ?? code) : "");

/** @param {unknown} value */
export function number(value) {
  return typeof value === "number" ? new Intl.NumberFormat(tag(), { maximumFractionDigits: 3 }).format(value) : String(value ?? "");
}

/** Date and time in Japan's time, e.g. 11月26日 09:55. @param {string | number | Date | null | undefined} at */
export function moment(at) {
  if (!at) return "–";
  const date = new Date(at);
  const year = date.getFullYear() === new Date().getFullYear() ? {} : { year: /** @type {const} */ ("numeric") };
  return new Intl.DateTimeFormat(tag(), {
    ...year, month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", timeZone: ZONE,
  }).format(date);
}

/** Time of day, with seconds. @param {string | number | Date} at */
export const clock = (at) =>
  new Intl.DateTimeFormat(tag(), { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone: ZONE }).format(new Date(at));

/** The whole date with the Japanese era in Japanese, e.g. 令和8年11月26日 9:55:00. @param {string | number | Date} at */
export function fullMoment(at) {
  const locale = language() === "ja" ? "ja-JP-u-ca-japanese" : "en-GB";
  return new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "medium", timeZone: ZONE }).format(new Date(at));
}

/** Seconds since `at`. @param {string} at */
export const ageSeconds = (at) => Math.max(0, (Date.now() - Date.parse(at)) / 1000);

/** How long ago, in one unit: 12 分前. @param {string | null | undefined} at */
export function age(at) {
  if (!at) return t("age.unknown");
  const seconds = ageSeconds(at);
  if (seconds < 5) return t("age.now");
  if (seconds < 60) return t("age.s", { n: Math.floor(seconds) });
  if (seconds < 3600) return t("age.min", { n: Math.floor(seconds / 60) });
  if (seconds < 86400) return t("age.h", { n: Math.floor(seconds / 3600) });
  return t("age.d", { n: Math.floor(seconds / 86400) });
}

/** @param {number} count */
export const whole = (count) => new Intl.NumberFormat(tag()).format(count);

/** @param {number} lat @param {number} lon */
export const position = (lat, lon) => `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
