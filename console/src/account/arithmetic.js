/** Why an entry has its amount and its balances: the steps, each computed here again and compared with what is recorded. */
import { microcents, millicents, sum } from "../money.js";
import { decimal, equal, minus, plus, text, times } from "./decimals.js";

/** @typedef {import("./types.js").Entry} Entry */

/**
 * @typedef {object} Change
 * @property {string} name
 * @property {string} before
 * @property {string} after
 * @property {string} change
 */

/** Available and held, before and after. @param {Entry} entry @returns {Change[]} */
export function changes(entry) {
  return [
    change("Available", String(entry.available_before), String(entry.available_after)),
    change("Held", String(entry.held_before), String(entry.held_after)),
  ];
}

/** @param {string} name @param {string} before @param {string} after @returns {Change} */
export const change = (name, before, after) => ({ name, before, after, change: millicents(microcents(after) - microcents(before)) });

/** Whether an account is below a threshold. Held credits count as present, as for the warning. @param {{available: any, held: any}} account @param {any} threshold */
export const isBelow = (account, threshold) => microcents(account.available) + microcents(account.held) < microcents(threshold);

/** The amount without its sign. @param {Entry} entry */
export const sizeOf = (entry) => {
  const amount = microcents(entry.amount);
  return millicents(amount < 0n ? -amount : amount);
};

/**
 * Whether the grants that are named account for the whole amount; what is missing was overdrawn, or expired.
 * @param {Entry} entry @returns {{drawn: string, rest: string}}
 */
export function drawnOf(entry) {
  const drawn = sum((entry.drawn ?? []).map((each) => String(each.amount)));
  return { drawn, rest: millicents(microcents(sizeOf(entry)) - microcents(drawn)) };
}

/**
 * @typedef {object} PriceStep
 * @property {string} item
 * @property {string} arithmetic   "2006 × 250 / 1000"
 * @property {string} amount       as it was answered
 * @property {boolean} adds        units × price is per × amount, exactly
 */

/** The lines of a price, and whether each is as its figures say. @param {any[]} items @returns {PriceStep[]} */
export function priceSteps(items) {
  return items.map((each) => {
    const [units, price, per, amount] = [each.units, each.price, String(each.per), each.amount].map(decimal);
    return {
      item: each.item, amount: each.amount, adds: equal(times(units, price), times(amount, per)),
      arithmetic: `${each.units} × ${each.price}${String(each.per) === "1" ? "" : ` / ${each.per}`}`,
    };
  });
}

/**
 * The sum of the lines with what was carried, beside the amount that was recorded.
 * @typedef {object} PriceSum
 * @property {string} exact          the sum of the lines, in millicents of any precision
 * @property {string} carryBefore    millicents
 * @property {string} carryAfter
 * @property {string} amount         what it comes to
 * @property {boolean} isRecorded    it is the amount of the entry, to the microcent
 *
 * @param {any[]} items @param {Entry} entry @returns {PriceSum}
 */
export function priceSum(items, entry) {
  const exact = items.map((each) => decimal(each.amount)).reduce(plus, decimal("0"));
  const [before, after] = [entry.carry_before ?? "0", entry.carry_after ?? "0"].map(decimal);
  const hasCarry = entry.carry_before !== undefined && entry.carry_before !== null;
  const comes = hasCarry ? minus(plus(exact, before), after) : exact;
  return {
    exact: text(exact), carryBefore: text(before), carryAfter: text(after), amount: text(comes),
    isRecorded: equal(comes, decimal(sizeOf(entry))),
  };
}

/** The usage of an entry as a quote takes it: quantities without what is not a quantity. @param {Entry} entry @returns {Record<string, any> | null} */
export function quotable(entry) {
  if (!entry.usage || !entry.rate_card) return null;
  const { provider: _provider, raw_digest: _digest, ...usage } = /** @type {Record<string, any>} */ (entry.usage);
  return usage;
}
