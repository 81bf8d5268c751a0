import assert from "node:assert/strict";
import test from "node:test";

import { sum } from "../src/money.js";
import { MOST_SERIES, seriesOf, stacked } from "../src/series.js";

const DAYS = ["2026-12-01", "2026-12-02"];

test("more names than eight are the eight largest and the others, and no amount is lost", () => {
  const points = Array.from({ length: 20 }, (_, index) => ({ day: DAYS[index % 2], name: `meter-${index}`, amount: `${index}.001` }));
  const all = seriesOf(points, DAYS);
  assert.equal(all.length, MOST_SERIES + 1);
  assert.deepEqual([all[0].name, all[0].total, all[8].isOthers], ["meter-19", "19.001", true]);
  assert.equal(sum(all.map((each) => each.total)), sum(points.map((each) => each.amount)));
});

test("eight names and none have a series each", () => {
  const points = Array.from({ length: 7 }, (_, index) => ({ day: DAYS[0], name: `m${index}`, amount: "1" }));
  const all = seriesOf([...points, { day: DAYS[1], name: null, amount: "2" }], DAYS);
  assert.equal(all.some((each) => each.isOthers), false);
  assert.deepEqual(all[0], { name: null, isOthers: false, amounts: ["0", "2"], total: "2" });
});

test("a series stands on those before it", () => {
  const all = seriesOf([{ day: DAYS[0], name: "a", amount: "2" }, { day: DAYS[0], name: "b", amount: "1.5" }], DAYS);
  assert.deepEqual(stacked(all), [["2", "0"], ["3.5", "0"]]);
});
