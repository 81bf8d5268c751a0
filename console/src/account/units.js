/** Amounts of currency as somebody would type them. */
import { microcents } from "../money.js";

const DECIMALS = 8;

/** "1234.5": without a symbol and without groups, at most eight decimals. @param {string} amount millicents @param {import("../money.js").Currency} currency */
export function unitsText(amount, currency) {
  const per = BigInt(currency.millicents_per_unit) * 1000n;
  const scaled = (microcents(amount) * 10n ** BigInt(DECIMALS) * 2n + per) / (per * 2n);
  const digits = scaled.toString().padStart(DECIMALS + 1, "0");
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, "");
  return digits.slice(0, -DECIMALS) + (fraction && `.${fraction}`);
}
