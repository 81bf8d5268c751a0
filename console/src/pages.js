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
  { path: "/accounts/:actor", title: "Account", load: () => import("./pages/account.js") },
  { path: "/rates", title: "Rates", key: "r", load: () => import("./pages/rates.js") },
  { path: "/live", title: "Live", key: "l", forOperators: true, load: () => import("./pages/live.js") },
  { path: "/health", title: "Health", key: "h", forOperators: true, load: () => import("./pages/health.js") },
  { path: "/rates/card", title: "Rate card", load: () => import("./pages/rate_card.js") },
];
