/** What a token says. Nothing here decides anything: the API verifies tokens, and refuses what they may not do. */

/**
 * @typedef {object} Claims
 * @property {string} sub
 * @property {string[]} scopes
 * @property {number | null} expiresAt   milliseconds
 * @property {boolean} isOperator        may name other actors, as far as a browser can tell
 */

/** The claims of a JWT; null for what is none. @param {string} token @returns {Claims | null} */
export function claimsOf(token) {
  try {
    const payload = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
    return claims(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return null;
  }
}

/** @param {Record<string, any>} found @returns {Claims} */
function claims(found) {
  const scopes = [...words(found.scope), ...words(found.scp)];
  const groups = words(found["cognito:groups"]);
  const isMachine = [found.client_id, found.azp, found.cid].includes(found.sub);
  return {
    sub: String(found.sub ?? ""),
    scopes,
    expiresAt: Number.isFinite(found.exp) ? found.exp * 1000 : null,
    isOperator: scopes.includes("credits/act") || isMachine || groups.includes("millicent-operators"),
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
