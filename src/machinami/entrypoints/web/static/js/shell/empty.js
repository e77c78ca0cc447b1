/** Empty and broken states: what it means and one thing to do. */
import { html } from "lit";
import { icon } from "../core/icons.js";
import { t } from "../core/i18n.js";

/**
 * @param {string} name of an icon @param {string} title @param {string} text
 * @param {{label: string, href?: string, act?: () => void}} [action]
 */
export const empty = (name, title, text, action) => html`<div class="empty">
  ${icon(name)}
  <h2>${title}</h2>
  <p>${text}</p>
  ${action ? (action.href ? html`<a class="button primary" href=${action.href}>${action.label}</a>` : html`<button class="button primary" @click=${action.act}>${action.label}</button>`) : ""}
</div>`;

/**
 * A request that failed, with a second try; where the thing is not there at all, `back` leads on instead.
 * @param {any} problem @param {() => void} again @param {{label: string, href: string}} [back]
 */
export const broken = (problem, again, back) =>
  empty("operations", problem.message, problem.remedy || t("error.remedy"), problem.status === 404 && back ? back : { label: t("action.again"), act: again });

/** While the first data is on its way. */
export const waiting = () => html`<p class="waiting" role="status">${t("state.loading")}</p>`;
