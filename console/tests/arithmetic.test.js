import assert from "node:assert/strict";
import test from "node:test";

import { changes, drawnOf, priceSteps, priceSum, quotable } from "../src/account/arithmetic.js";
import { decimal, equal, minus, plus, text, times } from "../src/account/decimals.js";

const ITEMS = [
  { item: "input_tokens", units: "86", price: "250000", per: 1000000, amount: "21.5" },
  { item: "cache_read_tokens", units: "1920", price: "125000", per: 1000000, amount: "240" },
  { item: "output_tokens", units: "300", price: "1000000", per: 1000000, amount: "300" },
];

test("decimals of any precision are exact", () => {
  assert.equal(text(plus(decimal("0.1"), decimal("0.2"))), "0.3");
  assert.equal(text(times(decimal("1.000000000000001"), decimal("-3"))), "-3.000000000000003");
  assert.equal(text(minus(decimal("1"), decimal("0.000000000000000001"))), "0.999999999999999999");
  assert.equal(text(decimal("100")), "100");
  assert.equal(equal(decimal("1.50"), decimal("1.5")), true);
  assert.throws(() => decimal("1e3"), RangeError);
});

test("before and after of an entry are shown with their difference", () => {
  const entry = { available_before: "600", available_after: "862.5", held_before: "400", held_after: "0" };
  assert.deepEqual(changes(entry), [
    { name: "Available", before: "600", after: "862.5", change: "262.5" },
    { name: "Held", before: "400", after: "0", change: "-400" },
  ]);
});

test("what the grants did not pay is said", () => {
  const drawn = [{ grant: "g1", amount: "100.5" }, { grant: "g2", amount: "0.25" }];
  assert.deepEqual(drawnOf({ amount: "-101", drawn }), { drawn: "100.75", rest: "0.25" });
  assert.deepEqual(drawnOf({ amount: "0", drawn: [] }), { drawn: "0", rest: "0" });
});

test("the lines of a price are computed again, and their sum is the recorded amount", () => {
  const steps = priceSteps(ITEMS);
  assert.deepEqual(steps.map((each) => each.adds), [true, true, true]);
  assert.equal(steps[0].arithmetic, "86 × 250000 / 1000000");
  assert.deepEqual(priceSum(ITEMS, { amount: "-561.5" }), { exact: "561.5", carryBefore: "0", carryAfter: "0", amount: "561.5", isRecorded: true });
});

test("a line that does not add up, and a sum that is not the recorded amount, are noticed", () => {
  assert.equal(priceSteps([{ ...ITEMS[0], amount: "21.6" }])[0].adds, false);
  assert.equal(priceSum(ITEMS, { amount: "-561.499" }).isRecorded, false);
});

test("a carry before and after it makes the amount whole", () => {
  const items = [{ item: "input_tokens", units: "1", price: "3750", per: 1000000, amount: "0.00375" }];
  assert.deepEqual(priceSum(items, { amount: "-0.004", carry_before: "0.0005", carry_after: "0.00025" }), {
    exact: "0.00375", carryBefore: "0.0005", carryAfter: "0.00025", amount: "0.004", isRecorded: true,
  });
});

test("usage is quoted again without what the report says beside the quantities", () => {
  const usage = { meter: "llm", model: "gpt-4o", input_tokens: 1, provider: "openai", raw_digest: "ab" };
  assert.deepEqual(quotable({ usage, rate_card: "c@1" }), { meter: "llm", model: "gpt-4o", input_tokens: 1 });
  assert.equal(quotable({ usage: null, rate_card: null }), null);
});
