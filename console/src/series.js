/** Series of a chart: the largest by name, and the rest as "others". */
import { compare, sum } from "./money.js";

export const MOST_SERIES = 8;

/**
 * @typedef {object} Point
 * @property {string} day
 * @property {string | null} name
 * @property {string} amount
 * @typedef {object} Series
 * @property {string | null} name   null: entries without a name
 * @property {boolean} isOthers
 * @property {string[]} amounts     one a day
 * @property {string} total
 */

/**
 * At most eight series and the rest as one. Every amount is in exactly one of them, so their sum is that of the points.
 * @param {Point[]} points @param {string[]} days @param {number} [most] @returns {Series[]}
 */
export function seriesOf(points, days, most = MOST_SERIES) {
  /** @type {Map<string | null, Map<string, string>>} */
  const byName = new Map();
  for (const { day, name, amount } of points) {
    const amounts = byName.get(name) ?? new Map();
    amounts.set(day, sum([amounts.get(day) ?? "0", amount]));
    byName.set(name, amounts);
  }
  const all = [...byName].map(([name, amounts]) => series(name, days.map((day) => amounts.get(day) ?? "0"), false));
  all.sort((one, other) => compare(other.total, one.total) || String(one.name).localeCompare(String(other.name)));
  if (all.length <= most) return all;
  const [shown, rest] = [all.slice(0, most), all.slice(most)];
  return [...shown, series(null, days.map((_, index) => sum(rest.map((each) => each.amounts[index]))), true)];
}

/** @param {string | null} name @param {string[]} amounts @param {boolean} isOthers @returns {Series} */
const series = (name, amounts, isOthers) => ({ name, isOthers, amounts, total: sum(amounts) });

/** For a chart that stacks: each series on top of those before it. @param {Series[]} all @returns {string[][]} */
export function stacked(all) {
  /** @type {string[][]} */
  const made = [];
  for (const each of all) {
    const below = made.at(-1);
    made.push(each.amounts.map((amount, index) => (below ? sum([below[index], amount]) : amount)));
  }
  return made;
}
