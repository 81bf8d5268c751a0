import assert from "node:assert/strict";
import test from "node:test";

import { merged, NOTHING, resumed, turns, withOlder } from "../src/live.js";

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

/** Questions whose answers the test gives, at a clock that the test turns. @param {any} context @param {() => boolean} [isSeen] */
function questions(context, isSeen = () => true) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const aborter = new AbortController();
  /** @type {((goesOn: boolean) => void)[]} */
  const answers = [];
  turns(() => new Promise((resolve) => answers.push(resolve)), aborter.signal, 1000, isSeen);
  const later = async (/** @type {number} */ ms) => {
    context.mock.timers.tick(ms);
    await settled();
  };
  const answer = async (goesOn = true) => {
    answers.at(-1)?.(goesOn);
    await settled();
  };
  return { aborter, answers, answer, later };
}

/** Once all that has an answer went on. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("the next question waits for a slow answer, and then as long as after a quick one", async (context) => {
  const { aborter, answers, answer, later } = questions(context);
  await later(60_000);
  assert.equal(answers.length, 1);
  await answer();
  await later(999);
  assert.equal(answers.length, 1);
  await later(1);
  assert.equal(answers.length, 2);
  aborter.abort();
});

test("nothing is asked while nobody looks, nor after the page was left", async (context) => {
  let isSeen = false;
  const { aborter, answers, answer, later } = questions(context, () => isSeen);
  await answer();
  await later(1000);
  assert.equal(answers.length, 1);
  isSeen = true;
  await later(1000);
  assert.equal(answers.length, 2);
  await answer();
  aborter.abort();
  await later(1000);
  assert.equal(answers.length, 2);
});

test("what would only be refused again is not asked again", async (context) => {
  const { answers, answer, later } = questions(context);
  await answer(false);
  await later(60_000);
  assert.equal(answers.length, 1);
});
