/** Answers of the API for a page: there, failed, or on their way. */
import { call } from "./api.js";
import { useStore } from "./follow.js";
import { turns } from "./live.js";
import { session } from "./session.js";
import { useCallback, useEffect, useRef, useState } from "./ui.js";

/**
 * @typedef {object} Loading
 * @property {any} data             the answer; the last one while the next is on its way
 * @property {any} error            an ApiError
 * @property {boolean} isLoading
 * @property {() => void} again     asks once more
 */

/**
 * What `load` gives. It is asked again when one of `follows` changes, and after a new sign-in; an older question is
 * aborted, so that a late answer never replaces a newer one. With `everyMs` it is asked again and again, each time that long after the answer,
 * but not after a refusal that would only be repeated.
 * @param {(signal: AbortSignal) => Promise<any>} load @param {unknown[]} follows @param {number | null} [everyMs] @returns {Loading}
 */
export function useLoaded(load, follows, everyMs = null) {
  const { count } = useStore(session);
  const [asked, setAsked] = useState(0);
  const [state, setState] = useState(/** @type {{data: any, error: any, isLoading: boolean}} */ ({ data: null, error: null, isLoading: true }));
  const newest = useRef(load);
  newest.current = load;
  useEffect(() => {
    const aborter = new AbortController();
    const { signal } = aborter;
    const ask = () => {
      setState((before) => ({ ...before, isLoading: true }));
      return newest.current(signal).then(
        (data) => {
          if (!signal.aborted) setState({ data, error: null, isLoading: false });
        },
        (error) => {
          if (!signal.aborted) setState({ data: null, error, isLoading: false });
          return !error.isFinal;
        },
      );
    };
    if (everyMs === null) ask();
    else turns(ask, signal, everyMs);
    return () => aborter.abort();
  }, [...follows, asked, count, everyMs]);
  const again = useCallback(() => setAsked((before) => before + 1), []);
  return { ...state, again };
}

/**
 * The answer of a GET. A null path asks nothing.
 * @param {string | null} path @param {import("./api.js").Query} [query] @returns {Loading}
 */
export function useCall(path, query = {}) {
  const ask = (/** @type {AbortSignal} */ signal) => (path === null ? Promise.resolve(null) : call("GET", path, { query, signal }));
  return useLoaded(ask, [path, JSON.stringify(query)]);
}

/**
 * @typedef {object} Listing
 * @property {any[] | null} items    those that were loaded; null before the first page
 * @property {any} first             the first page as it was answered
 * @property {any} error
 * @property {boolean} isLoading
 * @property {boolean} hasMore
 * @property {() => void} more       loads the next page
 * @property {() => void} again
 */

/**
 * A listing, page by page. A page of the service may be short, or empty with a `next`: the next is then asked at once,
 * until there is something to show.
 * @param {string | null} path @param {import("./api.js").Query} [query] @returns {Listing}
 */
export function useList(path, query = {}) {
  const [later, setLater] = useState(/** @type {{of: any, items: any[], next: string | null, error: any, isLoading: boolean} | null} */ (null));
  const first = useLoaded(async (signal) => (path === null ? { items: [], next: null } : filled(path, query, null, signal)), [path, JSON.stringify(query)]);
  const mine = later?.of === first.data ? later : null;
  const next = mine ? mine.next : first.data?.next ?? null;
  const items = first.data ? [...first.data.items, ...(mine?.items ?? [])] : null;
  const asking = useRef(/** @type {string | null} */ (null));

  const more = () => {
    if (!next || !path || asking.current === next) return;
    asking.current = next;
    const of = first.data;
    const before = mine ?? { of, items: [], next, error: null, isLoading: false };
    setLater({ ...before, error: null, isLoading: true });
    filled(path, query, next, undefined).then(
      (page) => setLater({ of, items: [...before.items, ...page.items], next: page.next, error: null, isLoading: false }),
      (error) => setLater({ ...before, error, isLoading: false }),
    ).finally(() => {
      asking.current = null;
    });
  };
  return {
    items, first: first.data, error: first.error ?? mine?.error ?? null, isLoading: first.isLoading || Boolean(mine?.isLoading),
    hasMore: Boolean(next), more, again: first.again,
  };
}

const EMPTY_PAGES = 10;

/** @param {string} path @param {import("./api.js").Query} query @param {string | null} after @param {AbortSignal} [signal] */
async function filled(path, query, after, signal) {
  let page = await call("GET", path, { query: { ...query, after }, signal });
  for (let tried = 1; tried < EMPTY_PAGES && page.items.length === 0 && page.next; tried += 1) {
    page = await call("GET", path, { query: { ...query, after: page.next }, signal });
  }
  return { ...page, next: page.next ?? null };
}

/** The present time in milliseconds, again every `everyMs`. @param {number} [everyMs] */
export function useNow(everyMs = 1000) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** A value once it has not changed for `pauseMs`. @template T @param {T} value @param {number} [pauseMs] @returns {T} */
export function useSettled(value, pauseMs = 150) {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(() => value), pauseMs);
    return () => clearTimeout(timer);
  }, [value, pauseMs]);
  return settled;
}
