/** What every framed page starts: rail, top bar, messages, alarms and the live connection. */
import { loadAlarms } from "../core/alarms.js";
import { openStream } from "../core/stream.js";
import "./rail.js";
import "./search.js";
import "./topbar.js";
import { toastProblem } from "./toasts.js";

/** Put the page's island into the page. @param {HTMLElement} island */
export function frame(island) {
  const main = /** @type {HTMLElement} */ (document.getElementById("main"));
  main.replaceChildren(island);
  loadAlarms().catch(toastProblem);
  openStream();
}
