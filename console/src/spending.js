/**
 * Spending by day and meter. The service sums by one thing at a time, so each day is asked for by meter, a few at once;
 * what comes is shown as it comes. Every figure is the service's own.
 */
import { list } from "./api.js";
import { days as daysOf } from "./time.js";

const AT_ONCE = 4;

/**
 * @typedef {import("./series.js").Point} Point
 * @typedef {object} Wanted
 * @property {string} from
 * @property {string} to
 * @property {string} [path]         of the sums, "/v1/usage" for the tenant
 * @property {string} [by]           "meter", "app" or "member"
 * @property {AbortSignal} [signal]
 * @property {(points: Point[]) => void} [onPoints]   called with all that is known as days come in
 */

/** @param {Wanted} wanted @returns {Promise<Point[]>} */
export async function spendingByDay({ from, to, path = "/v1/usage", by = "meter", signal, onPoints }) {
  const items = await all(path, { group_by: "day", from, to }, signal);
  const spentOn = new Set(items.filter((each) => each.count > 0 || each.refunded !== "0").map((each) => each.day));
  // Until its meters are known, a day is one bar.
  /** @type {Map<string, Point[]>} */
  const known = new Map(items.map((each) => [each.day, [{ day: each.day, name: null, amount: each.net }]]));
  const tell = () => onPoints?.([...known.values()].flat());
  tell();
  const waiting = daysOf(from, to).filter((day) => spentOn.has(day)).reverse();
  const work = async () => {
    for (let day = waiting.shift(); day; day = waiting.shift()) {
      known.set(day, await pointsOf(path, by, day, signal));
      tell();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return [...known.values()].flat();
}

/** All names of a day. @param {string} path @param {string} by @param {string} day @param {AbortSignal} [signal] @returns {Promise<Point[]>} */
async function pointsOf(path, by, day, signal) {
  const items = await all(path, { group_by: by, from: day, to: day }, signal);
  return items.map((each) => ({ day, name: each[by] ?? null, amount: each.net }));
}

/** @param {string} path @param {import("./api.js").Query} query @param {AbortSignal} [signal] @returns {Promise<any[]>} */
async function all(path, query, signal) {
  const items = [];
  for await (const item of list(path, query, { signal })) items.push(item);
  return items;
}
