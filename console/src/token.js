/** What a token says. Nothing here decides anything: the API verifies tokens, and refuses what they may not do. */

/**
 * @typedef {object} Claims
 * @property {string} sub
 * @property {string[]} scopes
 * @property {number | null} expiresAt   milliseconds
 * @property {boolean} isOperator        may name other actors, as far as a browser can tell
 */

/**
 * What the deployment says of tokens: which claim an operator has, and which client gives its scopes to everybody.
 * @typedef {{operator_claim: string, operator_value: string, client_id: string | null, issuer: string | null}} Rule
 */

/** The claims of a JWT; null for what is none. @param {string} token @param {Rule} rule @returns {Claims | null} */
export function claimsOf(token, rule) {
  try {
    const payload = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    return claims(JSON.parse(new TextDecoder().decode(bytes)), rule);
  } catch {
    return null;
  }
}

/** As the service reads them (shared/edge/identity.py). @param {Record<string, any>} found @param {Rule} rule @returns {Claims} */
function claims(found, rule) {
  const all = [...words(found.scope), ...words(found.scp)];
  const claim = found[rule.operator_claim];
  const isNamed = Array.isArray(claim) ? claim.includes(rule.operator_value) : claim === rule.operator_value;
  const isMachine = [found.client_id, found.azp, found.cid].includes(found.sub) || found.gty === "client-credentials" || found.idtyp === "app";
  const isOfThePool = rule.client_id !== null && found.client_id === rule.client_id && String(rule.issuer).includes("//cognito-idp.");
  return {
    sub: String(found.sub ?? ""),
    scopes: isOfThePool && !isNamed ? all.filter((scope) => scope === "credits/read") : all,
    expiresAt: Number.isFinite(found.exp) ? found.exp * 1000 : null,
    isOperator: isNamed || isMachine || all.includes("credits/act"),
  };
}

/** @param {unknown} claim @returns {string[]} */
const words = (claim) => (Array.isArray(claim) ? claim.map(String) : typeof claim === "string" ? claim.split(/\s+/).filter(Boolean) : []);

/** Whether scopes open what needs `scope`. @param {string[]} scopes @param {string} scope */
export const opens = (scopes, scope) => scopes.includes(scope) || scopes.includes("credits/admin");

/**
 * What a fragment gives: "#token=…&to=/accounts". Null if it has no token.
 * @param {string} fragment @returns {{token: string, to: string} | null}
 */
export function inFragment(fragment) {
  const found = new URLSearchParams(fragment.replace(/^#\/?/, ""));
  const token = found.get("token");
  return token ? { token, to: found.get("to") ?? "/" } : null;
}
