import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { canonical, differences, fingerprintOf, hashOf, NotProved, sentence, verify } from "../src/account/proof.js";

const golden = JSON.parse(readFileSync(new URL("golden/proofs.json", import.meta.url), "utf8"));
const BUS = new URL("../../events/bus/", import.meta.url);
const events = readdirSync(BUS).map((name) => [name, JSON.parse(readFileSync(new URL(name, BUS), "utf8")).detail.data]);
const entries = events.filter(([, data]) => data.record);
const proof = golden.cases[0].proof;

for (const each of golden.cases) {
  test(`a proof, ${each.name}, has the verdict of the client's verifier`, async () => {
    const verdict = await verify(each.proof, golden.fingerprint).then(sentence, (failure) => `NOT PROVED: ${failure.message}`);
    const [expected, said] = [each.verdict, verdict].map((text) => text.replace(/(malformed).*/, "$1"));
    assert.equal(said, expected);
  });
}

test("the fingerprint of the key that a proof brings is that of the client, and may be spelled with colons", async () => {
  assert.equal(await fingerprintOf(proof), golden.fingerprint);
  const spelled = golden.fingerprint.toUpperCase().match(/../g).join(":");
  assert.equal((await verify(proof, ` ${spelled} `)).seq, 3);
});

test("a proof says nothing to who trusts another key", async () => {
  await assert.rejects(verify(proof, "0".repeat(64)), NotProved);
});

test("records may come from elsewhere, and must end in the head", async () => {
  assert.equal((await verify(proof, golden.fingerprint, proof.records.slice(1))).first_record, 2);
  assert.equal((await verify(proof, golden.fingerprint, [])).records, 0);
  await assert.rejects(verify(proof, golden.fingerprint, proof.records.slice(0, 2)), /do not lead to the head/);
});

test("the hash of each golden event is that of its record, and its record is canonical JSON", async () => {
  assert.ok(entries.length > 10);
  for (const [name, data] of entries) {
    assert.equal(await hashOf(data.record), data.hash, name);
    assert.equal(canonical(JSON.parse(data.record)), data.record, name);
  }
});

test("what is shown of each golden event is what its record says", async () => {
  for (const [name, data] of entries) assert.deepEqual(await differences(data, data.record), [], name);
});

test("an entry that is shown otherwise than it is recorded is noticed, member by member", async () => {
  const [, charge] = entries.find(([name]) => name === "record-cost.json");
  const wrong = {
    key: "other", seq: 9, kind: "refund", actor: "user:b", by: "nobody", app: "x", meter: "x", outcome: "refused", hash: "0", metadata: { a: 1 },
    amount: "1", available_before: "1", available_after: "1", held_before: "1", held_after: "1", at: "2020-01-01T00:00:00.000Z",
  };
  for (const [name, value] of Object.entries(wrong)) assert.deepEqual(await differences({ ...charge, [name]: value }, charge.record), [name]);
});

test("members are in the order of code points, as the ledger has them", () => {
  assert.equal(canonical({ "\u{1F600}": 1, "\uFF5E": [true, null, "é\n\u2028"], ab: { b: 0, a: -1 }, a: "" }), '{"a":"","ab":{"a":-1,"b":0},"～":[true,null,"é\\n\u2028"],"😀":1}');
});
