/**
 * Verifies that an account's history is in a signed digest, here and not at the service: the same steps as
 * sdk/src/millicent/verify_proof.py, with Web Crypto. A test compares both on the same proofs.
 *
 * Proved is: the holder of the key signed, at the time that the digest names, that the account's newest entry was the one
 * with this number and hash. The hash of an entry covers the entry before it, so entries that lead to that hash are
 * unaltered since then.
 */
import { microcents } from "../money.js";

const VERSION = 1;
const DIGEST_VERSIONS = new Set([1, 2]);
const GENESIS = "0".repeat(64);
const SMALLEST_KEY_BITS = 2048;
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

/**
 * @typedef {object} Proved
 * @property {string} tenant
 * @property {string} actor
 * @property {number} seq
 * @property {string} head_hash
 * @property {number} number
 * @property {string} made_at
 * @property {number} accounts
 * @property {number} records
 * @property {number | null} first_record
 * @property {number | null} regressions   places in which the digest contradicts the one before it; null if it has no such count
 */

/** Its message says which step failed. */
export class NotProved extends Error {}

/**
 * @param {any} proof @param {string} fingerprint SHA-256 of the trusted key (SubjectPublicKeyInfo in DER), in hex
 * @param {string[]} [records] instead of those of the proof @returns {Promise<Proved>}
 */
export async function verify(proof, fingerprint, records) {
  try {
    return await verified(proof, plain(fingerprint), records);
  } catch (failure) {
    if (failure instanceof NotProved) throw failure;
    throw new NotProved(`the proof is malformed: ${failure}`);
  }
}

/** The fingerprint of the key that a proof brings. It is no reason to trust it. @param {any} proof */
export const fingerprintOf = (proof) => sha256(bytesOf(proof.digest.public_key));

/** @param {any} proof @param {string} fingerprint @param {string[]} [given] @returns {Promise<Proved>} */
async function verified(proof, fingerprint, given) {
  require(proof.version === VERSION, "unknown version of the proof");
  const head = proof.head;
  const digest = await signed(proof.digest, fingerprint);
  require((await rootOf(head, proof.path)) === digest.root, "the path does not lead from the head to the digest");
  const texts = given ?? proof.records ?? [];
  await follow(texts, head);
  return {
    tenant: head.tenant, actor: head.actor, seq: head.seq, head_hash: head.hash,
    number: digest.number, made_at: digest.made_at, accounts: digest.count,
    records: texts.length, first_record: texts.length ? JSON.parse(texts[0]).seq : null, regressions: digest.regressions ?? null,
  };
}

/** The content of the digest, if the trusted key has signed it. @param {any} shown @param {string} fingerprint */
async function signed(shown, fingerprint) {
  const key = bytesOf(shown.public_key);
  require((await sha256(key)) === fingerprint, "the digest is not signed with the trusted key");
  require(await isSigned(shown.text, bytesOf(shown.signature), key), "the signature does not match the digest");
  const digest = JSON.parse(shown.text);
  require(DIGEST_VERSIONS.has(digest.version), "unknown version of the digest");
  return digest;
}

/** @param {string} text @param {Uint8Array<ArrayBuffer>} signature @param {Uint8Array<ArrayBuffer>} der */
export async function isSigned(text, signature, der) {
  const key = await crypto.subtle.importKey("spki", der, RSA, false, ["verify"]);
  const { modulusLength } = /** @type {RsaKeyAlgorithm} */ (/** @type {unknown} */ (key.algorithm));
  if (modulusLength < SMALLEST_KEY_BITS) throw new RangeError("the key is too short to be trusted");
  return crypto.subtle.verify(RSA.name, key, signature, utf8(text));
}

/** The root of the tree to which a path leads (after RFC 6962). @param {any} head @param {[string, string][]} path */
async function rootOf(head, path) {
  const leaf = Object.fromEntries(["tenant", "actor", "seq", "hash"].map((name) => [name, present(head, name)]));
  let computed = await sha256(joined(Uint8Array.of(0), utf8(canonical(leaf))));
  for (const [side, sibling] of path) {
    require(side === "left" || side === "right", "the path turns neither left nor right");
    const [first, second] = side === "left" ? [sibling, computed] : [computed, sibling];
    computed = await sha256(joined(Uint8Array.of(1), fromHex(first), fromHex(second)));
  }
  return computed;
}

/** @param {any} of @param {string} name */
function present(of, name) {
  if (of[name] === undefined) throw new TypeError(`there is no ${name}`);
  return of[name];
}

/** Each record must belong to the account and link to the one before; the last one must be the head. @param {string[]} records @param {any} head */
async function follow(records, head) {
  /** @type {[number, string] | null} */
  let before = null;
  for (const text of records) {
    const { seq, prev_hash: link, tenant, actor } = JSON.parse(text);
    require(tenant === head.tenant && actor === head.actor, `record ${seq} belongs to another account`);
    const [number, hash] = before ?? [seq - 1, seq === 1 ? GENESIS : link];
    require(seq - 1 === number && link === hash, `record ${seq} does not link to the one before it`);
    before = [seq, await sha256(utf8(text))];
  }
  require(before === null || (before[0] === head.seq && before[1] === head.hash), "the records do not lead to the head");
}

/**
 * JSON as hashes of the ledger cover it: members in the order of their code points, no spaces, no escapes of what is not ASCII.
 * @param {any} value @returns {string}
 */
export function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{${Object.keys(value).sort(byCodePoints).map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

/** As Python sorts: UTF-16 would put what is beyond the basic plane before some of it. @param {string} one @param {string} other */
function byCodePoints(one, other) {
  const [a, b] = [[...one], [...other]];
  const at = a.findIndex((letter, index) => letter !== b[index]);
  if (at === -1) return a.length - b.length;
  return at >= b.length ? 1 : Number(a[at].codePointAt(0)) - Number(b[at].codePointAt(0));
}

/** In hex. @param {Uint8Array<ArrayBuffer>} bytes */
export async function sha256(bytes) {
  return Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The hash that an entry of this record has. @param {string} record */
export const hashOf = (record) => sha256(utf8(record));

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export const utf8 = (text) => new TextEncoder().encode(text);

/** Raises for what is not base64. @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** @param {string} text @returns {Uint8Array<ArrayBuffer>} */
function fromHex(text) {
  if (!/^([0-9a-f]{2})*$/i.test(text)) throw new TypeError("this is not hexadecimal");
  return Uint8Array.from(text.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}

/** @param {...Uint8Array<ArrayBuffer>} parts @returns {Uint8Array<ArrayBuffer>} */
function joined(...parts) {
  const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param {string} fingerprint */
const plain = (fingerprint) => fingerprint.trim().toLowerCase().replaceAll(":", "");

/** @param {boolean} holds @param {string} otherwise */
function require(holds, otherwise) {
  if (!holds) throw new NotProved(otherwise);
}

/**
 * Where an entry, as the API shows it, differs from its record, whose hash is verified: the names of its members.
 * @param {any} entry @param {string} record @returns {Promise<string[]>}
 */
export async function differences(entry, record) {
  const kept = JSON.parse(record);
  const amounts = { amount: "amount", available_before: "before.available", available_after: "after.available", held_before: "before.held", held_after: "after.held" };
  const texts = ["key", "seq", "kind", "actor", "by", "app", "meter", "outcome"];
  const at = (/** @type {string} */ path) => path.split(".").reduce((value, name) => value?.[name], kept);
  return [
    ...texts.filter((name) => (entry[name] ?? null) !== (kept[name] ?? null)),
    ...Object.entries(amounts).filter(([name, path]) => !isSame(entry[name], at(path))).map(([name]) => name),
    ...(Date.parse(entry.at) === kept.at_ms ? [] : ["at"]),
    ...(canonical(entry.metadata ?? null) === canonical(kept.metadata ?? null) ? [] : ["metadata"]),
    ...(entry.hash === (await hashOf(record)) ? [] : ["hash"]),
  ];
}

/** @param {string | number} shown millicents @param {number} kept microcents */
const isSame = (shown, kept) => Number.isSafeInteger(kept) && microcents(shown) === BigInt(kept);

/** The result in one sentence. @param {Proved} proved */
export function sentence(proved) {
  const said = [
    `proved: digest ${proved.number} of ${proved.made_at}, over ${proved.accounts} accounts, has ${proved.actor} `
      + `(tenant ${proved.tenant}) at entry ${proved.seq}, hash ${proved.head_hash}`,
  ];
  if (proved.records) said.push(`${proved.records} records, from entry ${proved.first_record} on, lead to it unaltered`);
  if (proved.regressions) said.push(`but the digest says that it contradicts the one before it in ${proved.regressions} places`);
  return said.join("; ");
}
