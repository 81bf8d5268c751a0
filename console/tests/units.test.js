import assert from "node:assert/strict";
import test from "node:test";

import { unitsText } from "../src/account/units.js";
import { typedCurrency } from "../src/money.js";

const USD = { currency: "USD", millicents_per_unit: 100_000 };

test("an amount survives the way into currency and back", () => {
  for (const amount of ["0", "0.001", "1", "957.5", "123456789.125", "900719925474099.993"]) assert.equal(typedCurrency(unitsText(amount, USD), USD), amount);
});

test("currency is shown as it would be typed", () => {
  assert.equal(unitsText("100000", USD), "1");
  assert.equal(unitsText("250000.5", USD), "2.500005");
  assert.equal(unitsText("1", { currency: "EUR", millicents_per_unit: 3 }), "0.33333333");
});
