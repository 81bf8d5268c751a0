/** The token of a page's user, as the page gives it: asked for when there is none, shortly before its end, and once more where it was refused. */
import { claimsOf } from "../token.js";

const EARLY_MS = 30_000;

/**
 * @typedef {() => string | null | Promise<string | null>} GetToken
 * @typedef {import("../api.js").Bearer & {subject: () => Promise<string | null>}} UsersBearer
 */

/**
 * @param {GetToken} getToken @param {import("../token.js").Rule} rule @param {() => number} [now] milliseconds @returns {UsersBearer}
 */
export function bearerOf(getToken, rule, now = Date.now) {
  let known = /** @type {string | null} */ (null);
  let asking = /** @type {Promise<string | null> | null} */ (null);

  /** One question at a time, whoever asks. */
  const asked = () => {
    asking ??= Promise.resolve(getToken()).then((token) => (known = token?.trim() || null)).finally(() => {
      asking = null;
    });
    return asking;
  };
  const isGood = () => {
    const expiresAt = known && claimsOf(known, rule)?.expiresAt;
    return known !== null && !(expiresAt && expiresAt - EARLY_MS < now());
  };
  const token = async () => (isGood() ? known : asked());
  return {
    token,
    async refused(token, isAgain) {
      if (isAgain) return false;
      if (known !== token) return known !== null;
      return (await asked()) !== token && known !== null;
    },
    /** Whose token it is. An account is named after it, unless the page names one. */
    async subject() {
      const now = await token();
      return (now && claimsOf(now, rule)?.sub) || null;
    },
  };
}
