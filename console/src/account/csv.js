/** Pages of a statement, put together. */

/** The `after` of the next page, of a header `Link`: `</v1/accounts/a/entries?after=NA>; rel="next"`. @param {string | null} header */
export function nextOf(header) {
  const found = /<([^>]*)>\s*;\s*rel="?next"?/.exec(header ?? "");
  return found ? new URLSearchParams(found[1].split("?")[1] ?? "").get("after") : null;
}

/** Every page begins with the heading, of which a file needs one. @param {string} text */
export const withoutHeading = (text) => text.slice(text.indexOf("\n") + 1);
