/** An entry explained: before, after, which grant paid, which limit decided, who, and how its price came about. */
import { call, inPath } from "../api.js";
import { useCall, useLoaded } from "../load.js";
import { microcents } from "../money.js";
import { Gauge } from "../parts/bars.js";
import { Dialog } from "../parts/dialog.js";
import { Failed, Loaded } from "../parts/page.js";
import { Amount, Badge, Fields, Id, Name, Raw, Unknown, When } from "../parts/values.js";
import { link } from "../router.js";
import { can } from "../session.js";
import { html } from "../ui.js";
import { limitText, refundable } from "./actions.js";
import { changes, drawnOf, priceSteps, priceSum, quotable } from "./arithmetic.js";
import { folded } from "./fold.js";

const KNOWN = [
  "key", "seq", "kind", "actor", "by", "amount", "available_before", "available_after", "held_before", "held_after", "at", "outcome", "hash",
  "app", "drawn", "meter", "metadata", "reason", "hold", "settings", "low_balance", "limit", "member", "parent", "usage", "rate_card", "model",
  "adjustment", "cost_usd", "cost_money", "exchange_rate", "carry_before", "carry_after", "merged", "not_restored", "occurred_at", "charge", "check_id",
];
/** @type {Record<string, string>} */
const GRANTS_OF = {
  charge: "Paid by", capture: "Paid by", hold: "Set aside out of", refund: "Returned to", release: "Returned to", void: "Taken out of",
  grant: "Added to", funding_update: "Added to, or taken out of", allowance: "Added to",
};
const CHARGES = new Set(["charge", "capture"]);

/**
 * @param {object} props
 * @param {string} props.actor
 * @param {string} props.entryKey
 * @param {any[]} props.known                  the entries that are loaded, for the line that it is in
 * @param {Record<string, string>} props.query  of the page, for links to other entries
 * @param {Map<number, string[]>} props.proved  what was proved of entries: where each differs from its record
 * @param {() => void} props.close
 * @param {import("./standing.js").Act} props.act
 */
export function Explained({ actor, entryKey, known, query, proved, close, act }) {
  const found = useCall(`/v1/operations/${inPath(entryKey)}`, { actor });
  const line = folded(known).find((each) => each.entries.some((one) => one.key === entryKey));
  return html`<${Dialog} title=${html`Entry <bdi>${entryKey}</bdi>`} close=${close} wide=${true}>
    ${line && line.entries.length > 1 && html`<${Line} of=${line.entries} at=${entryKey} addressOf=${(/** @type {string} */ key) => link("accounts", actor, { ...query, entry: key })} />`}
    <${Loaded} of=${found} isEmpty=${() => false}>
      ${(/** @type {any} */ { entry, balance, problem }) => html`<div class="explained">
        <${Summary} entry=${entry} />
        ${problem && html`<${Refusal} problem=${problem} />`}
        ${entry.limit && html`<${Decided} limit=${entry.limit} isRefused=${entry.outcome === "refused"} />`}
        <${Balances} entry=${entry} balance=${balance} />
        <${Paid} entry=${entry} />
        <${Price} entry=${entry} />
        <${Others} entry=${entry} />
        <${Proof} entry=${entry} differs=${proved.get(entry.seq)} />
        ${mayRefund(entry) && html`<footer class="dialog-foot"><button type="button" class="button" disabled=${refundable(entry, known) === "0"} onClick=${() => act("refund", { entry, known })}>${refundable(entry, known) === "0" ? "Refunded" : "Refund"}</button></footer>`}
      </div>`}
    <//>
  <//>`;
}

/** @param {any} entry */
const mayRefund = (entry) => CHARGES.has(entry.kind) && entry.outcome !== "refused" && !entry.member && microcents(entry.amount) !== 0n && can("credits/charge");

/** The entries of the same piece of work. @param {{of: any[], at: string, addressOf: (key: string) => string}} props */
const Line = ({ of, at, addressOf }) => html`<nav aria-label="Entries of this work"><ol class="work">
  ${of.map((each) => html`<li key=${each.key}><a href=${addressOf(each.key)} aria-current=${each.key === at ? "true" : undefined}><${Badge} of=${each.kind} /> <${Amount} of=${each.amount} isPlain=${true} isChange=${true} /> <span class="dim small"><${When} at=${each.at} /></span></a></li>`)}
</ol></nav>`;

/** @param {{entry: any}} props */
function Summary({ entry }) {
  return html`<p class="summary"><${Badge} of=${entry.kind} /> <${Badge} of=${entry.outcome} /> <b><${Amount} of=${entry.amount} isChange=${true} /></b>
      ${entry.reason && html`<span><${Name} of=${entry.outcome === "refused" ? entry.reason.replaceAll("_", " ") : entry.reason} /></span>`}</p>
    <${Fields} of=${[
      ["Recorded", html`<${When} at=${entry.at} />, as entry ${entry.seq}`],
      ...(entry.occurred_at ? [["Occurred", html`<${When} at=${entry.occurred_at} /> <span class="dim small">which decides its price and its usage day</span>`]] : []),
      ["By", entry.by === "millicent" ? "the ledger itself, when it was due" : html`<${Id} of=${entry.by} />`],
      ["Key", html`<${Id} of=${entry.key} />`],
      ...(entry.charge ? [["Returns", html`<a href=${link("accounts", entry.actor, { entry: entry.charge })}><${Name} of=${entry.charge} /></a>`]] : []),
      ...(entry.check_id ? [["After the check", html`<${Id} of=${entry.check_id} />`]] : []),
      ...(entry.app ? [["App", html`<${Name} of=${entry.app} />`]] : []),
      ...(entry.meter ? [["Meter", html`<${Name} of=${entry.meter} />`]] : []),
      ...(entry.model ? [["Model", html`<${Name} of=${entry.model} />`]] : []),
      ...(entry.member ? [["Spent by the member", html`<a href=${link("accounts", entry.member)}><${Name} of=${entry.member} /></a>`]] : []),
      ...(entry.parent ? [["Paid too by", html`<a href=${link("accounts", entry.parent)}><${Name} of=${entry.parent} /></a>`]] : []),
    ]} />`;
}

/** @param {{problem: any}} props */
const Refusal = ({ problem }) => html`<section><h3>Why it was refused</h3>
  <p>${problem.detail ?? problem.title}</p>
  <${Fields} of=${["required", "available", "held", "shortfall", "largest_affordable", "funded"].filter((name) => problem[name] !== undefined && problem[name] !== null)
    .map((name) => [name.replaceAll("_", " "), html`<${Amount} of=${problem[name]} />`])} />
</section>`;

/** @param {{limit: any, isRefused: boolean}} props */
function Decided({ limit, isRefused }) {
  const isOfBalance = limit.amount === undefined || limit.amount === null;
  return html`<section><h3>${isRefused ? "What decided" : "The limit"}</h3>
    ${limit.account && html`<p>${isOfBalance ? "The balance or status of the parent" : "A limit of the parent"} <a href=${link("accounts", limit.account)}><${Name} of=${limit.account} /></a></p>`}
    ${!isOfBalance && html`<p><bdi>${limitText(limit)}</bdi>: <${Amount} of=${limit.used} isPlain=${true} /> of <${Amount} of=${limit.amount} /> were used${limit.resets_at && html`, resets <${When} at=${limit.resets_at} />`}</p>
      <${Gauge} used=${limit.used ?? "0"} of=${limit.amount} label=${`Used of ${limitText(limit)}`} />`}
    <${Unknown} of=${limit} known=${["account", "amount", "used", "window", "app", "meter", "model", "resets_at"]} />
  </section>`;
}

/** @param {{entry: any, balance: any}} props */
function Balances({ entry, balance }) {
  return html`<section><h3>Balances</h3><div class="table-around" tabindex="0" role="region" aria-label="Balances"><table class="table">
    <thead><tr><th scope="col"><span class="hidden">Balance</span></th><th scope="col" class="number">Before</th><th scope="col" class="number">Change</th><th scope="col" class="number">After</th></tr></thead>
    <tbody>
      ${changes(entry).map((each) => html`<tr key=${each.name}><th scope="row">${each.name}</th><td class="number"><${Amount} of=${each.before} isPlain=${true} /></td><td class="number"><${Amount} of=${each.change} isPlain=${true} isChange=${true} /></td><td class="number"><${Amount} of=${each.after} isPlain=${true} /></td></tr>`)}
      ${["spent", "funded"].map((name) => html`<tr key=${name}><th scope="row">${name === "spent" ? "Spent" : "Funded"}</th><td></td><td></td><td class="number"><${Amount} of=${balance[name]} isPlain=${true} /></td></tr>`)}
    </tbody>
  </table></div>
  ${entry.low_balance?.length > 0 && html`<p>It fell below the threshold${entry.low_balance.length > 1 ? "s" : ""} ${entry.low_balance.map((/** @type {string} */ each, /** @type {number} */ index) => html`${index > 0 && ", "}<${Amount} of=${each} />`)}.</p>`}
  ${entry.not_restored && entry.not_restored !== "0" && html`<p><${Amount} of=${entry.not_restored} /> did not return: the grants that paid have expired.</p>`}
  </section>`;
}

/** @param {{entry: any}} props */
function Paid({ entry }) {
  if (!entry.drawn?.length) return null;
  const { rest } = drawnOf(entry);
  const isOwed = CHARGES.has(entry.kind) && microcents(rest) > 0n;
  return html`<section><h3>${grantsTitle(entry)}</h3><div class="table-around" tabindex="0" role="region" aria-label="Grants"><table class="table">
    <thead><tr><th scope="col">Grant</th><th scope="col">Category</th><th scope="col" class="number">Priority</th><th scope="col">Expires</th><th scope="col" class="number">Amount</th></tr></thead>
    <tbody>
      ${entry.drawn.map((/** @type {any} */ each) => html`<tr key=${each.grant}><td><${Id} of=${each.grant} /></td><td><${Badge} of=${each.category} /></td><td class="number">${each.priority}</td><td><${When} at=${each.expires_at} /></td><td class="number"><${Amount} of=${each.amount} /></td></tr>`)}
      ${isOwed && html`<tr><td colspan="4">not by a grant: overdrawn</td><td class="number"><${Amount} of=${rest} /></td></tr>`}
    </tbody>
  </table></div></section>`;
}

/** @param {any} entry */
function grantsTitle({ kind, hold }) {
  if (kind === "expire") return hold ? "Returned to" : "Expired of";
  return GRANTS_OF[kind] ?? "Grants that it concerns";
}

/** @param {{entry: any}} props */
function Price({ entry }) {
  const names = ["cost_usd", "cost_money", "exchange_rate"].filter((name) => entry[name]);
  if (!entry.rate_card && names.length === 0) return null;
  const { meter: _meter, model: _model, ...quantities } = entry.usage ?? {};
  return html`<section><h3>Price</h3>
    <${Fields} of=${[
      ...(entry.rate_card ? [["Card and version", html`<a href=${link("rates", { meter: entry.usage?.meter, model: entry.model ?? entry.usage?.model })}><${Name} of=${entry.rate_card} /></a>`]] : []),
      ...(entry.adjustment ? [["Adjustment", html`<${Name} of=${entry.adjustment} />`]] : []),
      ...names.map((name) => [{ cost_usd: "In dollars", cost_money: "In currency", exchange_rate: "Exchange rate" }[name] ?? name, html`<${Raw} of=${entry[name]} />`]),
      ...Object.entries(quantities).map(([name, value]) => [name.replaceAll("_", " "), html`<span class="tabular"><${Raw} of=${value} /></span>`]),
      ...(entry.carry_before !== undefined && entry.carry_before !== null ? [["Carried", html`<span class="tabular">${entry.carry_before} → ${entry.carry_after} millicents</span> <span class="dim small">what was worth less than a microcent</span>`]] : []),
    ]} />
    ${quotable(entry) && CHARGES.has(entry.kind) && html`<${Arithmetic} entry=${entry} />`}
  </section>`;
}

/** The price again, from the same card at the same time, and whether it comes to what was recorded. @param {{entry: any}} props */
function Arithmetic({ entry }) {
  const quote = useLoaded((signal) => call("POST", "/v1/rates/quote", { body: { usage: quotable(entry), occurred_at: entry.occurred_at ?? entry.at }, signal }), [entry.key]);
  if (quote.error) return html`<p class="dim">The price cannot be computed again.</p><${Failed} error=${quote.error} />`;
  return html`<${Loaded} of=${quote} isEmpty=${() => false}>${(/** @type {any} */ answer) => {
    const isSame = answer.card === entry.rate_card && (answer.adjustment ?? null) === (entry.adjustment ?? null);
    if (!isSame) return html`<p class="dim">At that time the price is now that of <${Name} of=${answer.card} />${answer.adjustment && html` with <${Name} of=${answer.adjustment} />`}. A capture keeps the price of its hold, and a newer release may have corrected a price. So the arithmetic of this entry cannot be shown.</p>`;
    const total = priceSum(answer.items, entry);
    const hasCarry = total.carryBefore !== "0" || total.carryAfter !== "0";
    return html`<div class="table-around" tabindex="0" role="region" aria-label="Arithmetic of the price"><table class="table">
      <thead><tr><th scope="col">Quantity</th><th scope="col" class="number">Units × price</th><th scope="col" class="number">Millicents</th></tr></thead>
      <tbody>
        ${priceSteps(answer.items).map((each) => html`<tr key=${each.item}><th scope="row">${each.item.replaceAll("_", " ")}</th><td class="number">${each.arithmetic}</td><td class="number">${each.amount} ${!each.adds && html`<${Badge} of="does not add up" />`}</td></tr>`)}
        ${hasCarry && html`<tr><th scope="row">carried</th><td class="number">+ ${total.carryBefore} − ${total.carryAfter}</td><td class="number"></td></tr>`}
        <tr><th scope="row">together</th><td></td><td class="number"><b>${total.amount}</b></td></tr>
      </tbody>
    </table></div>
    <p class=${total.isRecorded ? "good-text" : "dim"}>${entry.outcome === "refused" ? "It was refused: nothing was taken." : total.isRecorded ? "This is the recorded amount, to the microcent." : html`Recorded were <${Amount} of=${entry.amount} />. A partial charge, a capture within its hold, or rounding to a microcent makes a difference.`}</p>`;
  }}<//>`;
}

/** @param {{entry: any}} props */
function Others({ entry }) {
  return html`${entry.hold && html`<section><h3>Hold</h3><${Fields} of=${Object.entries(entry.hold).filter(([name]) => name !== "actor").map(([name, value]) => [name.replaceAll("_", " "), name === "id" ? html`<${Id} of=${value} />` : name === "expires_at" ? html`<${When} at=${value} />` : name === "status" ? html`<${Badge} of=${value} />` : html`<${Amount} of=${value} />`])} /></section>`}
    ${entry.settings && html`<section><h3>What it set</h3><${Fields} of=${Object.entries(entry.settings).map(([name, value]) => [name.replaceAll("_", " "), html`<${Raw} of=${value} />`])} /></section>`}
    ${entry.merged && html`<section><h3>Grants that became one</h3><${Raw} of=${entry.merged} /></section>`}
    ${entry.metadata && html`<section><h3>Metadata</h3><${Raw} of=${entry.metadata} /></section>`}
    <${Unknown} of=${entry} known=${KNOWN} />`;
}

/** @param {{entry: any, differs: string[] | undefined}} props */
function Proof({ entry, differs }) {
  return html`<section><h3>Proof</h3>
    <${Fields} of=${[["Hash", html`<${Id} of=${entry.hash} />`]]} />
    <p class="dim">${differs === undefined ? "Not verified in this browser yet: see Proof on the page." : differs.length === 0 ? html`<span class="good-text">Its record was verified, and says what is shown here.</span>` : html`<span class="bad-text">It is shown otherwise than it is recorded: ${differs.join(", ")}.</span>`}</p>
  </section>`;
}
