/** Authorization code with PKCE (RFC 7636), for a public client. Endpoints are those that the issuer describes. */

const PENDING = "millicent.sign-in";
const VERIFIER_BYTES = 48;
const STATE_BYTES = 24;

/**
 * @typedef {import("./config.js").Config} Config
 * @typedef {{access_token: string, refresh_token?: string}} Granted
 */

/** @type {Map<string, Promise<Record<string, string>>>} */
const described = new Map();

/** What the issuer says of its endpoints. @param {string} issuer @returns {Promise<Record<string, string>>} */
function discovered(issuer) {
  const address = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const found = described.get(address) ?? fetch(address).then((answer) => {
    if (!answer.ok) throw new Error(`the issuer answered ${answer.status} to ${address}`);
    return answer.json();
  });
  described.set(address, found);
  found.catch(() => described.delete(address));
  return found;
}

/** Where to sign in. @param {Config} config @param {string} redirectUrl @param {string} to @returns {Promise<string>} */
export async function signInAddress(config, redirectUrl, to) {
  const verifier = random(VERIFIER_BYTES);
  const state = random(STATE_BYTES);
  const endpoints = await discovered(String(config.issuer));
  sessionStorage.setItem(PENDING, JSON.stringify({ verifier, state, to }));
  const address = new URL(endpoints.authorization_endpoint);
  const parameters = {
    response_type: "code",
    client_id: String(config.client_id),
    redirect_uri: redirectUrl,
    scope: config.scopes.join(" "),
    state,
    code_challenge: await challengeOf(verifier),
    code_challenge_method: "S256",
    ...(config.audience ? { audience: config.audience } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
  return address.href;
}

/**
 * The tokens of the code in the address, and the place to go on; null if there is no code. Raises Error where the issuer
 * refused, or the answer is to no question of this tab.
 * @param {Config} config @param {string} redirectUrl @param {URL} address @returns {Promise<(Granted & {to: string}) | null>}
 */
export async function exchanged(config, redirectUrl, address) {
  const given = address.searchParams;
  if (!given.has("code") && !given.has("error")) return null;
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
  sessionStorage.removeItem(PENDING);
  if (!pending || pending.state !== given.get("state")) throw new Error("this sign-in was not begun in this tab: sign in again");
  if (given.has("error")) throw new Error(given.get("error_description") ?? String(given.get("error")));
  const granted = await tokens(config, {
    grant_type: "authorization_code",
    code: String(given.get("code")),
    redirect_uri: redirectUrl,
    code_verifier: pending.verifier,
  });
  if (!granted) throw new Error("the issuer did not accept the code: sign in again");
  return { ...granted, to: pending.to };
}

/** Null if the refresh token is not accepted any more. @param {Config} config @param {string} token */
export const refreshed = (config, token) => tokens(config, { grant_type: "refresh_token", refresh_token: token });

/** Where to go to end the issuer's own session; null if it has no such place. @param {Config} config @param {string} redirectUrl */
export async function signOutAddress(config, redirectUrl) {
  if (!config.issuer || !config.client_id) return null;
  const { end_session_endpoint: end } = await discovered(config.issuer);
  if (!end) return null;
  const address = new URL(end);
  address.searchParams.set("client_id", config.client_id);
  // Cognito's own name, and that of OpenID Connect.
  address.searchParams.set("logout_uri", redirectUrl);
  address.searchParams.set("post_logout_redirect_uri", redirectUrl);
  return address.href;
}

/** @param {Config} config @param {Record<string, string>} form @returns {Promise<Granted | null>} */
async function tokens(config, form) {
  const endpoints = await discovered(String(config.issuer));
  const answer = await fetch(endpoints.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({ client_id: String(config.client_id), ...form }),
  });
  if (answer.status >= 500) throw new Error(`the issuer answered ${answer.status}`);
  return answer.ok ? answer.json() : null;
}

/** @param {number} bytes */
const random = (bytes) => base64url(crypto.getRandomValues(new Uint8Array(bytes)));

/** @param {string} verifier @returns {Promise<string>} */
export async function challengeOf(verifier) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

/** @param {Uint8Array} bytes */
function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
