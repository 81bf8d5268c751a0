import assert from "node:assert/strict";
import test from "node:test";

import { plain } from "../src/text.js";

test("a sign that turns the direction of writing is shown by its number, and letters of any script as they are", () => {
  assert.equal(plain("\u202egnp.exe"), "\\u202egnp.exe");
  assert.equal(plain("\u061c\u200f\u2066"), "\\u061c\\u200f\\u2066");
  assert.equal(plain("شكرا <b> 💳 e\u0301"), "شكرا <b> 💳 e\u0301");
});
