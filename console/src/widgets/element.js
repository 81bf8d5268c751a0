/** What the elements have in common: attributes, the token, the shadow tree, and when they ask again. */
import { ApiError, call, inPath } from "../api.js";
import { config, loadConfig } from "../config.js";
import { useLoaded } from "../load.js";
import { html, render, useEffect, useState } from "../ui.js";
import { bearerOf } from "./bearer.js";
import { isNoAccount, Widget } from "./states.js";
import { sheet } from "./style.js";

const ATTRIBUTES = ["actor", "token", "days", "by", "limit", "refresh"];
const SHORTEST_REFRESH_S = 5;
const REASON_NO_TOKEN = { title: "Not signed in", detail: "There is no token for this page's user.", code: "unauthenticated" };

/**
 * @typedef {import("./bearer.js").GetToken} GetToken
 * @typedef {import("./bearer.js").UsersBearer} UsersBearer
 * @typedef {object} WidgetProps
 * @property {Record<string, string | null>} given   attributes
 * @property {UsersBearer} bearer
 * @property {number} turn                            grows when it is to ask again
 * @property {(error: any) => void} onError
 */

/** @type {GetToken | null} */
let provided = null;

/** @type {Set<{draw: () => void}>} */
const shown = new Set();

/** Gives all elements of the page their token: `provideToken(async () => …)`. It is asked again before the token ends. @param {GetToken} getToken */
export function provideToken(getToken) {
  provided = getToken;
  for (const each of [...shown]) each.draw();
}

/** @type {WeakMap<GetToken, UsersBearer>} */
const bearers = new WeakMap();

/** @param {GetToken} getToken */
function bearerFor(getToken) {
  const bearer = bearers.get(getToken) ?? bearerOf(getToken, config());
  bearers.set(getToken, bearer);
  return bearer;
}

/** What the deployment says of its currency; without it amounts are still right in millicents. */
const ready = () => (loading ??= loadConfig().catch(() => config()));

/** @type {Promise<any> | null} */
let loading = null;

/** @param {string} name @param {(props: WidgetProps) => any} View */
export function define(name, View) {
  if (customElements.get(name)) return;
  customElements.define(name, class extends HTMLElement {
    static observedAttributes = ATTRIBUTES;

    /** @type {GetToken | null} */
    #own = null;
    /** @type {GetToken | null} */
    #ofAttribute = null;
    #turn = 0;
    #place = this.attachShadow({ mode: "open" });

    constructor() {
      super();
      this.#place.adoptedStyleSheets = [sheet()];
    }

    /** A function that gives the token, for this element alone. */
    get getToken() {
      return this.#own;
    }

    set getToken(getToken) {
      this.#own = getToken;
      this.draw();
    }

    /** Asks the service again. */
    refresh() {
      this.#turn += 1;
      this.draw();
    }

    connectedCallback() {
      if (Object.hasOwn(this, "getToken")) {
        // It was set before this class was known.
        const { getToken } = /** @type {any} */ (this);
        delete (/** @type {any} */ (this).getToken);
        this.#own = getToken;
      }
      shown.add(this);
      this.draw();
    }

    disconnectedCallback() {
      shown.delete(this);
      render(null, this.#place);
    }

    /** @param {string} name @param {string | null} _ @param {string | null} value */
    attributeChangedCallback(name, _, value) {
      if (name === "token") this.#ofAttribute = value ? () => value : null;
      this.draw();
    }

    draw() {
      if (!this.isConnected) return;
      const getToken = this.#own ?? this.#ofAttribute ?? provided;
      const given = Object.fromEntries(ATTRIBUTES.map((each) => [each, this.getAttribute(each)]));
      const onError = (/** @type {any} */ error) => this.#tell(error);
      render(html`<${Widget}>${getToken ? html`<${Ready} View=${View} given=${given} bearer=${bearerFor(getToken)} turn=${this.#turn} onError=${onError} />` : null}<//>`, this.#place);
    }

    /** @param {any} error */
    #tell(error) {
      const detail = { status: error.status ?? 0, code: error.code ?? null, message: error.message, request_id: error.requestId ?? null };
      this.dispatchEvent(new CustomEvent("millicent-error", { detail, bubbles: true, composed: true }));
    }
  });
}

/** The element once the currency is known. @param {WidgetProps & {View: (props: WidgetProps) => any}} props */
function Ready({ View, ...props }) {
  const [isReady, setReady] = useState(false);
  useEffect(() => {
    ready().then(() => setReady(true));
  }, []);
  return isReady ? html`<${View} ...${props} />` : null;
}

/**
 * The answer to a question about the account of the element. @param {WidgetProps} props @param {string} path below the account: "/entries"
 * @param {import("../api.js").Query} [query] @returns {import("../load.js").Loading}
 */
export function useAccount({ given, bearer, turn, onError }, path, query = {}) {
  const ask = async (/** @type {AbortSignal} */ signal) => {
    const account = await accountOf(given, bearer);
    const asked = (/** @type {string} */ of) => call("GET", `${of}${path}`, { query, signal, bearer });
    return asked(account).catch(async (error) => {
      // The page gave another token on the way, which may be somebody else's.
      const present = await accountOf(given, bearer);
      if (present === account) throw error;
      return asked(present);
    });
  };
  const answer = useLoaded(ask, [given.actor, bearer, turn, path, JSON.stringify(query)], everyMs(given.refresh));
  useEffect(() => {
    if (answer.error && !isNoAccount(answer.error)) onError(answer.error);
  }, [answer.error]);
  return answer;
}

/** How often to ask again, of the attribute; null for never. @param {string | null} seconds */
const everyMs = (seconds) => (Number(seconds) > 0 ? Math.max(SHORTEST_REFRESH_S, Number(seconds)) * 1000 : null);

/** The account that was named, or that of whose token it is. Raises ApiError without a token. @param {Record<string, string | null>} given @param {UsersBearer} bearer */
export async function accountOf(given, bearer) {
  const actor = given.actor || (await bearer.subject());
  if (!actor) throw new ApiError(401, REASON_NO_TOKEN, null);
  return `/v1/accounts/${inPath(actor)}`;
}

/** A whole number from an attribute. @param {string | null} text @param {number} otherwise @param {number} most */
export function wholeNumber(text, otherwise, most) {
  const found = Number(text);
  return text && Number.isInteger(found) && found > 0 ? Math.min(found, most) : otherwise;
}
