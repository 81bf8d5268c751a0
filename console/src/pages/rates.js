/** Rate cards, what usage would cost, and what adjusts the built-in prices. */
import { list } from "../api.js";
import { useList, useLoaded } from "../load.js";
import { Loaded, Page, Section } from "../parts/page.js";
import { By, PriceOf, Since } from "../parts/prices.js";
import { Quote } from "../parts/quote.js";
import { Table } from "../parts/table.js";
import { Badge, Name } from "../parts/values.js";
import { cardsOf, inEffect, numberText } from "../prices.js";
import { go, link } from "../router.js";
import { html, useState } from "../ui.js";

const MOST_VERSIONS = 2000;
const PAGE = 100;
const SHOWN_PRICES = 2;

/** @param {import("../pages.js").PageProps} props */
export const View = ({ query }) => html`<${Page} title="Rates">
  <${Quote} query=${query} />
  <${Cards} />
  <div class="grid">
    <div class="span-7"><${Adjustments} /></div>
    <div class="span-5"><${Currencies} /></div>
  </div>
<//>`;

/** All versions are read, since a page of the listing may end between two of one card. */
function Cards() {
  const versions = useLoaded(async (signal) => {
    const items = [];
    for await (const each of list("/v1/rates", { limit: PAGE }, { signal, most: MOST_VERSIONS })) items.push(each);
    return { items };
  }, []);
  const none = html`This tenant has no rate card of its own. Models of the meter <code>llm</code> have the list prices of the built-in card; other usage has no price
    until <code>millicent rates put</code> or <code>PUT /v1/rates</code> gives it one.`;
  return html`<${Section} title="Rate cards" note="of this tenant; a card for a name goes before the built-in list prices" actions=${html`<${LookUp} />`}>
    <${Loaded} of=${versions} empty=${none}>
      ${(/** @type {any} */ { items }) => html`<${Table} label="Rate cards" rows=${cardsOf(items).map(shown)} columns=${CARDS} keyOf=${(/** @type {any} */ row) => addressOf(row)} open=${addressOf} />
        ${items.length >= MOST_VERSIONS && html`<p class="panel-body dim">These are the first ${numberText(MOST_VERSIONS)} versions. Look a name up to see others.</p>`}`}
    <//>
  <//>`;
}

/** @param {ReturnType<typeof cardsOf>[number]} card */
const shown = (card) => ({ ...card, now: inEffect(card.versions, Date.now()) });

const addressOf = (/** @type {any} */ row) => link("rates", "card", { meter: row.meter, model: row.model });

/** @type {import("../parts/table.js").Column<any>[]} */
const CARDS = [
  { name: "Card", cell: (row) => html`<a href=${addressOf(row)}><${Name} of=${row.meter} />${row.model && html` / <${Name} of=${row.model} />`}</a>` },
  { name: "In effect", cell: (row) => (row.now ? html`version ${row.now.version} <span class="dim">since <${Since} of=${row.now} /></span>` : html`<${Badge} of="not yet" />`) },
  { name: "Versions", cell: (row) => row.versions.length, isNumber: true, isMinor: true },
  { name: "Prices", cell: (row) => html`<${Summary} of=${row.now ?? row.versions[0]} />`, isMinor: true },
];

/** @param {{of: import("../prices.js").RateCard}} props */
function Summary({ of }) {
  const all = Object.entries(of.prices);
  const more = all.length - SHOWN_PRICES;
  return html`<ul class="tiers">${all.slice(0, SHOWN_PRICES).map(([name, price]) => html`<li key=${name}><span class="dim">${name}</span> <${PriceOf} of=${price} /></li>`)}
    ${more > 0 && html`<li class="dim">and ${more} more</li>`}</ul>`;
}

/** The price of a name, whichever card has it. */
function LookUp() {
  const [meter, setMeter] = useState("llm");
  const [model, setModel] = useState("");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (meter.trim()) go(link("rates", "card", { meter: meter.trim(), model: model.trim() }));
  };
  return html`<form class="look-up" role="search" onSubmit=${submit}>
    <input class="input" aria-label="Meter" placeholder="Meter" value=${meter} onInput=${(/** @type {any} */ event) => setMeter(event.target.value)} autocomplete="off" spellcheck="false" />
    <input class="input" aria-label="Model" placeholder="Model, such as gpt-4o" value=${model} onInput=${(/** @type {any} */ event) => setModel(event.target.value)} autocomplete="off" spellcheck="false" />
    <button class="button">Look up</button>
  </form>`;
}

function Adjustments() {
  const all = useList("/v1/rates/adjustments", { limit: PAGE });
  return html`<${Section} title="Adjustments" note="of the built-in prices; the most exact one applies">
    <${Loaded} of=${all} empty=${html`The built-in prices are as their list has them. <code>PUT /v1/rates/adjustments</code> adds a discount or a margin.`}>
      ${(/** @type {any[]} */ items) => html`<${Table} label="Adjustments" rows=${items.map((each) => ({ ...each, isNow: all.first.in_effect?.includes(each.adjustment) }))} columns=${ADJUSTMENTS}
        keyOf=${(/** @type {any} */ row) => row.adjustment} hasMore=${all.hasMore} more=${all.more} isLoading=${all.isLoading} />`}
    <//>
  <//>`;
}

/** @type {import("../parts/table.js").Column<any>[]} */
const ADJUSTMENTS = [
  { name: "Adjustment", cell: (row) => html`<${Name} of=${row.adjustment} /> ${row.isNow && html`<${Badge} of="in effect" />`} ${row.active === false && html`<${Badge} of="off" />`}` },
  { name: "For", cell: (row) => html`<span class="dim">${forText(row)}</span>` },
  { name: "Price", cell: (row) => html`<span class="tabular">${formula(row)}</span>`, isNumber: true },
  { name: "Since", cell: (row) => html`<${Since} of=${row} />` },
];

/** @param {any} row */
const forText = (row) => ["provider", "model", "service_tier", "meter", "currency"].filter((name) => row[name]).map((name) => `${name.replace("_", " ")} ${row[name]}`).join(", ") || "everything";

/** The list price, and what is made of it. @param {any} row */
function formula(row) {
  const parts = [`× ${numberText(row.multiplier)}`];
  if (Number(row.per_dollar) !== 1) parts.unshift(`× ${numberText(row.per_dollar)}`);
  if (Number(row.request_price) > 0) parts.push(`+ ${numberText(row.request_price)}`);
  if (Number(row.minimum_charge) > 0) parts.push(`at least ${numberText(row.minimum_charge)}`);
  return parts.join(" ");
}

function Currencies() {
  const all = useList("/v1/rates/currencies", { limit: PAGE });
  return html`<${Section} title="Currencies" note="what one unit is worth in dollars">
    <${Loaded} of=${all} empty=${html`Costs in dollars need none. <code>PUT /v1/rates/currencies</code> gives another currency its rate.`}>
      ${(/** @type {any[]} */ items) => html`<${Table} label="Currencies" rows=${items} columns=${CURRENCIES} keyOf=${(/** @type {any} */ row) => `${row.currency}@${row.version}`}
        hasMore=${all.hasMore} more=${all.more} isLoading=${all.isLoading} />`}
    <//>
  <//>`;
}

/** @type {import("../parts/table.js").Column<any>[]} */
const CURRENCIES = [
  { name: "Currency", cell: (row) => html`<${Name} of=${row.currency} /> <span class="dim">version ${row.version}</span>` },
  { name: "Dollars", cell: (row) => numberText(row.rate), isNumber: true },
  { name: "Since", cell: (row) => html`<${Since} of=${row} />`, isMinor: true },
  { name: "By", cell: (row) => html`<${By} of=${row.by} />`, isMinor: true },
];
