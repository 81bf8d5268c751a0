/** Addresses: "#/accounts/user%3Aalice?group_by=app". What a page shows follows from its address. */
import { link, parsed } from "./address.js";
import { useStore } from "./follow.js";
import { store } from "./ui.js";

export { link } from "./address.js";

/** @typedef {import("./address.js").Route} Route */

/** Goes there; the back button comes back. @param {string} address of `link` */
export function go(address) {
  location.hash = address;
}

/** The same page with another query, in the place of the present one: for what is typed. @param {Record<string, string | null | undefined>} changes */
export function refine(changes) {
  const { segments, query } = parsed(location.hash);
  history.replaceState(null, "", link(...segments, { ...query, ...changes }));
  route.set(parsed(location.hash));
}

/** The same page with another query, from which the back button comes back: for what is chosen. @param {Record<string, string | null | undefined>} changes */
export function choose(changes) {
  const { segments, query } = parsed(location.hash);
  go(link(...segments, { ...query, ...changes }));
}

export const route = store(parsed(typeof location === "undefined" ? "" : location.hash));

/** @returns {Route} */
export const useRoute = () => useStore(route);

/** Follows the address from now on. */
export function follow() {
  addEventListener("hashchange", () => route.set(parsed(location.hash)));
  route.set(parsed(location.hash));
}
