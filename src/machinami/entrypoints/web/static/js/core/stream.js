/**
 * The one live connection of a page (server-sent events). The browser resumes it by the last event's id; when the
 * server turns it away altogether, it is opened anew with growing pauses and everything is loaded again (`reset`).
 * Events on `live`: `entity`, `alarm`, `import`, `reset` (CustomEvent with the data) and `state`.
 */
import { probe } from "./start.js";

export const live = new EventTarget();
const RETRY_MAX_MS = 30_000;

/** @typedef {"connecting" | "live" | "lost"} State */
/** @type {State} */
let state = "connecting";
let lastEventId = "";
let pause = 1000;
let opened = false;
let missed = false;
/** @type {EventSource | null} */
let source = null;

export const streamState = () => state;

/** @param {State} next */
function enter(next) {
  if (state === next) return;
  state = next;
  live.dispatchEvent(new Event("state"));
}

/** @param {string} name @param {MessageEvent} event */
function pass(name, event) {
  if (event.lastEventId) lastEventId = event.lastEventId;
  const detail = event.data ? JSON.parse(event.data) : null;
  live.dispatchEvent(new CustomEvent(name, { detail }));
}

function connect() {
  source = new EventSource("/api/stream");
  source.addEventListener("open", () => {
    pause = 1000;
    enter("live");
    if (missed) live.dispatchEvent(new CustomEvent("reset"));
    missed = false;
  });
  source.addEventListener("error", () => {
    enter("lost");
    if (source?.readyState === EventSource.CLOSED) {
      missed = true;
      setTimeout(connect, pause);
      pause = Math.min(pause * 2, RETRY_MAX_MS);
    }
  });
  for (const name of ["entity", "alarm", "import", "reset"]) {
    source.addEventListener(name, (event) => pass(name, /** @type {MessageEvent} */ (event)));
  }
}

/** Open the stream; further calls change nothing. */
export function openStream() {
  if (opened) return;
  opened = true;
  connect();
  addEventListener("pagehide", () => source?.close());
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    missed = true;
    connect();
  });
}

Object.defineProperty(probe, "lastEventId", { get: () => lastEventId, enumerable: true });
Object.defineProperty(probe, "stream", { get: () => state, enumerable: true });
