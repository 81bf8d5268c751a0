/** What was spent, by whom, what was refused, and what needs somebody. */
import { html } from "../ui.js";
import { Page } from "../parts/page.js";

/** @param {import("../pages.js").PageProps} props */
export function View({ query }) {
  return html`<${Page} title="Overview">soon ${query.days}<//>`;
}
