import assert from "node:assert/strict";
import test from "node:test";

import { merged, NOTHING, resumed, withOlder } from "../src/live.js";

const item = (/** @type {string} */ id, /** @type {number} */ second, /** @type {any} */ more = {}) =>
  ({ id, type: "entry", actor: "user:a", kind: "charge", outcome: "applied", available_after: "1", at: `2026-12-01T00:00:${String(second).padStart(2, "0")}.000Z`, ...more });
const ids = (/** @type {any} */ feed) => feed.items.map((/** @type {any} */ each) => each.id).join("");

test("what is told twice is shown once: in one answer, and in the next", () => {
  const first = merged(NOTHING, [item("b", 2), item("b", 2), item("a", 1)]);
  assert.equal(ids(first), "ba");
  assert.equal(ids(merged(first, [item("c", 3), item("b", 2), item("a", 1)])), "cba");
});

test("an answer without news leaves the feed as it is", () => {
  const first = merged(NOTHING, [item("a", 1)]);
  assert.equal(merged(first, [item("a", 1)]), first);
});

test("what comes late stands where its time is", () => {
  const feed = merged(merged(NOTHING, [item("a", 1), item("c", 3)]), [item("b", 2)]);
  assert.equal(ids(feed), "cba");
});

test("entries of an account at one instant are in the order of their sequence", () => {
  const feed = merged(NOTHING, [item("a", 1, { seq: 1 }), item("b", 1, { seq: 2 }), item("c", 1, { seq: 3 })]);
  assert.equal(ids(feed), "cba");
});

test("what comes while it is paused waits, once, and is shown afterwards", () => {
  const first = merged(NOTHING, [item("a", 1)]);
  const paused = merged(merged(first, [item("b", 2), item("a", 1)], { isPaused: true }), [item("c", 3), item("b", 2)], { isPaused: true });
  assert.equal(ids(paused), "a");
  assert.deepEqual(paused.waiting.map(({ id }) => id), ["c", "b"]);
  const after = resumed(paused);
  assert.equal(ids(after), "cba");
  assert.deepEqual(after.waiting, []);
  assert.equal(ids(merged(after, [item("c", 3)])), "cba");
});

test("it keeps the newest, says that it dropped some, and does not take those back", () => {
  const first = merged(NOTHING, [item("c", 3), item("b", 2), item("a", 1)], { most: 2 });
  assert.equal(ids(first), "cb");
  assert.equal(first.isCut, true);
  assert.equal(ids(merged(first, [item("a", 1)], { most: 2 })), "cb");
});

test("older ones that somebody asked for stay while newer ones come", () => {
  const all = withOlder(merged(NOTHING, [item("d", 4)], { most: 1 }), [item("d", 4), item("c", 3), item("b", 2)]);
  assert.equal(ids(all), "dcb");
  assert.equal(all.isCut, false);
  const later = merged(all, [item("e", 5)], { most: 1 });
  assert.equal(ids(later), "edc");
  assert.equal(later.isCut, true);
});
