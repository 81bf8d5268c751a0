import assert from "node:assert/strict";
import test from "node:test";

import { nextChange } from "../src/account/due.js";

const NOW = Date.parse("2026-12-01T12:00:00Z");

test("an account changes by itself when the first of its holds, grants, limits and its allowance is due", () => {
  const account = {
    holds: [{ expires_at: "2026-12-01T12:10:00Z" }, { expires_at: "2026-12-01T11:00:00Z" }], grants: [{ expires_at: null }, { expires_at: "2026-12-01T12:20:00Z" }],
    limits: [{ resets_at: "2026-12-02T00:00:00Z" }, { resets_at: null }], allowance: { next_at: "2027-01-01T00:00:00Z" },
  };
  assert.equal(nextChange(account, NOW), Date.parse("2026-12-01T12:10:00Z"));
  assert.equal(nextChange({ ...account, holds: [], grants: [] }, NOW), Date.parse("2026-12-02T00:00:00Z"));
});

test("an account of which nothing is due does not change by itself", () => {
  assert.equal(nextChange({}, NOW), null);
  assert.equal(nextChange({ holds: Array(20000).fill({ expires_at: "2026-12-01T11:00:00Z" }), allowance: null }, NOW), null);
});
