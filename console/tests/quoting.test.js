import assert from "node:assert/strict";
import test from "node:test";

import { requestOf, requestOfReport, unitsIn, unitsText } from "../src/quoting.js";

test("quantities survive an address, and those without a number are left out", () => {
  assert.equal(unitsText({ input_tokens: "374", output_tokens: "", images: " 1,000 " }), "input_tokens:374 images:1000");
  assert.deepEqual(unitsIn("input_tokens:374 images:1000"), { input_tokens: "374", images: "1000" });
  assert.deepEqual(unitsIn(undefined), {});
});

test("a quantity is sent as the text that was typed, and what is no number is left to the service to refuse", () => {
  const sent = requestOf({ meter: " llm ", model: "gpt-4o", units: { input_tokens: "0.000001", output_tokens: "many" }, actor: "" });
  assert.deepEqual(sent, { usage: { meter: "llm", model: "gpt-4o", input_tokens: "0.000001", output_tokens: "many" } });
});

test("a report is sent as it is, and a text that is no JSON is told at once", () => {
  const sent = requestOfReport({ provider: "openai", model: "", raw: '{"usage": {"prompt_tokens": 1}}', actor: "user:a" });
  assert.deepEqual(sent, { usage: { provider: "openai", raw: { usage: { prompt_tokens: 1 } } }, actor: "user:a" });
  assert.throws(() => requestOfReport({ provider: "openai", raw: "{" }), SyntaxError);
});
