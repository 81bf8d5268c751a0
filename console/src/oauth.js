/** Authorization code with PKCE (RFC 7636), for a public client. Endpoints are those that the issuer describes. */

const PENDING = "millicent.sign-in";
const VERIFIER_BYTES = 48;
const STATE_BYTES = 24;
const TOO_MANY = 429;

/**
 * @typedef {import("./config.js").Config} Config
 * @typedef {{access_token: string, refresh_token?: string}} Granted
 */

/** What an issuer may answer instead of a code (RFC 6749, 4.1.2.1), in words. @type {Record<string, string>} */
const REFUSALS = {
  access_denied: "The issuer did not let you in, or the login was cancelled",
  server_error: "The issuer failed. Try again",
  temporarily_unavailable: "The issuer lets nobody in at the moment. Try again later",
};

/** @type {Map<string, Promise<Record<string, string>>>} */
const described = new Map();

/** What the issuer says of its endpoints. @param {string} issuer @returns {Promise<Record<string, string>>} */
function discovered(issuer) {
  const address = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const found = described.get(address) ?? answered(address).then((answer) => {
    if (!answer.ok) throw unreachable(`${address} was answered with ${answer.status}`);
    return answer.json().catch(() => { throw unreachable(`${address} is no description of an issuer`); });
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
 * The question of this tab that the issuer's answer belongs to; it is answered once. Raises Error if there is none.
 * @param {URLSearchParams} answer @returns {{verifier: string, to: string}}
 */
export function begun(answer) {
  const pending = JSON.parse(sessionStorage.getItem(PENDING) ?? "null");
  if (!pending || pending.state !== answer.get("state")) throw new Error("This sign-in was not begun in this tab, or is over. Sign in again.");
  sessionStorage.removeItem(PENDING);
  return pending;
}

/**
 * The tokens of the code in an answer of the issuer. Raises Error where the issuer refused.
 * @param {Config} config @param {string} redirectUrl @param {URLSearchParams} answer @param {string} verifier @returns {Promise<Granted>}
 */
export async function exchanged(config, redirectUrl, answer, verifier) {
  if (answer.has("error")) throw new Error(refusalText(answer));
  const granted = await tokens(config, {
    grant_type: "authorization_code",
    code: String(answer.get("code")),
    redirect_uri: redirectUrl,
    code_verifier: verifier,
  });
  if (!granted) throw new Error("The issuer did not accept the sign-in. Sign in again.");
  return granted;
}

/** @param {URLSearchParams} answer */
function refusalText(answer) {
  const error = String(answer.get("error"));
  const known = Object.hasOwn(REFUSALS, error) ? REFUSALS[error] : `The issuer refused the sign-in (${error})`;
  const described = answer.get("error_description");
  return described ? `${known}: ${described}` : `${known}.`;
}

/** Null if the refresh token is not accepted any more. @param {Config} config @param {string} token */
export const refreshed = (config, token) => tokens(config, { grant_type: "refresh_token", refresh_token: token });

/** Makes a refresh token worthless, where the issuer can (RFC 7009). Never raises. @param {Config} config @param {string} token */
export async function revoke(config, token) {
  try {
    const { revocation_endpoint: end } = await discovered(String(config.issuer));
    if (end) await fetch(end, { method: "POST", keepalive: true, body: new URLSearchParams({ client_id: String(config.client_id), token, token_type_hint: "refresh_token" }) });
  } catch {
    // It is out of our hands: this tab has forgotten it.
  }
}

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
  const answer = await answered(endpoints.token_endpoint, {
    method: "POST",
    body: new URLSearchParams({ client_id: String(config.client_id), ...form }),
  });
  if (answer.status >= 500 || answer.status === TOO_MANY) throw unreachable(`the issuer answered ${answer.status}`);
  return answer.ok ? answer.json() : null;
}

/** @param {string} address @param {RequestInit} [how] */
const answered = (address, how) => fetch(address, how).catch(() => { throw unreachable(`no answer of ${new URL(address).origin}`); });

/** @param {string} why */
const unreachable = (why) => new Error(`The login cannot be reached: ${why}.`);

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
