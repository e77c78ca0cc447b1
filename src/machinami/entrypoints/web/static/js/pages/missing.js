/** Where no page is: what was asked for and the way back. */
import { html, render } from "lit";
import { t } from "../core/i18n.js";
import { markReady, start } from "../core/start.js";
import "../core/theme.js";
import { empty } from "../shell/empty.js";

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
main.replaceChildren();
render(
  html`<div class="missing">${empty("search", t("page.missing"), t("missing.text", { path: start.path ?? "" }), { label: t("missing.action"), href: "/" })}</div>`,
  main,
);
markReady();
