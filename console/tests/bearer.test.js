import assert from "node:assert/strict";
import test from "node:test";

import { bearerOf } from "../src/widgets/bearer.js";

const RULE = { operator_claim: "cognito:groups", operator_value: "operators", client_id: null, issuer: null };
const NOW = 1_800_000_000_000;
const token = (/** @type {number} */ expiresInS, sub = "user:alice") => `h.${btoa(JSON.stringify({ sub, exp: NOW / 1000 + expiresInS }))}.s`;

test("a token is asked for once while it is good, and again shortly before its end", async () => {
  let [now, asked] = [NOW, 0];
  const bearer = bearerOf(() => token(60 + (asked += 1)), RULE, () => now);
  const first = await bearer.token();
  assert.equal(await bearer.token(), first);
  assert.equal(asked, 1);
  now += 40_000;
  assert.notEqual(await bearer.token(), first);
  assert.equal(asked, 2);
});

test("elements that ask at once cause one question", async () => {
  let asked = 0;
  const bearer = bearerOf(async () => token(600 + (asked += 1)), RULE, () => NOW);
  const found = await Promise.all([bearer.token(), bearer.token(), bearer.subject()]);
  assert.equal(asked, 1);
  assert.equal(found[2], "user:alice");
});

test("a token that was refused is asked for once more, and the same one again is no other", async () => {
  let given = token(600);
  const bearer = bearerOf(() => given, RULE, () => NOW);
  const old = await bearer.token();
  assert.equal(await bearer.refused(old, false), false);
  given = token(900);
  assert.equal(await bearer.refused(old, false), true);
  assert.equal(await bearer.token(), given);
  assert.equal(await bearer.refused(given, true), false);
});

test("where an older token was refused, there is another one, and nobody is asked", async () => {
  let asked = 0;
  const bearer = bearerOf(() => token(600 + asked++), RULE, () => NOW);
  const old = await bearer.token();
  await Promise.all([bearer.refused(old, false), bearer.refused(old, false)]);
  assert.equal(asked, 2);
  assert.equal(await bearer.refused(old, false), true);
  assert.equal(asked, 2);
});

test("a page without a token has no account, and a failure of the page's function is told", async () => {
  assert.equal(await bearerOf(() => null, RULE).subject(), null);
  const failing = bearerOf(() => Promise.reject(new Error("no session")), RULE);
  await assert.rejects(failing.token(), /no session/);
  await assert.rejects(failing.token(), /no session/);
});

test("a text that is no JWT is sent as it is, and the service decides", async () => {
  const bearer = bearerOf(() => " opaque ", RULE);
  assert.equal(await bearer.token(), "opaque");
  assert.equal(await bearer.subject(), null);
});
