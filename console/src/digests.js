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

const SMALLEST_KEY_BITS = 2048;
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

/** @param {SignedDigest} signed @returns {Promise<Digest>} */
export async function read(signed) {
  const told = JSON.parse(signed.text);
  const key = bytes(signed.public_key);
  const fingerprint = await sha256(key);
  return {
    number: told.number, made_at: told.made_at, count: told.count, regressions: told.regressions ?? 0, previous: told.previous ?? null,
    fingerprint, hash: await sha256(new TextEncoder().encode(signed.text)),
    isSigned: told.key === fingerprint && (await isSignature(signed, key)),
  };
}

/** @param {SignedDigest} signed @param {Uint8Array<ArrayBuffer>} key a SubjectPublicKeyInfo in DER */
async function isSignature(signed, key) {
  try {
    const known = await crypto.subtle.importKey("spki", key, RSA, false, ["verify"]);
    const { modulusLength } = /** @type {RsaKeyAlgorithm} */ (/** @type {unknown} */ (known.algorithm));
    return modulusLength >= SMALLEST_KEY_BITS && await crypto.subtle.verify(RSA, known, bytes(signed.signature), new TextEncoder().encode(signed.text));
  } catch {
    return false;
  }
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

/** @param {string} base64 @returns {Uint8Array<ArrayBuffer>} */
const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

/** @param {Uint8Array<ArrayBuffer>} content */
async function sha256(content) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return [...digest].map((each) => each.toString(16).padStart(2, "0")).join("");
}
