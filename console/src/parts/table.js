/** A table with a keyboard: up and down move through its rows, enter opens one. */
import { go } from "../router.js";
import { html, useRef } from "../ui.js";

/**
 * @template Row
 * @typedef {object} Column
 * @property {string} name
 * @property {(row: Row) => any} cell
 * @property {boolean} [isNumber]     right-aligned, in figures of one width
 * @property {boolean} [isMinor]      left out on a narrow screen
 */

/**
 * @param {object} props
 * @param {any[]} props.rows
 * @param {Column<any>[]} props.columns
 * @param {string} [props.label]                       for screen readers
 * @param {(row: any) => string} [props.keyOf]
 * @param {(row: any) => string | null} [props.open]   the address of a row, which enter and a click open
 * @param {boolean} [props.hasMore]
 * @param {() => void} [props.more]
 * @param {boolean} [props.isLoading]
 */
export function Table({ rows, columns, label, keyOf, open, hasMore = false, more, isLoading = false }) {
  const body = useRef(/** @type {HTMLElement | null} */ (null));
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest("tr");
    const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (step && row && event.target === row) {
      const all = [...(body.current?.children ?? [])];
      const next = /** @type {HTMLElement | undefined} */ (all[all.indexOf(row) + step]);
      if (next) next.focus();
      event.preventDefault();
    } else if (event.key === "Enter" && event.target === row) {
      const address = row?.dataset.open;
      if (address) go(address);
    }
  };
  const onClick = (/** @type {MouseEvent} */ event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("a, button, input, summary") || String(getSelection())) return;
    const address = target.closest("tr")?.dataset.open;
    if (address) go(address);
  };
  return html`<div class="table-around">
    <table class="table rows" aria-label=${label}>
      <thead><tr>${columns.map((column) => html`<th key=${column.name} scope="col" class=${classOf(column)}>${column.name}</th>`)}</tr></thead>
      <tbody ref=${body} onKeyDown=${onKeyDown} onClick=${onClick}>
        ${rows.map((row, index) => html`<tr key=${keyOf ? keyOf(row) : index} tabindex="0" data-open=${open?.(row)} class=${open?.(row) ? "is-link" : ""}>
          ${columns.map((column) => html`<td key=${column.name} class=${classOf(column)} data-name=${column.name}>${column.cell(row)}</td>`)}
        </tr>`)}
      </tbody>
    </table>
    ${hasMore && html`<button type="button" class="button more" disabled=${isLoading} onClick=${more}>${isLoading ? "Loading more" : "More"}</button>`}
  </div>`;
}

/** @param {Column<any>} column */
const classOf = (column) => `${column.isNumber ? "number" : ""} ${column.isMinor ? "minor" : ""}`.trim();
