import assert from "node:assert/strict";
import test from "node:test";

import { folded, newestSpending, refundedOf, steps, unfolded } from "../src/account/fold.js";

let seq = 0;
const entry = (kind, key, more = {}) => ({ kind, key, seq: (seq += 1), amount: "0", outcome: "applied", ...more });

/** Newest first, as the API lists. */
const listed = (...entries) => entries.reverse();

const WORK = () => [
  entry("hold", "h", { hold: { id: "h1" }, amount: "-400" }),
  entry("charge", "other", { amount: "-5" }),
  entry("capture", "part", { hold: { id: "h1" }, amount: "-100.5" }),
  entry("capture", "last", { hold: { id: "h1" }, amount: "-99.5" }),
  entry("refund", "back", { charge: "last", amount: "10.125" }),
];

test("a hold, its captures and what was refunded of one of them are one line, in the place of its newest entry", () => {
  const lines = folded(listed(...WORK()));
  assert.deepEqual(lines.map((each) => each.entries.map((one) => one.key)), [["h", "part", "last", "back"], ["other"]]);
  assert.deepEqual([lines[0].newest.key, lines[0].holdId, lines[0].isWhole], ["back", "h1", true]);
});

test("a line says what its captures took less what was returned, to the microcent", () => {
  assert.deepEqual(folded(listed(...WORK())).map((each) => each.spent), ["189.875", "5"]);
});

test("each entry is in exactly one line, in whatever order pages bring them", () => {
  const all = listed(...WORK());
  for (let cut = 0; cut <= all.length; cut += 1) {
    const keys = folded(all.slice(0, cut)).flatMap((each) => each.entries.map((one) => one.key));
    assert.deepEqual(keys.sort(), all.slice(0, cut).map((one) => one.key).sort());
  }
});

test("a line whose beginning was not loaded says so, and has no sum", () => {
  const [line] = folded(listed(...WORK()).slice(0, 2));
  assert.deepEqual([line.isWhole, line.spent], [false, null]);
  const [refund] = folded([entry("refund", "r", { charge: "long ago" })]);
  assert.equal(refund.isWhole, false);
});

test("a refund that comes before its charge in a listing joins it all the same", () => {
  const lines = folded([entry("refund", "r1", { charge: "c" }), entry("refund", "r2", { charge: "c" }), entry("charge", "c")]);
  assert.equal(lines.length, 1);
});

test("a check before a charge is in its line", () => {
  const lines = folded(listed(entry("check", "k", { check_id: "k" }), entry("charge", "c", { check_id: "k", amount: "-1" })));
  assert.deepEqual(lines.map((each) => each.entries.length), [2]);
});

test("a key that equals a hold's id is not taken for it", () => {
  assert.equal(folded([entry("charge", "h1"), entry("hold", "x", { hold: { id: "h1" } })]).length, 2);
});

test("what is no work has a line of its own and no sum, whatever its kind is", () => {
  const lines = folded(listed(entry("grant", "g"), entry("configure", "s"), entry("unheard-of", "u")));
  assert.deepEqual(lines.map((each) => [each.newest.kind, each.spent, each.isWhole]), [["unheard-of", null, true], ["configure", null, true], ["grant", null, true]]);
});

test("without folding each entry is a line", () => {
  const lines = unfolded(WORK());
  assert.equal(lines.length, 5);
  assert.deepEqual([lines[2].newest.key, lines[2].spent, lines[2].isWhole], ["part", null, true]);
});

test("equal steps that follow each other are counted", () => {
  assert.deepEqual(steps(folded(listed(...WORK()))[0].entries), [["hold", 1], ["capture", 2], ["refund", 1]]);
});

test("a check that a charge names is its first step, though it has no entry", () => {
  assert.deepEqual(steps([entry("charge", "c", { check_id: "k" }), entry("refund", "r", { charge: "c" })]), [["check", 1], ["charge", 1], ["refund", 1]]);
});

test("what was refunded of a charge counts what is its own, and no refusal", () => {
  const refunds = [
    entry("refund", "a", { charge: "c", amount: "1.5" }), entry("refund", "b", { charge: "c", amount: "2" }),
    entry("refund", "d", { charge: "other", amount: "9" }), entry("refund", "e", { charge: "c", amount: "0", outcome: "refused" }),
  ];
  assert.equal(refundedOf(refunds, "c"), "3.5");
});

test("sums of usage are late only as long as they lack spending: grants and refusals are none", () => {
  const entries = [{ ...entry("grant", "g"), seq: 9 }, { ...entry("charge", "x", { outcome: "refused" }), seq: 8 }, { ...entry("refund", "r"), seq: 7 }, { ...entry("capture", "c"), seq: 6 }];
  assert.equal(newestSpending(entries), 7);
  assert.equal(newestSpending([]), 0);
});
