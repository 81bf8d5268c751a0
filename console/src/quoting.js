/** Quantities of a quote as texts, both ways: "input_tokens:374 output_tokens:44" in an address. */

/** @typedef {Record<string, string>} Units  numbers as they were typed, by quantity */

/** @param {string | undefined} text @returns {Units} */
export function unitsIn(text) {
  const pairs = (text ?? "").split(" ").map((each) => each.split(/:(.*)/s)).filter(([name]) => name);
  return Object.fromEntries(pairs.map(([name, units = ""]) => [name, units]));
}

/** Those that were given. @param {Units} units */
export const unitsText = (units) => given(units).map(([name, count]) => `${name}:${count}`).join(" ");

/** @param {Units} units @returns {[string, string][]} */
const given = (units) => Object.entries(units).map(([name, count]) => /** @type {[string, string]} */ ([name, plain(count)])).filter(([, count]) => count !== "");

/** Without separators of thousands. @param {string} typed */
const plain = (typed) => typed.trim().replace(/(?<=\d)[,_ \u00a0\u202f](?=\d{3}(\D|$))/g, "");

/**
 * What is sent. Quantities stay texts, so that no digit is lost.
 * @param {{meter: string, model?: string, units: Units, actor?: string}} wanted
 */
export function requestOf({ meter, model, units, actor }) {
  const usage = { meter: meter.trim(), ...(model?.trim() ? { model: model.trim() } : {}), ...Object.fromEntries(given(units)) };
  return { usage, ...(actor?.trim() ? { actor: actor.trim() } : {}) };
}

/**
 * What is sent for a provider's own report. Raises SyntaxError for a text that is no JSON.
 * @param {{provider: string, model?: string, raw: string, actor?: string}} wanted
 */
export function requestOfReport({ provider, model, raw, actor }) {
  const usage = { provider: provider.trim(), ...(model?.trim() ? { model: model.trim() } : {}), raw: JSON.parse(raw) };
  return { usage, ...(actor?.trim() ? { actor: actor.trim() } : {}) };
}
