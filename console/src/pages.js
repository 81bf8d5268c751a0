/**
 * The pages. A new one is a line here and a file in pages/ that exports `View`; it is loaded when it is opened.
 *
 * @typedef {{params: Record<string, string>, query: Record<string, string>}} PageProps
 * @typedef {object} PageEntry
 * @property {string} path        "/accounts/:actor"
 * @property {string} title
 * @property {string} [key]       with it in the navigation: `g` and then this key goes there
 * @property {boolean} [forOperators]  not in the navigation of people who may see their own account only
 * @property {() => Promise<{View: (props: PageProps) => any}>} load
 */

/** @type {PageEntry[]} */
export const PAGES = [
  { path: "/", title: "Overview", key: "o", forOperators: true, load: () => import("./pages/overview.js") },
  { path: "/accounts", title: "Accounts", key: "a", forOperators: true, load: () => import("./pages/accounts.js") },
];
