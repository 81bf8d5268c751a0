/**
 * Prices of rate cards, exact. A price is a decimal text of up to 12 decimals for a number of units; two are compared as
 * quotients, so that 0.25 for one unit and 250,000 for a million are the same.
 *
 * @typedef {import("../types/api.js").components["schemas"]["Price"]} Price
 * @typedef {import("../types/api.js").components["schemas"]["RateCard"]} RateCard
 * @typedef {{amount: string, per: bigint}} Priced   millicents with at most three decimals, for `per` units
 */
import { decimal } from "./account/decimals.js";
import { millicents } from "./money.js";

const SHAPE = /^(-?)(\d+)(?:\.(\d+))?$/;
const MILLICENT_DECIMALS = 3;
const STEP = 1000n;
const MOST_DECIMALS = 20;
const TENTHS = 1000n;

/** @typedef {{count: bigint, of: bigint}} Quotient */

/** @param {string | number} text @returns {Quotient} */
function quotient(text) {
  const { count, decimals } = decimal(text);
  return { count, of: 10n ** BigInt(decimals) };
}

/** "1,234.000001": every digit that it has. What is no number is given as it is. @param {string | number} text @param {string} [locale] */
export function numberText(text, locale) {
  if (!SHAPE.test(String(text).trim())) return String(text);
  return new Intl.NumberFormat(locale, { maximumFractionDigits: MOST_DECIMALS }).format(/** @type {any} */ (String(text).trim()));
}

/** "each", "per 1K", "per 1M", "per 12". @param {bigint} units */
export function perText(units) {
  if (units === 1n) return "each";
  const [size, letter] = LETTERS.find(([of]) => units % of === 0n) ?? [1n, ""];
  return `per ${numberText(String(units / size))}${letter}`;
}

/** @type {[bigint, string][]} */
const LETTERS = [[1_000_000_000n, "B"], [1_000_000n, "M"], [1000n, "K"]];

/**
 * A price as an amount that millicents can say, for as many more units as that needs: 0.0000125 for one is 12.5 for a million.
 * @param {{price: string, per?: number}} price @returns {Priced}
 */
export function priced({ price, per = 1 }) {
  const { count, of } = quotient(price);
  let units = BigInt(per);
  let scaled = count * 10n ** BigInt(MILLICENT_DECIMALS);
  while (scaled % of !== 0n) {
    scaled *= STEP;
    units *= STEP;
  }
  return { amount: millicents(scaled / of), per: units };
}

/** What one unit costs. @param {{price: string, per?: number}} price @returns {Quotient} */
function ofOne({ price, per = 1 }) {
  const { count, of } = quotient(price);
  return { count, of: of * BigInt(per) };
}

/** @param {{price: string, per?: number}} one @param {{price: string, per?: number}} other */
export function isSamePrice(one, other) {
  const [left, right] = [ofOne(one), ofOne(other)];
  return left.count * right.of === right.count * left.of;
}

/**
 * "+20%", "-33.3%": how much more the second is, to a tenth of a percent; null where there was no price, or it was 0.
 * @param {{price: string, per?: number}} before @param {{price: string, per?: number}} after
 */
export function changeText(before, after) {
  const [left, right] = [ofOne(before), ofOne(after)];
  const whole = left.count * right.of;
  if (whole <= 0n) return null;
  const more = right.count * left.of - whole;
  const tenths = (2n * TENTHS * (more < 0n ? -more : more) + whole) / (2n * whole);
  const sign = more > 0n ? "+" : more < 0n ? "-" : "";
  if (tenths === 0n) return more === 0n ? "0%" : `${sign}<0.1%`;
  return `${sign}${tenths / 10n}${tenths % 10n ? `.${tenths % 10n}` : ""}%`;
}

/**
 * @typedef {object} Difference
 * @property {string | null} quantity   null: of the card itself
 * @property {string} field             "price", "tiers", "request_price", …
 * @property {any} before               undefined: it was not there
 * @property {any} after
 * @property {string | null} change     how much dearer, of prices
 */

const OF_A_VERSION = new Set(["card", "version", "made_at", "by", "effective_from", "matched_model", "prices"]);
const OF_A_PRICE = new Set(["price", "per"]);
/** How tiers are counted says nothing where one of the two has none. */
const OF_A_PRICE_WITHOUT_TIERS = new Set([...OF_A_PRICE, "tier_mode"]);
const NUMBERS = new Set(["request_price", "minimum_charge"]);

/** What changed between two versions. Fields that this console does not know are compared as well. @param {RateCard} older @param {RateCard} newer @returns {Difference[]} */
export function differences(older, newer) {
  const quantities = new Set([...Object.keys(newer.prices), ...Object.keys(older.prices)]);
  return [
    ...[...quantities].flatMap((quantity) => ofQuantity(quantity, older.prices[quantity], newer.prices[quantity])),
    ...namesOf(older, newer, OF_A_VERSION).flatMap((field) => ofField(null, field, older, newer)),
  ];
}

/** @param {string} quantity @param {Price | undefined} before @param {Price | undefined} after @returns {Difference[]} */
function ofQuantity(quantity, before, after) {
  if (!before || !after) return [{ quantity, field: "price", before, after, change: null }];
  const price = isSamePrice(before, after) ? [] : [{ quantity, field: "price", before, after, change: changeText(before, after) }];
  const without = before.tiers?.length && after.tiers?.length ? OF_A_PRICE : OF_A_PRICE_WITHOUT_TIERS;
  return [...price, ...namesOf(before, after, without).flatMap((field) => ofField(quantity, field, before, after))];
}

/** @param {object} one @param {object} other @param {Set<string>} without */
const namesOf = (one, other, without) => [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((name) => !without.has(name));

/** @param {string | null} quantity @param {string} field @param {any} older @param {any} newer @returns {Difference[]} */
function ofField(quantity, field, older, newer) {
  const [before, after] = [older[field], newer[field]];
  const isSame = NUMBERS.has(field) ? isSamePrice({ price: before ?? "0" }, { price: after ?? "0" }) : sorted(before) === sorted(after);
  if (isSame) return [];
  return [{ quantity, field, before, after, change: NUMBERS.has(field) ? changeText({ price: before ?? "0" }, { price: after ?? "0" }) : null }];
}

/** A text that is the same for what is the same: nothing and an empty list are, and the order of names is none. @param {any} value */
const sorted = (value) => JSON.stringify(value ?? [], (_, each) =>
  each && typeof each === "object" && !Array.isArray(each) ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1))) : each);

/**
 * Cards with all their versions, the newest first, in the order in which they came.
 * @param {RateCard[]} versions @returns {{meter: string, model: string | null, versions: RateCard[]}[]}
 */
export function cardsOf(versions) {
  /** @type {Map<string, {meter: string, model: string | null, versions: RateCard[]}>} */
  const found = new Map();
  for (const each of versions) {
    const name = JSON.stringify([each.meter, each.model ?? null]);
    const card = found.get(name) ?? { meter: each.meter, model: each.model ?? null, versions: [] };
    card.versions.unshift(each);
    found.set(name, card);
  }
  return [...found.values()];
}

/**
 * The version in effect at an instant: of those that have begun, the newest. It can begin before an older one, to correct it.
 * @param {RateCard[]} versions @param {number} now milliseconds @returns {RateCard | null}
 */
export function inEffect(versions, now) {
  const begun = versions.filter((each) => !each.effective_from || Date.parse(each.effective_from) <= now);
  return begun.sort((one, other) => Number(other.version) - Number(one.version))[0] ?? null;
}
