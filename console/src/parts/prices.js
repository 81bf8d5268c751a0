/** Prices of a card, for people. */
import { config } from "../config.js";
import { currencyText } from "../money.js";
import { numberText, perText, priced } from "../prices.js";
import { html } from "../ui.js";
import { Table } from "./table.js";
import { Amount, Badge, Id, Name, Raw, Unknown, When } from "./values.js";

/** A price for so many units: "250,000 $2.50 per 1M". @param {{of: {price: string, per?: number}}} props */
export function PriceOf({ of }) {
  const { amount, per } = priced(of);
  return html`<span class="price"><${Amount} of=${amount} /> <span class="dim">${perText(per)}</span></span>`;
}

/** Millicents as a decimal text, which may be finer than a microcent. @param {{of: string}} props */
export function Exact({ of }) {
  return html`<span class="amount"><span class="millicents" title="millicents">${numberText(of)}</span> ${isWhole(of) && html`<span class="currency">${currencyText(of, config())}</span>`}</span>`;
}

/** @param {string} text */
const isWhole = (text) => /^-?\d+(\.\d{1,3})?$/.test(text);

/** All prices of a card. @param {{of: import("../prices.js").RateCard}} props */
export function PriceTable({ of }) {
  const rows = Object.entries(of.prices).map(([name, price]) => ({ name, ...price }));
  const own = [["for each request", of.request_price], ["at least, for each request", of.minimum_charge]].filter(([, price]) => Number(price) > 0);
  return html`<${Table} label="Prices" keyOf=${(/** @type {any} */ row) => row.name} columns=${PRICES}
    rows=${[...rows, ...own.map(([name, price]) => ({ name, price, per: 1, isOwn: true }))]} />`;
}

const KNOWN = ["name", "price", "per", "isOwn", "part_of", "tiers", "tier_mode", "tiers_by", "minimum_units"];

/** @type {import("./table.js").Column<any>[]} */
const PRICES = [
  { name: "Quantity", cell: (row) => (row.isOwn ? html`<span class="dim">${row.name}</span>` : html`<${Name} of=${row.name} />`) },
  { name: "Price", cell: (row) => html`<${PriceOf} of=${row} />`, isNumber: true },
  { name: "Details", cell: (row) => html`<${Details} of=${row} />` },
];

/** @param {{of: any}} props */
const Details = ({ of }) => html`
  ${of.part_of?.length > 0 && html`<span class="dim">part of ${of.part_of.join(", ")}</span> `}
  ${of.tiers?.length > 0 && html`<${Tiers} of=${of.tiers} mode=${of.tier_mode} by=${of.tiers_by} per=${of.per} />`}
  ${Number(of.minimum_units ?? 0) > 0 && html`<span class="dim">at least ${numberText(of.minimum_units)} units</span> `}
  <${Unknown} of=${of} known=${KNOWN} />`;

/** @param {{of: {above: string, price: string}[], mode?: string, by?: string | null, per: number}} props */
const Tiers = ({ of, mode = "graduated", by, per }) => html`<ul class="tiers">
  ${of.map((tier) => html`<li key=${tier.above}><span class="dim">above ${numberText(tier.above)}${by ? ` ${by}` : ""}</span> <${PriceOf} of=${{ price: tier.price, per }} /></li>`)}
  <li class="dim small">${{ graduated: "for the units above", volume: "for all units" }[mode] ?? mode}</li>
</ul>`;

/** Where two versions differ. @param {{of: import("../prices.js").Difference[]}} props */
export const Differences = ({ of }) => html`<div class="differences"><${Table} label="Differences" rows=${of} columns=${DIFFERENCES} keyOf=${(/** @type {any} */ row) => `${row.quantity} ${row.field}`} /></div>`;

/** @type {import("./table.js").Column<any>[]} */
const DIFFERENCES = [
  { name: "What", cell: (row) => html`${row.quantity !== null && html`<${Name} of=${row.quantity} /> `}<span class=${row.quantity === null ? "" : "dim"}>${row.field.replaceAll("_", " ")}</span>` },
  { name: "Before", cell: (row) => html`<${Value} field=${row.field} of=${row.before} />`, isNumber: true },
  { name: "After", cell: (row) => html`<${Value} field=${row.field} of=${row.after} />`, isNumber: true },
  { name: "Change", cell: (row) => changeOf(row), isNumber: true },
];

/** @param {import("../prices.js").Difference} row */
function changeOf({ field, before, after, change }) {
  if (field === "price" && before === undefined) return html`<${Badge} of="new" />`;
  if (field === "price" && after === undefined) return html`<${Badge} of="removed" />`;
  return change ? html`<span class="tabular">${change}</span>` : null;
}

/** @param {{field: string, of: any}} props */
function Value({ field, of }) {
  if (of === undefined || of === null || (Array.isArray(of) && !of.length)) return html`<span class="dim">–</span>`;
  if (field === "price") return html`<${PriceOf} of=${of} />`;
  if (field === "request_price" || field === "minimum_charge") return html`<${PriceOf} of=${{ price: of, per: 1 }} />`;
  if (field === "tiers") return html`<ul class="tiers">${of.map((/** @type {any} */ tier) => html`<li>above ${numberText(tier.above)}: ${numberText(tier.price)}</li>`)}</ul>`;
  if (Array.isArray(of) && of.every((each) => typeof each === "string")) return html`<span class="name">${of.join(", ")}</span>`;
  return html`<${Raw} of=${of} />`;
}

/** Since when a version is in effect, and who made it. @param {{of: any}} props */
export const Since = ({ of }) => (of.effective_from ? html`<${When} at=${of.effective_from} />` : html`<span class="dim">as released</span>`);

/** @param {{of: string | null | undefined}} props */
export const By = ({ of }) => (of ? html`<${Id} of=${of} short=${true} />` : html`<span class="dim">built in</span>`);
