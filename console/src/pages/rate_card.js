/** A rate card: its prices now, its versions, and what changed between two. */
import { list } from "../api.js";
import { useCall, useLoaded } from "../load.js";
import { Loaded, Page, Section } from "../parts/page.js";
import { By, Differences, PriceTable, Since } from "../parts/prices.js";
import { Table } from "../parts/table.js";
import { Badge, Fields, Name, Unknown, When } from "../parts/values.js";
import { differences } from "../prices.js";
import { choose, link } from "../router.js";
import { html, useId } from "../ui.js";

const PAGE = 100;
const MOST_VERSIONS = 1000;
const KNOWN = ["card", "version", "meter", "model", "aliases", "matched_model", "prices", "request_price", "minimum_charge", "effective_from", "made_at", "by"];

/** @param {import("../pages.js").PageProps} props */
export function View({ query }) {
  const meter = query.meter ?? "llm";
  const model = query.model ?? null;
  const name = model ? `${meter} / ${model}` : meter;
  const lead = html`<a href=${link("rates")}>Rates</a>`;
  return html`<${Page} title=${name} lead=${lead} actions=${html`<a class="button" href=${link("rates", { meter, model })}>Quote</a>`}>
    <${Now} meter=${meter} model=${model} />
    <${Versions} meter=${meter} model=${model} query=${query} />
  <//>`;
}

/** What prices usage of this name now, whichever card that is. @param {{meter: string, model: string | null}} props */
function Now({ meter, model }) {
  const found = useCall("/v1/rates", { meter, model, limit: 1 });
  const none = "No card has a price for this name. Usage of it is refused as unpriced.";
  return html`<${Section} title="In effect now" note=${found.data?.in_effect?.card}>
    <${Loaded} of=${found} isEmpty=${(/** @type {any} */ data) => !data.in_effect} empty=${none}>
      ${(/** @type {any} */ { in_effect: card }) => html`<div class="panel-body"><${Fields} of=${fieldsOf(card, model)} /><${Unknown} of=${card} known=${KNOWN} /></div><${PriceTable} of=${card} />`}
    <//>
  <//>`;
}

/** @param {any} card @param {string | null} model @returns {[string, any][]} */
function fieldsOf(card, model) {
  /** @type {[string, any][]} */
  const fields = [["Since", html`<${Since} of=${card} />`], ["By", html`<${By} of=${card.by} />`]];
  if (card.matched_model && card.matched_model !== model) fields.push(["The name is taken for", html`<${Name} of=${card.matched_model} />`]);
  if (card.aliases?.length) fields.push(["Also for", html`<span class="name">${card.aliases.join(", ")}</span>`]);
  return fields;
}

/** @param {{meter: string, model: string | null, query: Record<string, string>}} props */
function Versions({ meter, model, query }) {
  const found = useLoaded(async (signal) => {
    const items = [];
    for await (const each of list("/v1/rates", { meter, model, limit: PAGE }, { signal, most: MOST_VERSIONS })) items.unshift(each);
    return { items: items.filter((each) => (each.model ?? null) === model) };
  }, [meter, model]);
  return html`<${Loaded} of=${found} empty="This tenant has no card of its own under this name.">
    ${(/** @type {any} */ { items }) => html`<div class="stack">${items.length > 1 && html`<${Changes} versions=${items} query=${query} />`}
      <${Section} title="Versions" note="a version never changes; usage has the price of the one that was in effect when it occurred">
        <${Table} label="Versions" rows=${items} columns=${COLUMNS} keyOf=${(/** @type {any} */ row) => row.card} />
      <//></div>`}
  <//>`;
}

/** @type {import("../parts/table.js").Column<any>[]} */
const COLUMNS = [
  { name: "Version", cell: (row) => html`${row.version} ${Date.parse(row.effective_from) > Date.now() && html`<${Badge} of="not yet" />`}` },
  { name: "In effect since", cell: (row) => html`<${Since} of=${row} />` },
  { name: "Made", cell: (row) => html`<${When} at=${row.made_at} />`, isMinor: true },
  { name: "By", cell: (row) => html`<${By} of=${row.by} />`, isMinor: true },
];

/** @param {{versions: any[], query: Record<string, string>}} props */
function Changes({ versions, query }) {
  const version = (/** @type {string | undefined} */ wanted, /** @type {any} */ otherwise) => versions.find((each) => String(each.version) === wanted) ?? otherwise;
  const [before, after] = [version(query.from, versions[1]), version(query.to, versions[0])];
  const found = differences(before, after);
  const actions = html`<${Pick} label="From" now=${before} versions=${versions} pick=${(/** @type {string} */ from) => choose({ from, to: String(after.version) })} />
    <${Pick} label="to" now=${after} versions=${versions} pick=${(/** @type {string} */ to) => choose({ from: String(before.version), to })} />`;
  return html`<${Section} title="What changed" actions=${actions}>
    ${found.length ? html`<${Differences} of=${found} />` : html`<p class="empty">These versions have the same prices.</p>`}
  <//>`;
}

/** @param {{label: string, now: any, versions: any[], pick: (version: string) => void}} props */
function Pick({ label, now, versions, pick }) {
  const id = useId();
  return html`<label class="pick" for=${id}>${label} <select id=${id} class="select" value=${String(now.version)} onChange=${(/** @type {any} */ event) => pick(event.target.value)}>
    ${versions.map((each) => html`<option key=${each.version} value=${String(each.version)}>version ${each.version}</option>`)}
  </select></label>`;
}
