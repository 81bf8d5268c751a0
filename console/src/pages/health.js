/** Whether the deployment answers, whether its record holds, and what waits for somebody. */
import { call } from "../api.js";
import { config } from "../config.js";
import { fault, read } from "../digests.js";
import { useCall, useLoaded } from "../load.js";
import { Empty, Failed, Loaded, Page, Section } from "../parts/page.js";
import { Table } from "../parts/table.js";
import { Badge, Fields, Id, Name, When } from "../parts/values.js";
import { numberText } from "../prices.js";
import { can } from "../session.js";
import { html } from "../ui.js";

const SHOWN_DIGESTS = 10;
const NOT_FOUND = 404;
/** How `millicent dlq` calls a queue that the deployment names "<stack>-<name>-failures" or the like. */
const QUEUES = ["outbox", "rule", "audit", "usage", "schedule", "ingest"];

export const View = () => html`<${Page} title="Health">
  <div class="grid">
    <div class="span-5"><${Service} /></div>
    <div class="span-7"><${Queues} /></div>
  </div>
  <${Digests} />
  <${Reconciliation} />
<//>`;

function Service() {
  const health = useCall("/v1/health");
  return html`<${Section} title="Service">
    <${Loaded} of=${health} isEmpty=${() => false}>
      ${(/** @type {any} */ answer) => html`<div class="panel-body"><${Fields} of=${[
        ["Status", html`<${Badge} of=${answer.status} />`],
        ["Build", config().version ? html`<${Id} of=${config().version} />` : html`<span class="dim">not named</span>`],
      ]} /></div>`}
    <//>
  <//>`;
}

/** Messages that a function could not process. They are the deployment's, so only administrators are told. */
function Queues() {
  const alerts = useCall(can("credits/admin") ? "/v1/alerts" : null);
  const note = "messages that a function could not process";
  if (!can("credits/admin")) {
    return html`<${Section} title="Failure queues" note=${note}><${Empty}>Failure queues are those of the whole deployment. They are told to the scope <code>credits/admin</code>, which this token does not have.<//><//>`;
  }
  return html`<${Section} title="Failure queues" note=${note}>
    <${Loaded} of=${alerts} isEmpty=${(/** @type {any} */ { failure_queues: queues }) => queues?.length === 0} empty="No failure queue has a message.">
      ${(/** @type {any} */ answer) => (answer.failure_queues ? html`<${Waiting} queues=${answer.failure_queues} />` : html`<${Empty}>They are not told: ${answer.withheld?.failure_queues ?? "the answer does not have them"}.<//>`)}
    <//>
  <//>`;
}

/** @param {{queues: any[]}} props */
const Waiting = ({ queues }) => html`<div class="panel-body">
  <ul class="alert-list">${queues.map((each) => html`<li key=${each.name}><${Name} of=${each.name} /> <span class="tabular alert-figure">${numberText(each.messages)} ${each.messages === 1 ? "message" : "messages"}</span>
    <div class="commands"><${Id} of=${`millicent dlq show ${commandName(each.name)}`} /><${Id} of=${`millicent dlq redrive ${commandName(each.name)}`} /></div></li>`)}</ul>
  <p class="dim">The API has no call that sends them again. When the cause is mended, <code>redrive</code> does, from a terminal with rights in the AWS account. Repeating it is safe.</p>
</div>`;

/** @param {string} name */
const commandName = (name) => QUEUES.find((each) => name.toLowerCase().includes(each)) ?? name;

/** The newest digests, whose signatures and links are checked in this browser. */
function Digests() {
  const digests = useLoaded(newestDigests, []);
  const isNone = digests.error?.status === NOT_FOUND;
  return html`<${Section} title="Digests" note="a signed hash over the newest entry of every account, checked in this browser">
    ${isNone ? html`<${Empty}>There is no digest yet. One is made every day; <code>millicent digest make</code> makes one now.<//>` : html`<${Loaded} of=${digests} isEmpty=${() => false}>
      ${(/** @type {Shown} */ { items, isPart }) => html`<${Verdict} of=${items} />
        <${Table} label="Digests" rows=${items} columns=${DIGESTS} keyOf=${(/** @type {any} */ row) => String(row.number)} />
        ${isPart && html`<p class="panel-body dim">These are the newest ${items.length}. <code>millicent digest verify --kept</code> checks all that you have kept.</p>`}`}
    <//>`}
  <//>`;
}

/** @typedef {{items: (import("../digests.js").Digest & {wrong: string | null})[], isPart: boolean}} Shown */

/** @param {AbortSignal} signal @returns {Promise<Shown>} */
async function newestDigests(signal) {
  const one = async (/** @type {number | string} */ number) => read(await call("GET", `/v1/digests/${number}`, { signal }));
  const newest = await one("latest");
  const count = Math.min(SHOWN_DIGESTS, newest.number - 1);
  const older = await Promise.all(Array.from({ length: count }, (_, index) => one(newest.number - 1 - index)));
  const all = [newest, ...older];
  const shown = all.slice(0, SHOWN_DIGESTS).map((each, index) => ({ ...each, wrong: fault(each, all[index + 1]) }));
  return { items: shown, isPart: all.length > shown.length };
}

/** @param {{of: Shown["items"]}} props */
function Verdict({ of }) {
  const wrong = of.filter((each) => each.wrong);
  const contradicted = of.filter((each) => each.regressions > 0);
  if (wrong.length) return html`<${Failed} error=${{ title: "A digest does not hold", message: wrong.map((each) => `Number ${each.number}: ${each.wrong}.`).join(" ") }} />`;
  if (contradicted.length) {
    const text = `Number ${contradicted.map((each) => each.number).join(", ")} says that histories were rewritten since the digest before. The log of the digest function names the accounts.`;
    return html`<${Failed} error=${{ title: "A digest contradicts the one before", message: text }} />`;
  }
  return html`<p class="panel-body"><${Badge} of="ok" /> The newest was made <${When} at=${of[0]?.made_at} isDistance=${true} />. Each of these has the signature of its key, and follows from the one before. Compare the key's fingerprint with the one that you have kept.</p>`;
}

/** @type {import("../parts/table.js").Column<any>[]} */
const DIGESTS = [
  { name: "Number", cell: (row) => row.number },
  { name: "Made", cell: (row) => html`<${When} at=${row.made_at} />` },
  { name: "Accounts", cell: (row) => row.count, isNumber: true },
  { name: "Rewritten histories", cell: (row) => row.regressions, isNumber: true, isMinor: true },
  { name: "Holds", cell: (row) => html`<${Badge} of=${row.wrong ? "failed" : "ok"} />` },
  { name: "Key", cell: (row) => html`<${Id} of=${row.fingerprint} short=${true} />`, isMinor: true },
];

/** What the API does not tell, and who does. */
const Reconciliation = () => html`<${Section} title="Reconciliation">
  <p class="panel-body">The reconciler compares every account with its entries, its audit rows and its sums each day. The API does not tell what it found: the
    alarm <code>findings</code> and the log of its function do. From a terminal with rights in the AWS account, this runs it now: <${Id} of="millicent verify" /></p>
<//>`;
