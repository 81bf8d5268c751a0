import assert from "node:assert/strict";
import test from "node:test";

import { fault, read } from "../src/digests.js";

const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const keys = await crypto.subtle.generateKey({ ...RSA, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) }, true, ["sign", "verify"]);
const spki = Buffer.from(await crypto.subtle.exportKey("spki", keys.publicKey));
const hash = async (/** @type {Buffer | Uint8Array<ArrayBuffer>} */ content) => Buffer.from(await crypto.subtle.digest("SHA-256", content)).toString("hex");
const fingerprint = await hash(spki);

async function signed(/** @type {any} */ more) {
  const text = JSON.stringify({ count: 3, key: fingerprint, made_at: "2026-01-31T03:00:00.000Z", number: 1, previous: null, regressions: 0, root: "77", version: 2, ...more });
  const signature = await crypto.subtle.sign(RSA, keys.privateKey, new TextEncoder().encode(text));
  return { text, signature: Buffer.from(signature).toString("base64"), public_key: spki.toString("base64"), key_id: "k" };
}

test("a digest is read from the text that its key signed", async () => {
  const digest = await read(await signed({}));
  assert.deepEqual([digest.number, digest.count, digest.regressions, digest.isSigned, digest.fingerprint], [1, 3, 0, true, fingerprint]);
  assert.equal(fault(digest, undefined), null);
});

test("a text that was altered, a key that is no key and one that the text does not name are no signature", async () => {
  const honest = await signed({});
  for (const forged of [{ ...honest, text: honest.text.replace('"count":3', '"count":2') }, { ...honest, public_key: btoa("none") }, await signed({ key: "another" })]) {
    assert.match(String(fault(await read(forged), undefined)), /signature/);
  }
});

test("a digest follows from the text of the one before", async () => {
  const first = await read(await signed({}));
  const second = await read(await signed({ number: 2, previous: first.hash }));
  assert.equal(fault(second, first), null);
  assert.match(String(fault(await read(await signed({ number: 2, previous: "00" })), first)), /does not follow from number 1/);
  assert.match(String(fault(await read(await signed({ number: 3, previous: first.hash })), first)), /number 2 is missing/);
});
