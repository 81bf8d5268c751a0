/**
 * Amounts, exact. The API gives millicents as text with at most three decimals ("957.5"); here they are counted in
 * BigInt microcents. No amount that is shown was ever a float.
 *
 * @typedef {string | number | bigint} Amount  Millicents as the API gives them.
 * @typedef {{currency: string, millicents_per_unit: number}} Currency  What the deployment says a unit is.
 */

const SHAPE = /^([+-]?)(\d+)(?:\.(\d{1,3})0*)?$/;
const DECIMALS = 3;
const MOST_DECIMALS = 8;

/** @param {Amount} amount @returns {bigint} */
export function microcents(amount) {
  const text = String(amount).trim();
  const found = SHAPE.exec(text);
  if (!found) throw new RangeError(`${text} is not an amount`);
  const [, sign, whole, fraction = ""] = found;
  const size = BigInt(whole + fraction.padEnd(DECIMALS, "0"));
  return sign === "-" ? -size : size;
}

/** Millicents as the API takes them. @param {bigint} count @returns {string} */
export function millicents(count) {
  const sign = count < 0n ? "-" : "";
  const digits = (count < 0n ? -count : count).toString().padStart(DECIMALS + 1, "0");
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, "");
  return sign + digits.slice(0, -DECIMALS) + (fraction && `.${fraction}`);
}

/** @param {Amount[]} amounts @returns {string} */
export const sum = (amounts) => millicents(amounts.map(microcents).reduce((total, each) => total + each, 0n));

/** @param {Amount} one @param {Amount} other @returns {string} */
export const minus = (one, other) => millicents(microcents(one) - microcents(other));

/** For sorting. @param {Amount} one @param {Amount} other @returns {-1 | 0 | 1} */
export function compare(one, other) {
  const difference = microcents(one) - microcents(other);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** From 0 to 1, for the length of a bar. @param {Amount} part @param {Amount} whole */
export function share(part, whole) {
  const of = microcents(whole);
  if (of <= 0n) return 0;
  const ratio = Number((microcents(part) * 10_000n) / of) / 10_000;
  return Math.min(1, Math.max(0, ratio));
}

/** For the height of a point in a chart, where a screen has less digits than a float. @param {Amount} amount */
export const height = (amount) => Number(amount);

/** "1,234.5": every digit that it has. @param {Amount} amount @param {string} [locale] */
export function millicentsText(amount, locale) {
  return formatted(new Intl.NumberFormat(locale, { maximumFractionDigits: DECIMALS }), millicents(microcents(amount)));
}

/**
 * "$0.00042": all its decimals, at least two. Where a unit does not divide exactly, rounded half up to eight.
 * @param {Amount} amount @param {Currency} currency @param {string} [locale]
 */
export function currencyText(amount, currency, locale) {
  const style = { style: /** @type {const} */ ("currency"), currency: currency.currency };
  const format = new Intl.NumberFormat(locale, { ...style, minimumFractionDigits: 2, maximumFractionDigits: MOST_DECIMALS });
  return formatted(format, units(microcents(amount), BigInt(currency.millicents_per_unit) * 1000n));
}

/** A decimal text of a quotient, rounded half away from zero to eight decimals. @param {bigint} count @param {bigint} per */
function units(count, per) {
  const size = count < 0n ? -count : count;
  const scaled = (size * 10n ** BigInt(MOST_DECIMALS) * 2n + per) / (per * 2n);
  const digits = scaled.toString().padStart(MOST_DECIMALS + 1, "0");
  return `${count < 0n ? "-" : ""}${digits.slice(0, -MOST_DECIMALS)}.${digits.slice(-MOST_DECIMALS)}`;
}

/** Intl formats a decimal text exactly, though its type says number. @param {Intl.NumberFormat} format @param {string} text */
const formatted = (format, text) => format.format(/** @type {any} */ (text));

/** Without what separates thousands. @param {string} text */
const ungrouped = (text) => text.trim().replace(/(?<=\d)[,_ \u00a0\u202f](?=\d{3}(\D|$))/g, "");

/**
 * Millicents of what somebody typed: "1,000.5". Null if it is no amount of 0 or more.
 * @param {string} text @returns {string | null}
 */
export function typedMillicents(text) {
  const plain = ungrouped(text);
  return /^\d+(\.\d{1,3})?$/.test(plain) ? millicents(microcents(plain)) : null;
}

/**
 * Millicents of an amount of currency that somebody typed: "10.50". Null if it is none, or finer than a microcent.
 * @param {string} text @param {Currency} currency @returns {string | null}
 */
export function typedCurrency(text, currency) {
  const plain = ungrouped(text);
  const found = /^(\d+)(?:\.(\d+))?$/.exec(plain);
  if (!found) return null;
  const fraction = found[2] ?? "";
  const scaled = BigInt(found[1] + fraction) * BigInt(currency.millicents_per_unit) * 1000n;
  const per = 10n ** BigInt(fraction.length);
  return scaled % per === 0n ? millicents(scaled / per) : null;
}
