/** The frame of a page, and the states of what it shows. */
import { session } from "../session.js";
import { plain } from "../text.js";
import { html, useEffect, useState } from "../ui.js";

const FORBIDDEN = 403;
const NOTHING_MOVES_MS = 200;

/** @param {{title: any, actions?: any, lead?: any, children?: any}} props */
export function Page({ title, actions, lead, children }) {
  useEffect(() => {
    if (typeof title === "string") document.title = `${plain(title)} · Millicent`;
  }, [title]);
  return html`<div class="page">
    <header class="page-head"><h1 tabindex="-1">${typeof title === "string" ? plain(title) : title}</h1>${actions && html`<div class="actions">${actions}</div>`}</header>
    ${lead && html`<p class="lead">${lead}</p>`}
    ${children}
  </div>`;
}

/** @param {{title: any, note?: any, actions?: any, class?: string, children?: any}} props */
export function Section({ title, note, actions, class: name = "", children }) {
  return html`<section class="panel ${name}">
    <header class="panel-head"><h2>${title}</h2>${note && html`<span class="note">${note}</span>`}${actions && html`<div class="actions">${actions}</div>`}</header>
    ${children}
  </section>`;
}

/**
 * What `useCall` or `useList` has: the content once it is there, or why it is not. `children` makes the content of the answer.
 * @param {{of: any, empty?: any, isEmpty?: (data: any) => boolean, children?: any}} props
 */
export function Loaded({ of, empty = "There is nothing here yet.", isEmpty = hasNoItems, children }) {
  const data = of.items === undefined ? of.data : of.items;
  if (of.error && !data) return html`<${Failed} error=${of.error} again=${of.again} />`;
  if (data === null || data === undefined) return html`<${Loading} />`;
  if (isEmpty(data) && !of.hasMore) return html`<${Empty}>${empty}<//>`;
  return html`<div class="loaded ${of.isLoading ? "is-loading" : ""}" aria-busy=${of.isLoading}>
    ${(Array.isArray(children) ? children[0] : children)(data)}
    ${of.error && html`<${Failed} error=${of.error} again=${of.again} />`}
  </div>`;
}

/** @param {any} data */
const hasNoItems = (data) => (Array.isArray(data) ? data : data.items)?.length === 0;

/** @param {{children?: any}} props */
export const Empty = ({ children }) => html`<div class="empty">${children}</div>`;

/** Lines where text will be; nothing in the first 200 ms, so that a quick answer does not flicker. */
export function Loading() {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), NOTHING_MOVES_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="loading" role="status">${isLate && html`<span class="hidden">Loading</span><i></i><i></i><i></i>`}</div>`;
}

/** A failure, in the words of the API, with the id that its log has. @param {{error: any, again?: () => void}} props */
export function Failed({ error, again }) {
  const isForbidden = error.status === FORBIDDEN;
  return html`<div class="failed ${isForbidden ? "is-forbidden" : ""}" role="alert">
    <strong>${plain(error.title ?? "The console failed")}</strong>
    <p>${plain(error.message)}</p>
    ${isForbidden && html`<p class="dim">This token has ${scopesText()}. Nothing is shown, since it may not be seen; that does not mean that there is nothing.</p>`}
    ${error.errors?.length > 0 && html`<ul>${error.errors.map((/** @type {any} */ each) => html`<li><code>${each.path}</code> ${plain(String(each.detail))}</li>`)}</ul>`}
    <p class="dim small">
      ${error.status ? `Status ${error.status}` : "No status"}${error.code ? html`, code <code>${error.code}</code>` : ""}${error.requestId ? html`, request <code class="break">${error.requestId}</code>` : ""}
    </p>
    ${again && html`<button type="button" class="button" onClick=${again}>Try again</button>`}
  </div>`;
}

function scopesText() {
  const scopes = session.get().claims?.scopes ?? [];
  return scopes.length ? `the scopes ${scopes.join(", ")}` : "no scope";
}
