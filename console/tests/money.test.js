import assert from "node:assert/strict";
import test from "node:test";

import {
  compare, currencyText, microcents, millicents, millicentsText, minus, share, sum, typedCurrency, typedMillicents,
} from "../src/money.js";

const USD = { currency: "USD", millicents_per_unit: 100_000 };
const LARGEST = "1000000000000.001";

test("an amount survives the way to microcents and back, whatever its size", () => {
  for (const amount of ["0", "0.001", "957.5", "-42.125", LARGEST, `-${LARGEST}`]) assert.equal(millicents(microcents(amount)), amount);
});

test("what is no amount with at most three decimals is refused", () => {
  for (const wrong of ["", "1e5", "0.0001", "NaN", "1,5", "0x10", "--1", "Infinity"]) assert.throws(() => microcents(wrong), RangeError);
});

test("a sum of amounts that a float would round is exact", () => {
  assert.equal(sum(["9007199254740.993", "0.001", "0.001"]), "9007199254740.995");
  assert.equal(sum(Array(1000).fill("0.1")), "100");
  assert.equal(minus("0.3", "0.1"), "0.2");
  assert.equal(sum([]), "0");
});

test("amounts are ordered by their value", () => {
  assert.equal(compare("10", "9"), 1);
  assert.equal(compare("-1", "1"), -1);
  assert.equal(compare("1.50", "1.5"), 0);
});

test("millicents are shown with every digit that they have", () => {
  assert.equal(millicentsText("1234567.5", "en-US"), "1,234,567.5");
  assert.equal(millicentsText("-0.001", "en-US"), "-0.001");
  assert.equal(millicentsText("900719925474099.993", "en-US"), "900,719,925,474,099.993");
});

test("currency is shown with all decimals, and at least two", () => {
  assert.equal(currencyText("42", USD, "en-US"), "$0.00042");
  assert.equal(currencyText("0.001", USD, "en-US"), "$0.00000001");
  assert.equal(currencyText("100000", USD, "en-US"), "$1.00");
  assert.equal(currencyText("-250000", USD, "en-US"), "-$2.50");
  assert.equal(currencyText("900719925474099.993", USD, "en-US"), "$9,007,199,254.74099993");
});

test("a unit that does not divide an amount is rounded, half away from zero", () => {
  assert.equal(currencyText("1", { currency: "EUR", millicents_per_unit: 3 }, "en-US"), "€0.33333333");
  assert.equal(currencyText("-2", { currency: "EUR", millicents_per_unit: 3 }, "en-US"), "-€0.66666667");
});

test("what somebody types is an amount, or none", () => {
  assert.equal(typedMillicents(" 1,000.50 "), "1000.5");
  assert.equal(typedMillicents("0"), "0");
  for (const wrong of ["", "-1", "1.2345", "1,00", "ten", "1 000 0"]) assert.equal(typedMillicents(wrong), null, wrong);
});

test("typed currency is exact millicents, or none", () => {
  assert.equal(typedCurrency("10.50", USD), "1050000");
  assert.equal(typedCurrency("0.00000001", USD), "0.001");
  assert.equal(typedCurrency("0.000000001", USD), null);
  assert.equal(typedCurrency("1.0", { currency: "EUR", millicents_per_unit: 3 }), "3");
  assert.equal(typedCurrency("x", USD), null);
});

test("a share is within 0 and 1", () => {
  assert.equal(share("25", "100"), 0.25);
  assert.equal(share("200", "100"), 1);
  assert.equal(share("-1", "100"), 0);
  assert.equal(share("1", "0"), 0);
});
