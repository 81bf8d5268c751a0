import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { ACTIONS, nothingYet } from "../src/account/actions.js";
import { isBelow } from "../src/account/arithmetic.js";
import { inEffect } from "../src/prices.js";

const golden = JSON.parse(readFileSync(new URL("golden/rules.json", import.meta.url), "utf8"));
const openapi = JSON.parse(readFileSync(new URL("../../functions/docs/openapi.json", import.meta.url), "utf8"));
const SUBJECT = { id: "g1", entry: { key: "charge-1" } };

/** What the API says of a call. @param {{method: string, path: string}} request */
function operationOf({ method, path }) {
  const template = Object.keys(openapi.paths).find((each) => new RegExp(`^${each.replace(/{\w+}/g, "[^/]+")}$`).test(path));
  return openapi.paths[template ?? ""]?.[method.toLowerCase()];
}

/** The values that the API takes for a field. @param {string} request @param {string} field @returns {string[]} */
const valuesOf = (request, field) => openapi.components.schemas[request].properties[field].enum;

test("an action is offered to those whose scope its call needs", () => {
  const account = nothingYet("user:a");
  for (const [name, { scope, initial, request }] of Object.entries(ACTIONS)) {
    const { security } = operationOf(request(initial(account), account, SUBJECT));
    assert.deepEqual(security, [{ token: [scope] }, { token: ["credits/admin"] }], name);
  }
});

test("a choice has the values that the API takes", () => {
  const choices = (/** @type {string} */ action) => ACTIONS[action].fields.filter(({ type }) => type === "choice").flatMap(({ of }) => of ?? []);
  assert.deepEqual(choices("grant").sort(), valuesOf("GrantRequest", "category").sort());
  assert.deepEqual(choices("allowance").sort(), valuesOf("AllowanceRequest", "interval").sort());
});

test("the version in effect is the one by which the service prices", () => {
  for (const { now, effective_from, version } of golden.versions_in_effect) {
    const versions = effective_from.map((/** @type {string} */ begin, /** @type {number} */ index) => ({ version: index + 1, effective_from: begin }));
    assert.equal(inEffect(versions, Date.parse(now))?.version ?? null, version, JSON.stringify(effective_from));
  }
});

test("an account is below the thresholds of which the service warns", () => {
  for (const { available, held, thresholds, above } of golden.thresholds_above) {
    assert.deepEqual(thresholds.filter((/** @type {string} */ each) => isBelow({ available, held }, each)), above, `${available} and ${held} held`);
  }
});
