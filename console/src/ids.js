/** Ids in the paths of calls and of the console's own addresses. */

/**
 * An id as a segment of a path of the API: percent-encoded, or in the second spelling ("~~a~2Fb") where a gateway would
 * change even that. docs/api.md describes both.
 * @param {string} id
 */
export function inPath(id) {
  const encoded = encodeURIComponent(id);
  if (!/[/?%]|^\.\.?$/.test(id)) return encoded;
  return `~~${encoded.replace(/~/g, "%7E").replace(/%/g, "~")}`;
}
