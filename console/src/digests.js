/**
 * Signed digests, checked here and not by asking the service whether it is honest: the signature, and that each digest
 * names the text before it. A key is shown by its fingerprint; whether it is the right one is known to who has kept it.
 *
 * @typedef {import("../types/api.js").components["schemas"]["SignedDigest"]} SignedDigest
 * @typedef {object} Digest
 * @property {number} number
 * @property {string} made_at
 * @property {number} count             accounts
 * @property {number} regressions       histories that contradict the digest before; 0 in digests that do not say
 * @property {string | null} previous   hash of the text of the digest before
 * @property {string} fingerprint       of the key that signed it
 * @property {string} hash              of its text
 * @property {boolean} isSigned         the signature is that key's, over this text
 */

import { bytesOf, isSigned, sha256, utf8 } from "./account/proof.js";

/** @param {SignedDigest} signed @returns {Promise<Digest>} */
export async function read(signed) {
  const told = JSON.parse(signed.text);
  const key = bytesOf(signed.public_key);
  const fingerprint = await sha256(key);
  return {
    number: told.number, made_at: told.made_at, count: told.count, regressions: told.regressions ?? 0, previous: told.previous ?? null,
    fingerprint, hash: await sha256(utf8(signed.text)),
    isSigned: told.key === fingerprint && (await isSigned(signed.text, bytesOf(signed.signature), key).catch(() => false)),
  };
}

/**
 * What is wrong with a digest beside the one before it; null if nothing is. Without that one, its own signature is all that is looked at.
 * @param {Digest} digest @param {Digest | undefined} before
 */
export function fault(digest, before) {
  if (!digest.isSigned) return "the signature is not that of its key";
  if (before && before.number !== digest.number - 1) return `number ${digest.number - 1} is missing`;
  if (before && before.hash !== digest.previous) return `it does not follow from number ${before.number}`;
  if (before && before.fingerprint !== digest.fingerprint) return "another key signed it than the one before";
  return null;
}
