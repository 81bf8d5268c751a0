/** Filters of entries, from an address. */
import { plusDays } from "../time.js";

/** What the API is asked for, of what an address says. Days are days in UTC, the last included. @param {Record<string, string>} query */
export function filterOf(query) {
  const isDay = (/** @type {string | undefined} */ text) => /^\d{4}-\d\d-\d\d$/.test(text ?? "");
  return {
    kind: query.kind, app: query.app, meter: query.meter, model: query.model,
    from: isDay(query.from) ? `${query.from}T00:00:00Z` : undefined,
    to: isDay(query.to) ? `${plusDays(query.to, 1)}T00:00:00Z` : undefined,
  };
}
