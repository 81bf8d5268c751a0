/** Calls of the API. Every answer has its amounts as text, and every failure is an ApiError with the problem's own words. */
import { apiUrl } from "./config.js";
import { currentToken, refused } from "./session.js";

export { inPath } from "./ids.js";

const TRIES = 4;
const FIRST_PAUSE_MS = 300;
const LONGEST_PAUSE_MS = 5000;
const AGAIN = new Set([429, 502, 503, 504]);
const UNAUTHENTICATED = 401;
const FINAL = new Set([400, 403, 422]);

/** @typedef {Record<string, string | number | boolean | null | undefined>} Query */

/**
 * @typedef {object} Options
 * @property {Query} [query]         what is null, undefined or "" is left out
 * @property {unknown} [body]        sent as JSON
 * @property {string} [key]          the idempotency key of a mutation: with it, trying again is safe
 * @property {AbortSignal} [signal]
 * @property {string} [accept]       "text/csv" for a statement: the answer is then text
 * @property {Bearer} [bearer]       who asks; without one whoever is signed in
 *
 * @typedef {object} Bearer
 * @property {() => Promise<string | null>} token
 * @property {(token: string | null, isAgain: boolean) => Promise<boolean>} refused   called where this token was not accepted; true if there is another one now. `isAgain`: it was a new one
 */

/** @type {Bearer} */
const SIGNED_IN = { token: currentToken, refused };

/** A failure of a call. `problem` is what the API answered (RFC 9457), or null if nothing came. */
export class ApiError extends Error {
  /** @param {number} status 0 if there was no answer @param {Record<string, any> | null} problem @param {string | null} requestId */
  constructor(status, problem, requestId) {
    super(textOf(status, problem));
    this.name = "ApiError";
    this.status = status;
    this.problem = problem;
    this.requestId = requestId;
    /** @type {string | null} */
    this.code = problem?.code ?? null;
  }

  get title() {
    return this.problem?.title ?? (this.status === 0 ? "No answer" : `Answered with ${this.status}`);
  }

  /** Whether the same question would only be refused again. */
  get isFinal() {
    return FINAL.has(this.status);
  }

  /** Faults of a request's fields. @returns {{path: string, detail: string}[]} */
  get errors() {
    return Array.isArray(this.problem?.errors) ? this.problem.errors : [];
  }
}

/** @param {number} status @param {Record<string, any> | null} problem */
function textOf(status, problem) {
  if (status === 0) return "The service cannot be reached. Check the connection, then try again.";
  return problem?.detail ?? problem?.message ?? problem?.title ?? `The service answered ${status} without a reason.`;
}

/** A new idempotency key. Make it when a dialog opens, so that a second click is a replay. */
export const newKey = () => `console-${crypto.randomUUID()}`;

/**
 * The answer of a call, such as `call("GET", "/v1/accounts")`. Raises ApiError; an AbortError if it was aborted.
 * @param {string} method @param {string} path beginning with "/v1/" @param {Options} [options] @returns {Promise<any>}
 */
export async function call(method, path, options = {}) {
  return (await answered(method, path, options)).content;
}

/** The same with the headers, for a `Link` or `Idempotency-Replayed`. @param {string} method @param {string} path @param {Options} [options] */
export async function answered(method, path, options = {}) {
  const isRepeatable = method === "GET" || Boolean(options.key);
  const bearer = options.bearer ?? SIGNED_IN;
  let isRenewed = false;
  for (let tried = 1; ; tried += 1) {
    const token = await bearer.token();
    const answer = await sent(method, path, options, token);
    if (answer === null) {
      if (!isRepeatable || tried >= 2) throw new ApiError(0, null, null);
      // A browser may hide from a page of another site that a token was not accepted: a gateway answers that itself.
      await options.bearer?.refused(token, tried > 1).catch(() => false);
    } else if (answer.ok) {
      return { content: await contentOf(answer), headers: answer.headers, status: answer.status };
    } else if (answer.status === UNAUTHENTICATED && (await bearer.refused(token, isRenewed))) {
      isRenewed = true;
    } else {
      if (!isRepeatable || !AGAIN.has(answer.status) || tried >= TRIES) throw await errorOf(answer);
    }
    await pause(answer, tried, options.signal);
  }
}

/** Null if there was no answer. @param {string} method @param {string} path @param {Options} options @param {string | null} token */
async function sent(method, path, options, token) {
  const headers = {
    Accept: options.accept ?? "application/json; amounts=string",
    ...(token ? { Authorization: `Bearer ${token}` } : {}),
    ...(options.key ? { "Idempotency-Key": options.key } : {}),
    ...(options.body === undefined ? {} : { "Content-Type": "application/json" }),
  };
  const body = options.body === undefined ? undefined : JSON.stringify(options.body);
  try {
    return await fetch(addressOf(path, options.query), { method, headers, body, signal: options.signal, cache: "no-store" });
  } catch (failure) {
    if (options.signal?.aborted) throw failure;
    return null;
  }
}

/** @param {string} path @param {Query} [query] */
export function addressOf(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const words = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return apiUrl + path + (words && `?${words}`);
}

/** @param {Response} answer */
const contentOf = (answer) => ((answer.headers.get("content-type") ?? "").includes("json") ? answer.json() : answer.text());

/** @param {Response} answer */
async function errorOf(answer) {
  const text = await answer.text().catch(() => "");
  const id = answer.headers.get("x-request-id") ?? answer.headers.get("apigw-requestid");
  try {
    return new ApiError(answer.status, JSON.parse(text), id);
  } catch {
    return new ApiError(answer.status, text ? { detail: text.slice(0, 500) } : null, id);
  }
}

/** As long as the service asks for, or longer from try to try. @param {Response | null} answer @param {number} tried @param {AbortSignal} [signal] */
async function pause(answer, tried, signal) {
  const asked = Number(answer?.headers.get("retry-after"));
  const own = FIRST_PAUSE_MS * 2 ** (tried - 1) * (0.5 + Math.random());
  const pauseMs = answer?.status === UNAUTHENTICATED ? 0 : Math.min(LONGEST_PAUSE_MS, Math.max(own, asked > 0 ? asked * 1000 : 0));
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  signal?.throwIfAborted();
}

/**
 * All items of a listing, page by page, at most `most`.
 * @param {string} path @param {Query} [query] @param {{signal?: AbortSignal, most?: number}} [how]
 * @returns {AsyncGenerator<any, void>}
 */
export async function* list(path, query = {}, how = {}) {
  let after = /** @type {string | null} */ (null);
  let given = 0;
  do {
    const page = await call("GET", path, { query: { ...query, after }, signal: how.signal });
    for (const item of page.items) {
      if (given >= (how.most ?? Infinity)) return;
      given += 1;
      yield item;
    }
    after = page.next ?? null;
  } while (after);
}
