import assert from "node:assert/strict";
import test from "node:test";

import { ACTIONS, effects, faults, nothingYet, refundable } from "../src/account/actions.js";
import { attemptOf, begun, isUnknown } from "../src/account/attempt.js";

const ACCOUNT = {
  ...nothingYet("auth0|a/b"), available: "900.5", held: "50", funded: "1000", spent: "49.5", status: "open", time_zone: "UTC", overdraft_limit: "0",
  grants: [{ id: "g1", amount: "1000", remaining: "900.5", priority: 10, category: "purchased", expires_at: null }],
  low_balance_thresholds: ["100", "10"], limits: [{ amount: "5", window: "day", app: null, meter: "llm", used: "1", resets_at: null }], parent: "team:a",
};
const SUBJECTS = {
  void: ACCOUNT.grants[0], release: { id: "h1", remaining: "50", status: "open" },
  refund: { entry: { key: "c", kind: "charge", amount: "-40.5" }, known: [{ kind: "refund", charge: "c", amount: "0.5", outcome: "applied" }] },
};

const after = (name, values = {}) => {
  const action = ACTIONS[name];
  const all = { ...action.initial(ACCOUNT, SUBJECTS[name]), ...values };
  return Object.fromEntries(action.preview(all, ACCOUNT, SUBJECTS[name]).map((each) => [each.name, each.after]));
};
const request = (name, values = {}) => ACTIONS[name].request({ ...ACTIONS[name].initial(ACCOUNT, SUBJECTS[name]), ...values }, ACCOUNT, SUBJECTS[name]);

test("a preview is exact", () => {
  assert.deepEqual(after("grant", { amount: "0.125" }), { Available: "900.625", Funded: "1000.125" });
  assert.deepEqual(after("fund", { new_amount: "0" }), { Funded: "0", Available: "-99.5" });
  assert.deepEqual(after("void"), { "Left of g1": "0", Available: "0", Funded: "99.5" });
  assert.deepEqual(after("release"), { Held: "0", Available: "950.5", "Hold h1": "released" });
  assert.deepEqual(after("refund"), { "Refunded of it": "40.5", Available: "940.5", Spent: "9.5" });
  assert.deepEqual(after("refund", { amount: "1" }), { "Refunded of it": "1.5", Available: "901.5", Spent: "48.5" });
});

test("a request says what was typed, and nothing that was left empty", () => {
  assert.deepEqual(request("grant", { amount: "5" }).body, { actor: "auth0|a/b", amount: "5", category: "purchased", priority: 10 });
  assert.deepEqual(request("fund", { new_amount: "5", force: true }).body, { actor: "auth0|a/b", old_amount: "1000", new_amount: "5", force: true });
  assert.deepEqual(request("limits").body, { limits: [{ amount: "5", window: "day", meter: "llm" }] });
  assert.deepEqual(request("leave").body, { parent: null });
  assert.deepEqual(request("refund").body, { actor: "auth0|a/b", charge: "c" });
  assert.equal(request("end_allowance").body, undefined);
});

test("an account of any name is in the path as a gateway leaves it", () => {
  assert.equal(request("freeze").path, "/v1/accounts/~~auth0~7Ca~2Fb");
});

test("settings that did not change are not sent", () => {
  assert.deepEqual(request("settings", { overdraft_limit: "5" }).body, { overdraft_limit: "5" });
  assert.deepEqual(request("settings", { low_balance_thresholds: "10\n100\n" }).body, {});
  assert.deepEqual(request("settings", { low_balance_thresholds: "" }).body, { low_balance_thresholds: [] });
});

test("what changes nothing has no effect to show", () => {
  const { settings } = ACTIONS;
  assert.deepEqual(effects(settings.preview(settings.initial(ACCOUNT), ACCOUNT)), []);
});

test("what was typed wrong is said by the field", () => {
  const wrong = (name, values) => Object.keys(faults(ACTIONS[name], { ...ACTIONS[name].initial(ACCOUNT), ...values }));
  assert.deepEqual(wrong("grant", { amount: "" }), ["amount"]);
  assert.deepEqual(wrong("grant", { amount: null, priority: "100" }), ["amount", "priority"]);
  assert.deepEqual(wrong("grant", { amount: "1" }), []);
  assert.deepEqual(wrong("settings", { low_balance_thresholds: "1\nx" }), ["low_balance_thresholds"]);
  assert.deepEqual(wrong("limits", { limits: [{ amount: "" }] }), ["limits"]);
  assert.deepEqual(wrong("join", { parent: " " }), ["parent"]);
  assert.deepEqual(wrong("refund", {}), []);
});

test("every action can be previewed on an account of which nothing is recorded", () => {
  const none = nothingYet("user:new");
  for (const [name, action] of Object.entries(ACTIONS)) {
    const values = action.initial(none, SUBJECTS[name]);
    assert.ok(Array.isArray(action.preview(values, none, SUBJECTS[name])), name);
    assert.ok(Array.isArray(action.notes?.(values, none, SUBJECTS[name]) ?? []), name);
  }
});

test("no more is refundable than what is left", () => {
  assert.equal(refundable(SUBJECTS.refund.entry, SUBJECTS.refund.known), "40");
  assert.equal(refundable({ key: "c", amount: "-0.25" }, SUBJECTS.refund.known), "0");
});

test("the same content has the key that was made when the dialog opened, other content a new one", () => {
  const first = attemptOf(begun("k1"), { amount: "1" }, () => "k2");
  assert.equal(first.key, "k1");
  assert.equal(attemptOf(first, { amount: "1" }, () => "k2").key, "k1");
  assert.equal(attemptOf(first, { amount: "2" }, () => "k2").key, "k2");
});

test("an answer that was lost, and one that failed, leave it unknown; a refusal does not", () => {
  assert.deepEqual([0, 429, 503, 402, 409, 422].map((status) => isUnknown({ status })), [true, true, true, false, false, false]);
});
