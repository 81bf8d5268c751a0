/** What this deployment says of itself: `config.json` beside the console. */

/**
 * @typedef {object} Config
 * @property {string | null} issuer
 * @property {string | null} client_id       The console's public client; null where people bring a token.
 * @property {string[]} scopes               Those that it asks for.
 * @property {string | null} audience        What the issuer calls this API, if it has to be told.
 * @property {string} operator_claim        Claim that an operator has,
 * @property {string} operator_value        and the value in it.
 * @property {string} currency
 * @property {number} millicents_per_unit
 * @property {string} version
 */

/** Where the console is, "https://…/console", and the API one step above. */
export const consoleUrl = new URL("..", import.meta.url).href.replace(/\/$/, "");
export const apiUrl = new URL("../..", import.meta.url).href.replace(/\/$/, "");

/** @type {Config} */
let known = {
  issuer: null, client_id: null, scopes: [], audience: null, operator_claim: "cognito:groups", operator_value: "millicent-operators", currency: "USD", millicents_per_unit: 100_000, version: "",
};

export const config = () => known;

/** Raises TypeError if the deployment cannot be reached. */
export async function loadConfig() {
  const answer = await fetch(`${consoleUrl}/config.json`);
  if (!answer.ok) throw new TypeError(`config.json was answered with ${answer.status}`);
  known = { ...known, ...(await answer.json()) };
  return known;
}
