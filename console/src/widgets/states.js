/** What every element looks like before it has something, without anything, and after a failure. */
import { plain } from "../text.js";
import { html, useEffect, useErrorBoundary, useState } from "../ui.js";

const NOTHING_MOVES_MS = 200;
const UNAUTHENTICATED = 401;
const FORBIDDEN = 403;
const NOT_FOUND = 404;

/** @param {{children?: any}} props */
export function Widget({ children }) {
  const [broken, again] = useErrorBoundary();
  const content = Array.isArray(children) ? children[0] : children;
  if (broken) return html`<div class="widget" part="widget"><${Failed} error=${{ message: String(broken) }} again=${again} /></div>`;
  return html`<div class="widget" part="widget">${content ?? html`<${Loading} />`}</div>`;
}

export function Loading() {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), NOTHING_MOVES_MS);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="loading" role="status" part="loading">${isLate && html`<span class="hidden">Loading</span><i></i><i></i>`}</div>`;
}

/** @param {{children?: any}} props */
export const Empty = ({ children }) => html`<p class="empty" part="empty">${children}</p>`;

/** @param {{error: any, again: () => void}} props */
export function Failed({ error, again }) {
  return html`<div class="failed" role="alert" part="error">
    <p>${textOf(error)}</p>
    ${error.requestId && html`<p class="dim">Request <code>${error.requestId}</code></p>`}
    <button type="button" part="button" onClick=${again}>Try again</button>
  </div>`;
}

/** @param {any} error */
function textOf(error) {
  if (error.status === 0) return "This cannot be loaded now. Check the connection, or sign in again.";
  if (error.status === UNAUTHENTICATED) return "You are not signed in, or no longer. Sign in again to see this.";
  if (error.status === FORBIDDEN) return "You may not see this account.";
  return plain(error.message);
}

/** An account without an entry does not exist yet, which is no failure. @param {any} error */
export const isNoAccount = (error) => error?.status === NOT_FOUND && error.code === "account_not_found";

/**
 * The content of an answer once it is there, or why it is not.
 * @param {{of: import("../load.js").Loading, empty: any, isEmpty?: (data: any) => boolean, children?: any}} props
 */
export function Shown({ of, empty, isEmpty = () => false, children }) {
  if (isNoAccount(of.error)) return html`<${Empty}>${empty}<//>`;
  if (of.error && !of.data) return html`<${Failed} error=${of.error} again=${of.again} />`;
  if (!of.data) return html`<${Loading} />`;
  if (isEmpty(of.data)) return html`<${Empty}>${empty}<//>`;
  return html`<div class="shown" aria-busy=${of.isLoading}>${(Array.isArray(children) ? children[0] : children)(of.data)}</div>`;
}
