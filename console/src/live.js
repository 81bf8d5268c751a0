/**
 * Activity as it comes. A listing since a mark repeats some items, a late one comes below newer ones, and the same item may
 * be told twice: here each is once, the newest first.
 *
 * @typedef {import("../types/api.js").components["schemas"]["ActivityItem"]} Item
 * @typedef {object} Feed
 * @property {Item[]} items       those that are shown
 * @property {Item[]} waiting     those that came while it was paused
 * @property {boolean} isCut      older ones were dropped, so nothing older can follow without a gap
 */

export const MOST = 500;

/**
 * One turn after the other until the signal: the first at once, the next `everyMs` after the answer to the one before, however slow that was,
 * and none while nobody looks. So a slow service never has two questions of a page before it. A turn that gives false is the last.
 * @param {() => Promise<unknown>} turn never fails @param {AbortSignal} signal @param {number} everyMs @param {() => boolean} [isSeen]
 */
export async function turns(turn, signal, everyMs, isSeen = () => document.visibilityState === "visible") {
  let goesOn = (await turn()) !== false;
  while (goesOn && !signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    if (!signal.aborted && isSeen()) goesOn = (await turn()) !== false;
  }
}

/** @type {Feed} */
export const NOTHING = { items: [], waiting: [], isCut: false };

/** With what came. @param {Feed} feed @param {Item[]} came @param {{isPaused?: boolean, most?: number}} [how] @returns {Feed} */
export function merged(feed, came, { isPaused = false, most = MOST } = {}) {
  const fresh = unseen(feed, came);
  if (!fresh.length) return feed;
  if (isPaused) return { ...feed, waiting: newestFirst([...fresh, ...feed.waiting]).slice(0, most) };
  return cut({ ...feed, items: newestFirst([...fresh, ...feed.items]) }, Math.max(most, feed.items.length));
}

/** What waited is shown. @param {Feed} feed @param {number} [most] @returns {Feed} */
export function resumed(feed, most = MOST) {
  return cut({ ...feed, items: newestFirst([...feed.waiting, ...feed.items]), waiting: [] }, Math.max(most, feed.items.length));
}

/** With an older page below. @param {Feed} feed @param {Item[]} page @returns {Feed} */
export const withOlder = (feed, page) => ({ ...feed, items: newestFirst([...feed.items, ...unseen(feed, page)]) });

/** @param {Feed} feed @param {number} most @returns {Feed} */
const cut = (feed, most) => (feed.items.length > most ? { ...feed, items: feed.items.slice(0, most), isCut: true } : feed);

/** Each once, and none that the feed has. @param {Feed} feed @param {Item[]} came */
function unseen(feed, came) {
  const seen = new Set([...feed.items, ...feed.waiting].map((each) => each.id));
  return came.filter((each) => !seen.has(each.id) && seen.add(each.id));
}

/** Of one instant the order is kept, but for entries of one account: those have a sequence. @param {Item[]} items */
const newestFirst = (items) => items.sort((one, other) => compareTexts(other.at, one.at) || sequence(one, other));

/** @param {string} one @param {string} other */
const compareTexts = (one, other) => (one < other ? -1 : one > other ? 1 : 0);

/** @param {Item} one @param {Item} other */
const sequence = (one, other) => (one.actor === other.actor ? (other.seq ?? 0) - (one.seq ?? 0) : 0);
