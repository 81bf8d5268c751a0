/** Exact decimals of any precision, for prices and carries: an integer count and its number of decimals. */

/** @typedef {{count: bigint, decimals: number}} Decimal */

/** @param {string | number} text @returns {Decimal} */
export function decimal(text) {
  const found = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(String(text).trim());
  if (!found) throw new RangeError(`${text} is not a decimal`);
  const [, sign, whole, fraction = ""] = found;
  const size = BigInt(whole + fraction);
  return { count: sign === "-" ? -size : size, decimals: fraction.length };
}

/** Without zeros at its end. @param {Decimal} of */
export function text({ count, decimals }) {
  const sign = count < 0n ? "-" : "";
  const digits = (count < 0n ? -count : count).toString().padStart(decimals + 1, "0");
  const fraction = decimals ? digits.slice(-decimals).replace(/0+$/, "") : "";
  return sign + (decimals ? digits.slice(0, -decimals) : digits) + (fraction && `.${fraction}`);
}

/** @param {Decimal} of @param {number} decimals @returns {bigint} */
const scaled = (of, decimals) => of.count * 10n ** BigInt(decimals - of.decimals);

/** @param {Decimal} one @param {Decimal} other @returns {Decimal} */
export function plus(one, other) {
  const decimals = Math.max(one.decimals, other.decimals);
  return { count: scaled(one, decimals) + scaled(other, decimals), decimals };
}

/** @param {Decimal} one @param {Decimal} other @returns {Decimal} */
export const minus = (one, other) => plus(one, { count: -other.count, decimals: other.decimals });

/** @param {Decimal} one @param {Decimal} other @returns {Decimal} */
export const times = (one, other) => ({ count: one.count * other.count, decimals: one.decimals + other.decimals });

/** @param {Decimal} one @param {Decimal} other */
export const equal = (one, other) => minus(one, other).count === 0n;
