/** From an operation of the description and what was filled in to a request, and its answer as it came. */
import { raw } from "../core/api.js";

/** @typedef {{name: string, in: "path" | "query" | "header", required?: boolean, description?: string, "x-ja"?: string, schema: {type: string, enum?: string[]}}} Parameter
 *  @typedef {{method: string, path: string, tag: string, text: string, clauses: string[], parameters: Parameter[], body: {types: string[], example: string} | null}} Operation
 *  @typedef {{status: string, ok: boolean, ms: number, headers: string, body: string}} Answer */

/** @param {any} description @param {string} reference */
const at = (description, reference) => reference.slice(2).split("/").reduce((found, part) => found[part], description);

/** @param {any} description @param {any} body @returns {{types: string[], example: string} | null} */
function bodyOf(description, body) {
  if (!body) return null;
  const types = Object.keys(body.content);
  const example = at(description, body.content[types[0]].schema.$ref).examples?.[0];
  return { types, example: example === undefined ? "{}" : JSON.stringify(example, null, 2) };
}

/** All operations of a description, in its order. @param {any} description @returns {Operation[]} */
export function operations(description) {
  return Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, one]) => ({
      method: method.toUpperCase(),
      path,
      tag: one.tags[0],
      text: one.description,
      clauses: one["x-clauses"] ?? [],
      parameters: one.parameters.map((/** @type {any} */ row) => (row.$ref ? at(description, row.$ref) : row)),
      body: bodyOf(description, one.requestBody),
    })),
  );
}

/** The address of a request. @param {Operation} operation @param {Record<string, string>} values by place and name */
export function address(operation, values) {
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(values[`path.${name}`] ?? ""));
  const query = new URLSearchParams();
  for (const { name, in: place } of operation.parameters) if (place === "query" && values[`query.${name}`]) query.set(name, values[`query.${name}`]);
  return query.size ? `${path}?${query}` : path;
}

/**
 * Ask; an answer of any status is an answer.
 * @param {Operation} operation @param {Record<string, string>} values @param {string} type @param {string} body @returns {Promise<Answer>}
 */
export async function ask(operation, values, type, body) {
  const headers = new Headers({ Accept: "application/json, */*;q=0.1" });
  for (const { name, in: place } of operation.parameters) if (place === "header" && values[`header.${name}`]) headers.set(name, values[`header.${name}`]);
  if (operation.body) headers.set("Content-Type", type);
  const began = performance.now();
  const answer = await raw(address(operation, values), { method: operation.method, headers, ...(operation.body ? { body } : {}) });
  const text = await answer.text();
  return {
    status: `${answer.status} ${answer.statusText}`.trim(),
    ok: answer.ok,
    ms: Math.round(performance.now() - began),
    headers: [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n"),
    body: pretty(text),
  };
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
