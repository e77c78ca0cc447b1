/** What an action on an alarm still needs to know: a comment, a name, an end; asked in one small dialog. */
import { html, render } from "lit";
import { both, t } from "../core/i18n.js";

/** @typedef {import("../core/alarms.js").Alarm} Alarm */

const SHELVE_MIN = [30, 60, 240, 480, 1440];

/** @param {string} action */
function fields(action) {
  if (action === "comment") return html`<label class="field"><span>${t("alarms.ask.text")}</span><textarea name="text" required maxlength="2000"></textarea></label>`;
  if (action === "assign") return html`<label class="field"><span>${t("alarms.ask.to")}</span><input name="to" required maxlength="200" autocomplete="off" /></label>`;
  if (action === "shelve") {
    return html`<label class="field"><span>${t("alarms.ask.until")}</span><select name="minutes">${SHELVE_MIN.map((n) => html`<option value=${n}>${n < 60 ? t("alarms.minutes", { n }) : t("alarms.hours", { n: n / 60 })}</option>`)}</select></label>
      <label class="field"><span>${t("alarms.ask.reason")}</span><textarea name="text" required maxlength="2000"></textarea></label>`;
  }
  return html``;
}

const NEEDS = new Set(["comment", "assign", "shelve", "close", "bulk"]);

/** @param {HTMLFormElement} form */
function read(form) {
  const given = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, String(value).trim()]));
  if (!given.minutes) return given;
  const { minutes, ...rest } = given;
  return { ...rest, until: new Date(Date.now() + Number(minutes) * 60_000).toISOString() };
}

/**
 * @param {string} action @param {Alarm | null} row @param {number} [count] of alarms, for `bulk`
 * @returns {Promise<Record<string, string> | null>} what to send, or null when the person thought better of it
 */
export function ask(action, row, count = 1) {
  if (!NEEDS.has(action)) return Promise.resolve({});
  const dialog = document.createElement("dialog");
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  document.body.append(dialog);
  const title = t(`alarms.ask.${action}`, { n: count });
  return new Promise((done) => {
    /** @type {Record<string, string> | null} */
    let answer = null;
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      answer = read(/** @type {HTMLFormElement} */ (event.target));
      dialog.close();
    };
    render(
      html`<form method="dialog" @submit=${submit} aria-label=${title}>
        <h2>${title}</h2>${row ? html`<p class="muted">${both(row, "headline")}</p>` : html`<p>${t("alarms.ask.bulk.text")}</p>`}
        ${fields(action)}
        <p class="actions"><button class="button primary">${t(action === "bulk" ? "action.acknowledge" : `action.${action === "close" ? "close_alarm" : action}`)}</button><button type="button" class="button" @click=${() => dialog.close()}>${t("action.cancel")}</button></p>
      </form>`,
      dialog,
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.focus();
      done(answer);
    });
    dialog.showModal();
  });
}
