/**
 * Who is looking. The token stays in memory. A refresh token, where there is one, is in sessionStorage: it outlives a
 * reload of this tab, and nothing else.
 *
 * On the laptop `millicent console` puts a token into the fragment of the address, from which it is taken at once.
 * Elsewhere people sign in at the issuer: authorization code with PKCE. There a token in an address is thrown away.
 */
import { config, consoleUrl } from "./config.js";
import { begun, exchanged, refreshed, revoke, signInAddress, signOutAddress } from "./oauth.js";
import { claimsOf, inFragment, opens } from "./token.js";
import { store } from "./ui.js";

/**
 * @typedef {object} Session
 * @property {"starting" | "in" | "out" | "ended"} state   "ended": it was in, and the token is not accepted any more
 * @property {string | null} token
 * @property {import("./token.js").Claims | null} claims
 * @property {string | null} why                          what went wrong with signing in
 * @property {number} count                               grows whenever somebody comes in: all calls are made again. Not when a token is renewed
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

/** What the issuer answered to this page. @type {URLSearchParams | null} */
let answer = null;

/** Takes a token, or a code, out of the address, before anything else happens: what is left, anybody may see. */
export function takeToken() {
  const asked = new URLSearchParams(location.search);
  if (asked.has("code") || asked.has("error")) {
    answer = asked;
    history.replaceState(null, "", location.pathname + (location.hash || "#/"));
  }
  const given = inFragment(location.hash);
  if (!given) return;
  taken = given.token;
  history.replaceState(null, "", `#${given.to}`);
}

/** Signs in with what the address and this tab have. */
export async function start() {
  takeToken();
  const [given, answered] = [taken, answer];
  taken = answer = null;
  if (given !== null && !config().client_id) {
    if (!enter(given)) leave("out", "The token in the address is no access token (a JWT).");
    return;
  }
  // Where there is a login, a link does not decide who somebody is.
  if (given !== null && session.get().state === "in") return;
  try {
    if (answered && config().client_id) await comeBack(answered);
    else if (!(await refresh())) leave("out", null);
  } catch (failure) {
    leave("out", String(failure instanceof Error ? failure.message : failure));
  }
}

/** To the page from which somebody went to sign in, whatever the issuer said. @param {URLSearchParams} answered */
async function comeBack(answered) {
  const { verifier, to } = begun(answered);
  history.replaceState(null, "", location.pathname + to);
  entered(await exchanged(config(), redirectUrl(), answered, verifier));
}

/** With a token that somebody brought; there is none to renew it. @param {string} token @returns {boolean} false if it is no token */
export function enter(token) {
  if (!use(token)) return false;
  forgetRefresh();
  return true;
}

/** @param {string} token @param {boolean} [isRenewed] of whoever is in @returns {boolean} false if it is no token */
function use(token, isRenewed = false) {
  const claims = claimsOf(token.trim(), config());
  if (!claims) return false;
  session.set({ state: "in", token: token.trim(), claims, why: null, count: session.get().count + (isRenewed ? 0 : 1) });
  return true;
}

/** @param {{access_token: string, refresh_token?: string}} granted */
function entered(granted) {
  if (!use(granted.access_token, session.get().state === "in")) throw new Error("The issuer gave an access token that cannot be read: it must be a JWT.");
  if (granted.refresh_token) sessionStorage.setItem(REFRESH, granted.refresh_token);
}

/** The token for a call, renewed shortly before its end. @returns {Promise<string | null>} */
export async function currentToken() {
  const { claims } = session.get();
  const isNearItsEnd = claims?.expiresAt != null && claims.expiresAt - Date.now() < EARLY_MS;
  if (isNearItsEnd && sessionStorage.getItem(REFRESH)) await refresh().catch(() => false);
  return session.get().token;
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
  const isStillWanted = sessionStorage.getItem(REFRESH) === kept;
  if (granted && isStillWanted) {
    entered(granted);
    return true;
  }
  // Somebody signed out meanwhile, or came in with another token.
  if (granted?.refresh_token) await revoke(config(), granted.refresh_token);
  if (isStillWanted) sessionStorage.removeItem(REFRESH);
  return false;
}

/**
 * The API did not accept this token: a new one, or the question to sign in, over the page as it is. What was asked with an older
 * token than the present one is asked again with that.
 * @param {string | null} token @param {boolean} isAgain   the new one was not accepted either @returns {Promise<boolean>}
 */
export async function refused(token, isAgain) {
  if (session.get().state !== "in") return false;
  if (!isAgain && session.get().token !== token) return true;
  if (!isAgain && (await refresh().catch(() => false))) return true;
  if (session.get().token === token) leave("ended", null);
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

/** Here, in the other tabs of the same person, and at the issuer. */
export async function signOut() {
  tabs?.postMessage(session.get().claims?.sub);
  const isRevoked = forget();
  const address = await signOutAddress(config(), redirectUrl()).catch(() => null);
  await isRevoked;
  if (address) location.assign(address);
}

async function forget() {
  leave("out", null);
  await forgetRefresh();
}

/** A refresh token that nobody needs any more is made worthless, since it may outlive this tab. */
async function forgetRefresh() {
  const kept = sessionStorage.getItem(REFRESH);
  sessionStorage.removeItem(REFRESH);
  if (kept && config().client_id) await revoke(config(), kept);
}

/** Tells the other tabs who signed out. Node, which tests this module's neighbours, has no tabs. */
const tabs = typeof location === "undefined" ? null : new BroadcastChannel("millicent.signed-out");
tabs?.addEventListener("message", ({ data }) => {
  if (data === session.get().claims?.sub && session.get().state !== "out") forget();
});

/** As the client has it registered: without a slash at its end. */
const redirectUrl = () => consoleUrl;
