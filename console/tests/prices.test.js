import assert from "node:assert/strict";
import test from "node:test";

import { cardsOf, changeText, differences, inEffect, isSamePrice, numberText, perText, priced } from "../src/prices.js";

const card = (/** @type {any} */ more = {}) => ({ card: "llm/a@1", version: 1, meter: "llm", model: "a", prices: {}, request_price: "0", minimum_charge: "0", ...more });

test("the same price for another number of units is the same", () => {
  assert.equal(isSamePrice({ price: "0.25" }, { price: "250000", per: 1_000_000 }), true);
  assert.equal(isSamePrice({ price: "0.250000000001" }, { price: "250000", per: 1_000_000 }), false);
  assert.deepEqual(differences(card({ prices: { tokens: { price: "0.25", per: 1 } } }), card({ version: 2, prices: { tokens: { price: "250000", per: 1_000_000 } } })), []);
});

test("a price too fine for millicents is that of more units, exactly", () => {
  assert.deepEqual(priced({ price: "0.0000125" }), { amount: "12.5", per: 1_000_000n });
  assert.deepEqual(priced({ price: "0.000000000001", per: 1000 }), { amount: "0.001", per: 1_000_000_000_000n });
  assert.deepEqual(priced({ price: "250000", per: 1_000_000 }), { amount: "250000", per: 1_000_000n });
});

test("a change is a part of the price before, to a tenth of a percent", () => {
  assert.equal(changeText({ price: "1" }, { price: "1.2" }), "+20%");
  assert.equal(changeText({ price: "3" }, { price: "2" }), "-33.3%");
  assert.equal(changeText({ price: "1000000" }, { price: "1000000.000001" }), "+<0.1%");
  assert.equal(changeText({ price: "2", per: 1000 }, { price: "4", per: 2000 }), "0%");
  assert.equal(changeText({ price: "0" }, { price: "1" }), null);
});

test("what came, what went and what changed are told by quantity, and then what changed of the card", () => {
  const older = card({ prices: { kept: { price: "1", per: 1 }, gone: { price: "2", per: 1 }, dearer: { price: "1", per: 10 } }, request_price: "0" });
  const newer = card({ version: 2, prices: { kept: { per: 1, price: "1.0" }, dearer: { price: "1.5", per: 10 }, came: { price: "3", per: 1 } }, request_price: "4" });
  const found = differences(older, newer).map(({ quantity, field, change }) => [quantity, field, change]);
  assert.deepEqual(found, [["dearer", "price", "+50%"], ["came", "price", null], ["gone", "price", null], [null, "request_price", null]]);
});

test("tiers, what a quantity is part of, aliases and fields that are not known are compared", () => {
  const older = card({ prices: { tokens: { price: "1", per: 1, tiers: [{ above: "10", price: "0.5" }] } }, aliases: ["b"], brand_new: { a: 1, b: 2 } });
  const newer = card({ prices: { tokens: { price: "1", per: 1, tiers: [{ above: "20", price: "0.5" }], part_of: ["all"] } }, brand_new: { b: 2, a: 3 } });
  assert.deepEqual(differences(older, newer).map(({ field }) => field), ["tiers", "part_of", "aliases", "brand_new"]);
});

test("how tiers are counted is compared where both have tiers", () => {
  const tiers = [{ above: "10", price: "0.5" }];
  const at = (/** @type {any} */ more) => card({ prices: { tokens: { price: "1", per: 1, ...more } } });
  assert.deepEqual(differences(at({}), at({ tiers, tier_mode: "volume" })).map(({ field }) => field), ["tiers"]);
  assert.deepEqual(differences(at({ tiers, tier_mode: "graduated" }), at({ tiers, tier_mode: "volume" })).map(({ field }) => field), ["tier_mode"]);
});

test("nothing and an empty list, and names in another order, are no change", () => {
  assert.deepEqual(differences(card({ aliases: [], x: { a: 1, b: 2 } }), card({ x: { b: 2, a: 1 } })), []);
});

test("versions of a card are together, the newest first", () => {
  const cards = cardsOf([card(), card({ version: 2 }), card({ model: null, version: 1 })]);
  assert.deepEqual(cards.map((each) => [each.model, each.versions.map(({ version }) => version)]), [["a", [2, 1]], [null, [1]]]);
});

test("a version that begins later is not in effect, and of two that begin together the newer is", () => {
  const now = Date.parse("2026-12-01T00:00:00Z");
  const at = (/** @type {number} */ version, /** @type {string} */ effective_from) => card({ version, effective_from });
  assert.equal(inEffect([at(1, "2026-11-01T00:00:00Z"), at(2, "2026-11-01T00:00:00Z"), at(3, "2026-12-02T00:00:00Z")], now)?.version, 2);
  assert.equal(inEffect([at(1, "2026-12-02T00:00:00Z")], now), null);
});

test("a number is shown with every digit, and what is none as it is", () => {
  assert.equal(numberText("1234567.000000000001", "en"), "1,234,567.000000000001");
  assert.equal(numberText("<b>", "en"), "<b>");
});

test("a number of units is said in thousands, millions and billions where that is exact", () => {
  assert.deepEqual([1n, 1000n, 1500n, 1_000_000n, 2_000_000_000n, 12_000_000n].map(perText), ["each", "per 1K", "per 1,500", "per 1M", "per 2B", "per 12M"]);
});
