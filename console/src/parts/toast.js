/** A short note at the edge, read out by screen readers. */
import { useStore } from "../follow.js";
import { html, store } from "../ui.js";

const SHOWN_MS = 5000;

const toasts = store(/** @type {{id: number, text: string, isBad: boolean}[]} */ ([]));
let count = 0;

/** @param {string} text @param {{isBad?: boolean}} [how] */
export function toast(text, { isBad = false } = {}) {
  const id = (count += 1);
  toasts.set([...toasts.get(), { id, text, isBad }]);
  setTimeout(() => toasts.set(toasts.get().filter((each) => each.id !== id)), SHOWN_MS);
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${useStore(toasts).map((each) => html`<div key=${each.id} class="toast ${each.isBad ? "bad" : ""}">${each.text}</div>`)}
  </div>`;
}
