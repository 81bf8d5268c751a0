import assert from "node:assert/strict";
import test from "node:test";

import { filterOf } from "../src/account/filter.js";

test("a day is a day in UTC, and the last is included, whatever the viewer's zone", () => {
  const before = process.env.TZ;
  for (const zone of ["Pacific/Kiritimati", "America/Los_Angeles", "Europe/Berlin"]) {
    process.env.TZ = zone;
    const { from, to } = filterOf({ from: "2026-03-28", to: "2026-03-29" });
    assert.deepEqual([from, to], ["2026-03-28T00:00:00Z", "2026-03-30T00:00:00Z"]);
  }
  process.env.TZ = before ?? "";
});

test("what an address has beside filters is not asked for", () => {
  assert.deepEqual(JSON.parse(JSON.stringify(filterOf({ entry: "k", days: "7", by: "app", kind: "hold", from: "soon" }))), { kind: "hold" });
});
