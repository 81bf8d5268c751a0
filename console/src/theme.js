/** Light or dark: as the system has it, or as somebody chose. The choice is the only thing that is kept beyond a tab. */
import { store } from "./ui.js";

const KEPT = "millicent.theme";
/** @typedef {"system" | "light" | "dark"} Theme */

export const theme = store(/** @type {Theme} */ ("system"));

/** @param {Theme} wanted */
export function choose(wanted) {
  const root = document.documentElement;
  if (wanted === "system") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", wanted);
  try {
    if (wanted === "system") localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, wanted);
  } catch {
    // A browser without storage forgets it.
  }
  theme.set(wanted);
}

export function start() {
  /** @type {string | null} */
  let kept = null;
  try {
    kept = localStorage.getItem(KEPT);
  } catch {
    // As above.
  }
  choose(kept === "light" || kept === "dark" ? kept : "system");
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme.set(theme.get()));
}
