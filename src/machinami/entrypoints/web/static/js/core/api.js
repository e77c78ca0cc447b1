/** JSON over HTTP: one place that knows errors (RFC 9457 problem details), the CSRF header and lost connections. */
import { language, t } from "./i18n.js";

let csrf = "";
/** @param {string} token */
export function useCsrf(token) {
  csrf = token;
}

/** An answer that was not a success, with what to do about it in the reader's language. */
export class Problem extends Error {
  /** @param {number} status @param {Record<string, any>} body */
  constructor(status, body) {
    const ja = language() === "ja";
    const remedy = (ja ? body.remedy_ja : body.remedy) || body.remedy || (status === 0 ? t("error.offline.remedy") : "");
    const detail = (ja ? body.detail_ja : body.detail) || body.detail || body.title || t("error.status", { status });
    super(remedy && detail.endsWith(remedy) ? detail.slice(0, -remedy.length).trim() : detail);
    this.status = status;
    this.code = body.code ?? "";
    this.remedy = remedy;
  }
}

/** The answer as it came, whatever its status. @param {string} path @param {RequestInit} [options] @throws {Problem} */
export async function raw(path, options = {}) {
  const headers = new Headers(options.headers);
  if (!headers.has("Accept")) headers.set("Accept", "application/json");
  if (csrf && options.method && options.method !== "GET") headers.set("X-CSRF-Token", csrf);
  try {
    return await fetch(path, { credentials: "same-origin", ...options, headers });
  } catch {
    throw new Problem(0, { detail: t("error.offline") });
  }
}

/**
 * @param {string} path @param {RequestInit} [options] @returns {Promise<{status: number, body: any}>} a success and its
 * parsed body, null when it is empty @throws {Problem}
 */
export async function answered(path, options = {}) {
  const answer = await raw(path, options);
  const type = answer.headers.get("content-type") ?? "";
  const body = type.includes("json") ? await answer.json() : null;
  if (answer.status === 401 && !location.pathname.startsWith("/login") && !path.startsWith("/auth/")) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  if (!answer.ok) throw new Problem(answer.status, body ?? {});
  return { status: answer.status, body };
}

/** @param {string} path @param {RequestInit} [options] @returns {Promise<any>} the parsed body @throws {Problem} */
export const request = async (path, options = {}) => (await answered(path, options)).body;

/** @param {string} path */
export const get = (path) => request(path);

/** @param {string} path @param {object} body @param {string} [method] */
export const send = (path, body, method = "POST") =>
  request(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
