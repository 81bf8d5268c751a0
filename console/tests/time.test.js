import assert from "node:assert/strict";
import test from "node:test";

import { days, dayText, distance, lastDays, monthOf, localText, periodText, plusDays, utcDay, utcTitle } from "../src/time.js";

const ZONES = ["Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kolkata"];

test("an instant is shown in the viewer's zone", () => {
  const how = { locale: "en-US", now: Date.parse("2026-12-01T00:00:00Z") };
  assert.equal(localText("2026-12-01T13:05:07.123Z", { ...how, zone: "UTC" }), "Dec 1, 13:05:07");
  assert.equal(localText("2026-12-01T13:05:07.123Z", { ...how, zone: "Asia/Kolkata" }), "Dec 1, 18:35:07");
  assert.equal(localText("2026-12-01T13:05:07.123Z", { ...how, zone: "Pacific/Kiritimati" }), "Dec 2, 03:05:07");
});

test("an instant of another year names the year, in the viewer's zone", () => {
  const how = { locale: "en-US", now: Date.parse("2027-01-01T05:00:00Z") };
  assert.match(localText("2026-12-31T23:00:00Z", { ...how, zone: "UTC" }), /2026/);
  assert.doesNotMatch(localText("2026-12-31T23:00:00Z", { ...how, zone: "Asia/Kolkata" }), /2026|2027/);
});

test("midnight is hour 00", () => {
  assert.match(localText("2026-12-01T00:00:09Z", { zone: "UTC", locale: "en-US", now: 1.79e12 }), /00:00:09$/);
});

test("what is no time is shown as it is", () => {
  assert.equal(localText("soon"), "soon");
  assert.equal(distance("soon", 0), "soon");
  assert.equal(dayText("someday"), "someday");
});

test("the tooltip has the instant in UTC, and says in which zone it is shown", () => {
  assert.equal(utcTitle("2026-12-01T13:05:07.123Z", "Asia/Kolkata"), "2026-12-01 13:05:07.123 UTC (shown in Asia/Kolkata)");
});

test("a day of usage is the same day for viewers in all zones", () => {
  const before = process.env.TZ;
  for (const zone of ZONES) {
    process.env.TZ = zone;
    assert.equal(dayText("2026-03-08", "en-US"), "Sun, Mar 8");
    assert.equal(utcDay("2026-03-08T23:59:59.999Z"), "2026-03-08");
    assert.match(periodText("2026-03-01", "2026-03-31", "en-US"), /^Mar 1\s–\s31, 2026 \(days in UTC\)$/);
  }
  process.env.TZ = before ?? "";
});

test("days follow each other over a change to summer time", () => {
  const before = process.env.TZ;
  process.env.TZ = "America/Los_Angeles";
  assert.deepEqual(days("2026-03-07", "2026-03-10"), ["2026-03-07", "2026-03-08", "2026-03-09", "2026-03-10"]);
  assert.deepEqual(days("2026-10-31", "2026-11-02"), ["2026-10-31", "2026-11-01", "2026-11-02"]);
  assert.equal(plusDays("2026-03-01", -1), "2026-02-28");
  process.env.TZ = before ?? "";
});

test("the last days include today, and are days in UTC", () => {
  const now = Date.parse("2026-12-01T00:30:00Z");
  assert.deepEqual(lastDays(30, now), { from: "2026-11-02", to: "2026-12-01" });
  assert.equal(days("2026-11-02", "2026-12-01").length, 30);
});

test("a month ends with its last day", () => {
  assert.deepEqual(monthOf("2026-12-01"), { from: "2026-12-01", to: "2026-12-31" });
  assert.deepEqual(monthOf("2026-04-30"), { from: "2026-04-01", to: "2026-04-30" });
  assert.deepEqual(monthOf("2028-02-10"), { from: "2028-02-01", to: "2028-02-29" });
});

test("a distance is in the largest unit that fits", () => {
  const now = Date.parse("2026-12-01T12:00:00Z");
  assert.equal(distance("2026-12-01T12:05:00Z", now, "en-US"), "in 5 min.");
  assert.equal(distance("2026-11-29T12:00:00Z", now, "en-US"), "2 days ago");
  assert.equal(distance("2026-12-01T11:59:58Z", now, "en-US"), "2 sec. ago");
});
