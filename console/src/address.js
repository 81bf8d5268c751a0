/** Addresses of the console as texts, both ways. */

/** @typedef {{path: string, segments: string[], query: Record<string, string>}} Route */

/** @param {string} hash @returns {Route} */
export function parsed(hash) {
  const [path, words = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const segments = path.split("/").filter(Boolean).map(decoded);
  return { path: `/${segments.map(encodeURIComponent).join("/")}`, segments, query: Object.fromEntries(new URLSearchParams(words)) };
}

/** @param {string} segment */
function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/**
 * An address for `href`: link("accounts", "user:alice") or link("accounts", {status: "frozen"}).
 * @param {...(string | Record<string, string | number | boolean | null | undefined>)} parts
 */
export function link(...parts) {
  const names = parts.filter((part) => typeof part === "string");
  const query = Object.assign({}, ...parts.filter((part) => typeof part !== "string"));
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const words = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return `#/${names.map(encodeURIComponent).join("/")}${words && `?${words}`}`;
}

/**
 * The parameters of a path by its pattern: "/accounts/:actor" of ["accounts", "a"] gives {actor: "a"}; else null.
 * @param {string} pattern @param {string[]} segments @returns {Record<string, string> | null}
 */
export function matched(pattern, segments) {
  const wanted = pattern.split("/").filter(Boolean);
  if (wanted.length !== segments.length) return null;
  /** @type {Record<string, string>} */
  const found = {};
  for (const [index, name] of wanted.entries()) {
    if (name.startsWith(":")) found[name.slice(1)] = segments[index];
    else if (name !== segments[index]) return null;
  }
  return found;
}
