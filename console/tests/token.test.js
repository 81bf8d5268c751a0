import assert from "node:assert/strict";
import test from "node:test";

import { challengeOf } from "../src/oauth.js";
import { claimsOf, inFragment, opens } from "../src/token.js";

const RULE = {
  operator_claim: "cognito:groups", operator_value: "millicent-operators", client_id: "console",
  issuer: "https://cognito-idp.eu-central-1.amazonaws.com/pool",
};

/** @param {object} claims */
const token = (claims) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;

test("the claims of a token are read, with names beyond ASCII", () => {
  const claims = claimsOf(token({ sub: "Jörg ≥ 1", scope: "credits/read credits/fund", exp: 1_800_000_000 }), RULE);
  assert.deepEqual(claims, { sub: "Jörg ≥ 1", scopes: ["credits/read", "credits/fund"], expiresAt: 1_800_000_000_000, isOperator: false });
});

test("scopes are words or a list, as scope or scp", () => {
  assert.deepEqual(claimsOf(token({ sub: "a", scp: ["credits/read", "credits/act"] }), RULE)?.scopes, ["credits/read", "credits/act"]);
});

test("an operator has the scope, or is in the group, or is a machine client", () => {
  assert.equal(claimsOf(token({ sub: "a", scope: "credits/act" }), RULE)?.isOperator, true);
  assert.equal(claimsOf(token({ sub: "a", "cognito:groups": ["millicent-operators"] }), RULE)?.isOperator, true);
  assert.equal(claimsOf(token({ sub: "a", client_id: "a" }), RULE)?.isOperator, true);
  assert.equal(claimsOf(token({ sub: "a", client_id: "b" }), RULE)?.isOperator, false);
});

test("of the scopes that a pool gives to everybody, people who are no operators have the one to read", () => {
  const given = { sub: "a", client_id: "console", scope: "openid credits/read credits/fund credits/admin" };
  assert.deepEqual(claimsOf(token(given), RULE)?.scopes, ["credits/read"]);
  const operator = { ...given, "cognito:groups": ["x", "millicent-operators"] };
  assert.equal(claimsOf(token(operator), RULE)?.scopes.includes("credits/fund"), true);
  assert.equal(claimsOf(token(given), { ...RULE, issuer: "https://issuer.example" })?.scopes.includes("credits/fund"), true);
});

test("what is no token has no claims", () => {
  for (const wrong of ["", "a", "a.b.c", "..", "a.!!.c"]) assert.equal(claimsOf(wrong, RULE), null, wrong);
});

test("the scope of an administrator opens everything, and others open their own", () => {
  assert.equal(opens(["credits/admin"], "credits/fund"), true);
  assert.equal(opens(["credits/read"], "credits/read"), true);
  assert.equal(opens(["credits/read"], "credits/fund"), false);
  assert.equal(opens([], "credits/read"), false);
});

test("a fragment gives a token and a place, or none", () => {
  assert.deepEqual(inFragment("#token=abc&to=%2Faccounts%2Fuser%253Aalice"), { token: "abc", to: "/accounts/user%3Aalice" });
  assert.deepEqual(inFragment("#token=abc"), { token: "abc", to: "/" });
  assert.equal(inFragment("#/accounts"), null);
  assert.equal(inFragment(""), null);
});

test("the challenge of a verifier is that of RFC 7636", async () => {
  assert.equal(await challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
});
