/**
 * Who is looking. The token stays in memory. A refresh token, where there is one, is in sessionStorage: it outlives a
 * reload of this tab, and nothing else.
 *
 * On the laptop `millicent console` puts a token into the fragment of the address, from which it is taken at once.
 * Elsewhere people sign in at the issuer: authorization code with PKCE.
 */
import { config, consoleUrl } from "./config.js";
import { exchanged, refreshed, signInAddress, signOutAddress } from "./oauth.js";
import { claimsOf, inFragment, opens } from "./token.js";
import { store } from "./ui.js";

/**
 * @typedef {object} Session
 * @property {"starting" | "in" | "out" | "ended"} state   "ended": it was in, and the token is not accepted any more
 * @property {string | null} token
 * @property {import("./token.js").Claims | null} claims
 * @property {string | null} why                          what went wrong with signing in
 * @property {number} count                               grows with each token: calls are made again
 */

const REFRESH = "millicent.refresh";
const EARLY_MS = 60_000;

export const session = store(/** @type {Session} */ ({ state: "starting", token: null, claims: null, why: null, count: 0 }));

/** Whether the token has this scope: "credits/fund". @param {string} scope */
export const can = (scope) => opens(session.get().claims?.scopes ?? [], scope);

/** Whether it may name other actors, as far as a browser can tell. The API decides. */
export const isOperator = () => session.get().claims?.isOperator ?? false;

/** @type {string | null} */
let taken = null;

/** Takes a token out of the address, before anything else happens: what is left, anybody may see. */
export function takeToken() {
  const given = inFragment(location.hash);
  if (!given) return;
  taken = given.token;
  history.replaceState(null, "", `#${given.to}`);
}

/** Signs in with what the address and this tab have. */
export async function start() {
  takeToken();
  const given = taken;
  taken = null;
  if (given !== null) {
    if (!enter(given)) leave("out", "The token in the address is no access token (a JWT).");
    return;
  }
  try {
    const back = await exchanged(config(), redirectUrl(), new URL(location.href));
    if (back) {
      history.replaceState(null, "", location.pathname + back.to);
      entered(back);
    } else if (!(await refresh())) leave("out", null);
  } catch (failure) {
    history.replaceState(null, "", location.pathname + location.hash);
    leave("out", String(failure instanceof Error ? failure.message : failure));
  }
}

/** @param {string} token @returns {boolean} false if it is no token */
export function enter(token) {
  const claims = claimsOf(token.trim(), config());
  if (!claims) return false;
  session.set({ state: "in", token: token.trim(), claims, why: null, count: session.get().count + 1 });
  return true;
}

/** @param {{access_token: string, refresh_token?: string}} granted */
function entered(granted) {
  if (granted.refresh_token) sessionStorage.setItem(REFRESH, granted.refresh_token);
  if (!enter(granted.access_token)) throw new Error("the issuer gave an access token that cannot be read: it must be a JWT");
}

/** The token for a call, renewed shortly before its end. @returns {Promise<string | null>} */
export async function currentToken() {
  const { token, claims } = session.get();
  const isNearItsEnd = claims?.expiresAt != null && claims.expiresAt - Date.now() < EARLY_MS;
  if (isNearItsEnd && sessionStorage.getItem(REFRESH)) await refresh().catch(() => false);
  return session.get().token ?? token;
}

/** @type {Promise<boolean> | null} */
let refreshing = null;

/** Whether there is a new token. One at a time, since a refresh token may be good once. */
export function refresh() {
  refreshing ??= renewed().finally(() => {
    refreshing = null;
  });
  return refreshing;
}

async function renewed() {
  const kept = sessionStorage.getItem(REFRESH);
  if (!kept || !config().client_id) return false;
  const granted = await refreshed(config(), kept);
  if (!granted) {
    sessionStorage.removeItem(REFRESH);
    return false;
  }
  entered(granted);
  return true;
}

/** The API did not accept the token: a new one, or the question to sign in, over the page as it is. */
export async function refused() {
  const before = session.get();
  if (before.state !== "in") return false;
  if (await refresh().catch(() => false)) return true;
  if (session.get().token === before.token) leave("ended", null);
  return false;
}

/** @param {"out" | "ended"} state @param {string | null} why */
function leave(state, why) {
  session.set({ ...session.get(), state, token: null, claims: state === "ended" ? session.get().claims : null, why });
}

/** Goes to the issuer, and comes back to this address. */
export async function signIn() {
  location.assign(await signInAddress(config(), redirectUrl(), location.hash || "#/"));
}

export async function signOut() {
  sessionStorage.removeItem(REFRESH);
  leave("out", null);
  const address = await signOutAddress(config(), redirectUrl()).catch(() => null);
  if (address) location.assign(address);
}

/** As the client has it registered: without a slash at its end. */
const redirectUrl = () => consoleUrl;
