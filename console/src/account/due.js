/** When what is shown of an account changes by itself: a hold or grant expires, a limit resets, an allowance is refilled. */

/** @param {any} account @param {number} now milliseconds @returns {number | null} the next such instant after now */
export function nextChange(account, now) {
  const instants = [
    ...(account.holds ?? []).map((/** @type {any} */ hold) => hold.expires_at),
    ...(account.grants ?? []).map((/** @type {any} */ grant) => grant.expires_at),
    ...(account.limits ?? []).map((/** @type {any} */ limit) => limit.resets_at),
    account.allowance?.next_at,
  ].map((at) => Date.parse(at ?? "")).filter((at) => at > now);
  return instants.length ? instants.reduce((first, at) => Math.min(first, at)) : null;
}
