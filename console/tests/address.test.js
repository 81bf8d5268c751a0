import assert from "node:assert/strict";
import test from "node:test";

import { link, matched, parsed } from "../src/address.js";
import { inPath } from "../src/ids.js";

const HOSTILE = ["user:alice", "a/b", "..", "a?b=c&d", "100%", "<script>", "javascript:alert(1)", "~~x", "#/x"];

test("an address leads back to the names that it was made of, whatever they are", () => {
  for (const name of HOSTILE) assert.deepEqual(parsed(link("accounts", name)).segments, ["accounts", name]);
});

test("a query leads back to what it was made of, without what is empty", () => {
  assert.deepEqual(parsed(link("accounts", { prefix: "a&b=c", status: "", low: null })).query, { prefix: "a&b=c" });
  assert.equal(link("accounts", { status: undefined }), "#/accounts");
});

test("an address that is broken by hand breaks nothing", () => {
  assert.deepEqual(parsed("#/accounts/%E0%A4%A").segments, ["accounts", "%E0%A4%A"]);
  assert.deepEqual(parsed("").segments, []);
});

test("a pattern matches paths of its length, and names the parameters", () => {
  assert.deepEqual(matched("/accounts/:actor", ["accounts", "user:a"]), { actor: "user:a" });
  assert.deepEqual(matched("/", []), {});
  assert.equal(matched("/accounts/:actor", ["accounts"]), null);
  assert.equal(matched("/accounts", ["rates"]), null);
});

test("an id that a gateway would change is written in its second spelling", () => {
  assert.equal(inPath("auth0|5f7c"), "auth0%7C5f7c");
  assert.equal(inPath("a/b"), "~~a~2Fb");
  assert.equal(inPath(".."), "~~..");
  assert.equal(inPath("50%"), "~~50~25");
});
