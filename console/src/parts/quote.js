/** What usage would cost: by quantities, or by a provider's own report. Nothing is charged. */
import { call } from "../api.js";
import { useCall, useSettled } from "../load.js";
import { requestOf, requestOfReport, unitsIn, unitsText } from "../quoting.js";
import { numberText, perText } from "../prices.js";
import { refine } from "../router.js";
import { html, useEffect, useRef, useState } from "../ui.js";
import { Field } from "./dialog.js";
import { Failed, Section } from "./page.js";
import { Exact } from "./prices.js";
import { Table } from "./table.js";
import { Amount, Fields, Name, Unknown } from "./values.js";

const KNOWN = ["amount", "hold", "card", "items", "adjustment", "carry_before", "carry_after"];
const USUAL = ["input_tokens", "output_tokens"];

/** @typedef {{isAsked: boolean, quote: any, error: any}} Answer */

/** @param {{query: Record<string, string>}} props */
export function Quote({ query }) {
  const [isReport, setReport] = useState(false);
  const [answer, setAnswer] = useState(/** @type {Answer} */ ({ isAsked: false, quote: null, error: null }));
  const asking = useRef(/** @type {AbortController | null} */ (null));
  useEffect(() => () => asking.current?.abort(), []);
  const ask = async (/** @type {() => object} */ request) => {
    asking.current?.abort();
    const { signal } = (asking.current = new AbortController());
    setAnswer((before) => ({ ...before, isAsked: true, error: null }));
    try {
      const quote = await call("POST", "/v1/rates/quote", { body: request(), signal });
      if (!signal.aborted) setAnswer({ isAsked: false, quote, error: null });
    } catch (error) {
      if (!signal.aborted) setAnswer({ isAsked: false, quote: null, error: readable(error) });
    }
  };
  const actions = html`<div class="segmented" role="group" aria-label="What the usage is">
    ${[[false, "Quantities"], [true, "A provider's report"]].map(([value, text]) => html`<button key=${text} type="button" aria-pressed=${value === isReport ? "true" : "false"} onClick=${() => setReport(Boolean(value))}>${text}</button>`)}
  </div>`;
  return html`<${Section} title="Quote" note="what usage would cost now; nothing is charged" actions=${actions}>
    <div class="quote">
      ${isReport ? html`<${ByReport} ask=${ask} isAsked=${answer.isAsked} />` : html`<${ByQuantities} query=${query} ask=${ask} isAsked=${answer.isAsked} />`}
      <div class="quote-answer" aria-live="polite">
        ${answer.error ? html`<${Failed} error=${answer.error} />` : answer.quote ? html`<${Quoted} of=${answer.quote} />` : html`<p class="empty">Name a meter and how much was used. The answer is the service's own arithmetic.</p>`}
      </div>
    </div>
  <//>`;
}

/** @param {any} error */
const readable = (error) => (error instanceof SyntaxError ? { title: "The report is no JSON", message: error.message } : error);

/** @typedef {{ask: (request: () => object) => void, isAsked: boolean}} FormProps */

/** @param {FormProps & {query: Record<string, string>}} props */
function ByQuantities({ query, ask, isAsked }) {
  const [meter, setMeter] = useState(query.meter ?? "llm");
  const [model, setModel] = useState(query.model ?? (query.meter ? "" : "gpt-4o"));
  const [actor, setActor] = useState(query.actor ?? "");
  const [units, setUnits] = useState(unitsIn(query.units));
  const [another, setAnother] = useState("");
  const names = useQuantities(meter, model, units);
  const quote = () => {
    refine({ meter: meter.trim(), model: model.trim(), actor: actor.trim(), units: unitsText(units) });
    ask(() => requestOf({ meter, model, units, actor }));
  };
  useEffect(() => {
    if (query.units) quote();
  }, []);
  const add = () => {
    const name = another.trim();
    if (name) setUnits({ ...units, [name]: units[name] ?? "" });
    setAnother("");
  };
  return html`<form class="quote-form" onSubmit=${submitted(quote)}>
    <${Text} label="Meter" now=${meter} set=${setMeter} />
    <${Text} label="Model" now=${model} set=${setModel} hint="Empty where the meter has no models" />
    ${names.map((name) => html`<${Text} key=${name} label=${name} now=${units[name] ?? ""} set=${(/** @type {string} */ typed) => setUnits({ ...units, [name]: typed })} isNumber=${true} />`)}
    <div class="quote-add">
      <${Text} label="Another quantity" now=${another} set=${setAnother} hint="max_output_tokens quotes a hold" />
      <button type="button" class="button" onClick=${add}>Add</button>
    </div>
    <${Text} label="Account" now=${actor} set=${setActor} hint="Optional: adds what its last operation left over below a microcent" />
    <button class="button primary" disabled=${isAsked}>Quote</button>
  </form>`;
}

/** The quantities that the card in effect has prices for, and those that were named. @param {string} meter @param {string} model @param {import("../quoting.js").Units} units */
function useQuantities(meter, model, units) {
  const [settledMeter, settledModel] = [useSettled(meter.trim(), 400), useSettled(model.trim(), 400)];
  const found = useCall(settledMeter ? "/v1/rates" : null, { meter: settledMeter, model: settledModel, limit: 1 });
  const priced = Object.keys(found.data?.in_effect?.prices ?? {});
  const offered = priced.length ? priced : found.data || !found.error ? (settledMeter === "llm" ? USUAL : []) : [];
  return [...new Set([...offered, ...Object.keys(units)])];
}

/** @param {FormProps} props */
function ByReport({ ask, isAsked }) {
  const [provider, setProvider] = useState("openai");
  const [model, setModel] = useState("");
  const [raw, setRaw] = useState("");
  return html`<form class="quote-form" onSubmit=${submitted(() => ask(() => requestOfReport({ provider, model, raw })))}>
    <${Text} label="Provider" now=${provider} set=${setProvider} hint="openai, anthropic, google, aws, azure, …" />
    <${Text} label="Model" now=${model} set=${setModel} hint="Empty for the one that the response names" />
    <div class="wide"><${Field} label="The response, or the usage in it" hint="JSON, as the provider sent it">
      ${(/** @type {string} */ id) => html`<textarea id=${id} class="input mono" rows="8" spellcheck="false" required value=${raw} onInput=${(/** @type {any} */ event) => setRaw(event.target.value)}></textarea>`}
    <//></div>
    <button class="button primary" disabled=${isAsked}>Quote</button>
  </form>`;
}

/** @param {() => void} work */
const submitted = (work) => (/** @type {Event} */ event) => {
  event.preventDefault();
  work();
};

/** @param {{label: string, now: string, set: (typed: string) => void, hint?: string, isNumber?: boolean}} props */
const Text = ({ label, now, set, hint, isNumber = false }) => html`<${Field} label=${label} hint=${hint}>
  ${(/** @type {string} */ id) => html`<input id=${id} class="input ${isNumber ? "tabular" : ""}" inputmode=${isNumber ? "decimal" : undefined} value=${now} autocomplete="off" spellcheck="false"
    onInput=${(/** @type {any} */ event) => set(event.target.value)} />`}
<//>`;

/** @param {{of: any}} props */
function Quoted({ of }) {
  const carried = of.carry_before !== undefined && of.carry_before !== null;
  /** @type {[string, any][]} */
  const fields = [
    ["Card", html`<${Name} of=${of.card} />`],
    ...(of.adjustment ? [/** @type {[string, any]} */ (["Adjustment", html`<${Name} of=${of.adjustment} />`])] : []),
    ["A hold of it", html`<${Amount} of=${of.hold} />`],
    ...(carried ? [/** @type {[string, any]} */ (["Left over below a microcent", html`<span class="tabular">${numberText(of.carry_before)} before, ${numberText(of.carry_after)} after</span>`])] : []),
  ];
  return html`<p class="headline"><b><${Amount} of=${of.amount} /></b></p>
    <${Table} label="How the amount is made" rows=${of.items} columns=${ITEMS} />
    <div class="panel-body"><${Fields} of=${fields} /><${Unknown} of=${of} known=${KNOWN} /></div>`;
}

/** @type {import("./table.js").Column<any>[]} */
const ITEMS = [
  { name: "Item", cell: (row) => html`<${Name} of=${row.item} />` },
  { name: "Units", cell: (row) => numberText(row.units), isNumber: true },
  { name: "Price", cell: (row) => html`${numberText(row.price)} <span class="dim">${perText(BigInt(row.per))}</span>`, isNumber: true },
  { name: "Millicents", cell: (row) => html`<${Exact} of=${row.amount} />`, isNumber: true },
];
