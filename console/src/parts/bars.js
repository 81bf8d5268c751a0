/** Lengths for people, beside figures that are exact. */
import { compare, share } from "../money.js";
import { html } from "../ui.js";
import { Amount, Name } from "./values.js";

/**
 * Names and amounts, as they come. `open` is the address of a name.
 * @param {{items: {name: string | null, amount: string, note?: any}[], none?: string, open?: (name: string) => string}} props
 */
export function Bars({ items, none = "without a name", open }) {
  const longest = items.reduce((most, each) => (compare(each.amount, most) > 0 ? each.amount : most), "0");
  return html`<ol class="bars">
    ${items.map((each) => html`<li key=${each.name ?? "\u0000"}>
      <div class="bar-text">
        ${each.name && open ? html`<a href=${open(each.name)}><${Name} of=${each.name} /></a>` : html`<${Name} of=${each.name} none=${none} />`}
        <span class="bar-amount">${each.note}<${Amount} of=${each.amount} /></span>
      </div>
      <div class="bar" aria-hidden="true"><div style=${{ width: `${share(each.amount, longest) * 100}%` }}></div></div>
    </li>`)}
  </ol>`;
}

/** The used part of a whole. @param {{used: string, of: string, label: string}} props */
export function Gauge({ used, of, label }) {
  const part = share(used, of);
  const tone = part >= 1 ? "bad" : part >= 0.8 ? "warn" : "";
  return html`<div class="gauge ${tone}" role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(part * 100)}>
    <div style=${{ width: `${part * 100}%` }}></div>
  </div>`;
}
