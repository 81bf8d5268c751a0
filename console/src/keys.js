/** Keyboard shortcuts: single keys and sequences ("g a"), never while somebody types. */
import { useEffect } from "./ui.js";

/** @typedef {{keys: string, what: string, run: () => void}} Shortcut */

const SEQUENCE_MS = 1200;

/** @type {Set<Shortcut>} */
const known = new Set();
let begun = "";
let begunAt = 0;

/** Those that work now, for the help; of the same keys the newest. */
export const shortcuts = () => [...new Map([...known].map((each) => [each.keys, each])).values()];

/** While the part is on the page. @param {string} keys such as "/" or "g a" @param {string} what @param {() => void} run */
export function useShortcut(keys, what, run) {
  useEffect(() => {
    const shortcut = { keys, what, run };
    known.add(shortcut);
    return () => void known.delete(shortcut);
  }, [keys, what, run]);
}

/** @param {EventTarget | null} target */
const isTyping = (target) => target instanceof Element && target.closest("input, textarea, select, [contenteditable]") !== null;

/** @param {KeyboardEvent} event */
export function onKeyDown(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (isTyping(event.target)) {
    if (event.key === "Escape") /** @type {HTMLElement} */ (event.target).blur();
    return;
  }
  if (document.querySelector("dialog[open]")) return;
  const isLater = Date.now() - begunAt > SEQUENCE_MS;
  const pressed = begun && !isLater ? `${begun} ${event.key}` : event.key;
  begun = "";
  const found = [...known].reverse().find((each) => each.keys === pressed);
  if (found) {
    event.preventDefault();
    found.run();
  } else if ([...known].some((each) => each.keys.startsWith(`${event.key} `))) {
    begun = event.key;
    begunAt = Date.now();
  }
}
