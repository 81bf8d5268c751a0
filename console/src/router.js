/** Addresses: "#/accounts/user%3Aalice?group_by=app". What a page shows follows from its address. */
import { useStore } from "./follow.js";
import { store } from "./ui.js";

/** @typedef {{path: string, segments: string[], query: Record<string, string>}} Route */

/** @param {string} hash @returns {Route} */
export function parsed(hash) {
  const [path, words = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const segments = path.split("/").filter(Boolean).map(decoded);
  return { path: `/${segments.map(encodeURIComponent).join("/")}`, segments, query: Object.fromEntries(new URLSearchParams(words)) };
}

/** @param {string} segment */
function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/**
 * An address for `href`: link("accounts", "user:alice") or link("accounts", {status: "frozen"}).
 * @param {...(string | Record<string, string | number | boolean | null | undefined>)} parts
 */
export function link(...parts) {
  const names = parts.filter((part) => typeof part === "string");
  const query = Object.assign({}, ...parts.filter((part) => typeof part !== "string"));
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const words = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return `#/${names.map(encodeURIComponent).join("/")}${words && `?${words}`}`;
}

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

/**
 * The parameters of a path by its pattern: "/accounts/:actor" of ["accounts", "a"] gives {actor: "a"}; else null.
 * @param {string} pattern @param {string[]} segments @returns {Record<string, string> | null}
 */
export function matched(pattern, segments) {
  const wanted = pattern.split("/").filter(Boolean);
  if (wanted.length !== segments.length) return null;
  /** @type {Record<string, string>} */
  const found = {};
  for (const [index, name] of wanted.entries()) {
    if (name.startsWith(":")) found[name.slice(1)] = segments[index];
    else if (name !== segments[index]) return null;
  }
  return found;
}
