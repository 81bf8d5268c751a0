/** What was spent, by whom, what was refused, and what needs somebody. */
import { call } from "../api.js";
import { useCall, useLoaded } from "../load.js";
import { compare, millicentsText, minus, sum } from "../money.js";
import { Bars } from "../parts/bars.js";
import { Chart } from "../parts/chart.js";
import { Empty, Failed, Loaded, Page, Section } from "../parts/page.js";
import { Table } from "../parts/table.js";
import { Amount, Badge, Money, Name, When } from "../parts/values.js";
import { choose, link } from "../router.js";
import { spendingByDay } from "../spending.js";
import { lastDays, monthOf, periodText, utcDay } from "../time.js";
import { html, useMemo, useRef, useState } from "../ui.js";

/**
 * @typedef {import("../../types/api.js").components["schemas"]["TenantUsagePage"]} TenantUsagePage
 * @typedef {import("../../types/api.js").components["schemas"]["ActivityItem"]} ActivityItem
 * @typedef {import("../../types/api.js").components["schemas"]["ActivityPage"]} ActivityPage
 * @typedef {import("../../types/api.js").components["schemas"]["Alerts"]} Alerts
 */

const PERIODS = [["7", "7 days"], ["30", "30 days"], ["90", "90 days"]];
const TOP = 8;
const NEWEST = 12;
const EVERY_MS = 5000;

/** @param {import("../pages.js").PageProps} props */
export function View({ query }) {
  const count = PERIODS.some(([value]) => value === query.days) ? Number(query.days) : 30;
  const period = useMemo(() => lastDays(count), [count]);
  const actions = html`<div class="segmented" role="group" aria-label="Period">
    ${PERIODS.map(([value, text]) => html`<button key=${value} type="button" aria-pressed=${Number(value) === count ? "true" : "false"} onClick=${() => choose({ days: value })}>${text}</button>`)}
  </div>`;
  return html`<${Page} title="Overview" actions=${actions}>
    <${Spending} ...${period} />
    <div class="grid">
      <div class="span-6"><${Spenders} /></div>
      <div class="span-6"><${Attention} /></div>
      <div class="span-12"><${Live} /></div>
    </div>
  <//>`;
}

/** Spend by day, stacked by meter. @param {{from: string, to: string}} props */
function Spending({ from, to }) {
  const totals = useCall("/v1/usage", { group_by: "meter", from, to });
  const [points, setPoints] = useState(/** @type {import("../series.js").Point[]} */ ([]));
  const byDay = useLoaded((signal) => spendingByDay({ from, to, signal, onPoints: setPoints }), [from, to]);
  const isComplete = Boolean(byDay.data);
  const note = html`${periodText(from, to)}${totals.data?.counted_at && html`, counted at <${When} at=${totals.data.counted_at} />`}`;
  return html`<${Section} title="Spending by meter" note=${note}>
    <${Loaded} of=${totals} empty=${whyEmpty(totals.data, "Nothing was spent in this period.")}>
      ${(/** @type {TenantUsagePage} */ answer) => html`<${Total} answer=${answer} />
        ${byDay.error ? html`<${Failed} error=${byDay.error} again=${byDay.again} />`
          : html`<${Chart} points=${isComplete ? byDay.data : points} from=${from} to=${to} isLoading=${!isComplete} label="Spending by day and meter" none="without a meter" />`}`}
    <//>
  <//>`;
}

/**
 * What was spent in all: of a complete listing, or nothing where there is more of it. What a parent pays for a member is
 * on the records of both, so it is taken off once.
 * @param {{answer: TenantUsagePage}} props
 */
function Total({ answer }) {
  if (answer.next) return null;
  const twice = answer.through_members.net;
  const recorded = sum(answer.items.map((each) => each.net));
  const spent = minus(recorded, twice);
  return html`<p class="headline"><b><${Money} of=${spent} /></b> <span class="dim">${millicentsText(spent)} millicents, refunds taken off</span>
    ${compare(twice, "0") !== 0 && html`<span class="dim">The bars show what accounts recorded, <${Money} of=${recorded} />: what a parent paid for a member, <${Money} of=${twice} />, is on the records of both.</span>`}
  </p>`;
}

/** That there is nothing, or that it is not counted yet. @param {TenantUsagePage | null} answer @param {string} nothing */
const whyEmpty = (answer, nothing) => (answer?.counted_at
  ? html`${nothing} The sums last changed at <${When} at=${answer.counted_at} />; they follow the ledger within about a minute.`
  : "Nothing is counted in this period yet. The sums follow the ledger within about a minute.");

/** The top spenders of today or of this month. */
function Spenders() {
  const [isMonth, setMonth] = useState(true);
  const today = utcDay(Date.now());
  const { from, to } = isMonth ? monthOf(today) : { from: today, to: today };
  const spenders = useCall("/v1/usage", { group_by: "actor", from, to, limit: TOP });
  const actions = html`<div class="segmented" role="group" aria-label="Period">
    <button type="button" aria-pressed=${isMonth ? "true" : "false"} onClick=${() => setMonth(true)}>This month</button>
    <button type="button" aria-pressed=${isMonth ? "false" : "true"} onClick=${() => setMonth(false)}>Today</button>
  </div>`;
  return html`<${Section} title="Top spenders" note=${periodText(from, to)} actions=${actions}>
    <${Loaded} of=${spenders} empty=${whyEmpty(spenders.data, "Nobody has spent anything in this period.")}>
      ${(/** @type {TenantUsagePage} */ answer) => html`<${Bars} open=${(/** @type {string} */ name) => link("accounts", name)}
        items=${answer.items.map((each) => ({ name: each.actor ?? null, amount: each.net }))} />`}
    <//>
  <//>`;
}

/** Refusals, balances below a threshold, holds that expire, failure queues. */
function Attention() {
  const alerts = useCall("/v1/alerts");
  const withheld = Object.values(/** @type {Alerts | null} */ (alerts.data)?.withheld ?? {});
  return html`<${Section} title="Needs attention" note=${alerts.data?.refused?.since && html`refusals since <${When} at=${alerts.data.refused.since} />`}>
    <${Loaded} of=${alerts} isEmpty=${isQuiet} empty="Nothing was refused, no balance crossed its threshold, and no hold is about to expire.">
      ${(/** @type {Alerts} */ answer) => html`<div class="panel-body alerts">
        <${AlertList} title="Refused" items=${answer.refused.items} isPart=${!answer.refused.complete}
          line=${(/** @type {Alerts["refused"]["items"][0]} */ each) => html`<${Who} of=${each.actor} /> <${Badge} of=${each.reason} /> <span class="tabular alert-figure">${each.count} ×</span>`} />
        <${AlertList} title="Below a threshold" items=${answer.low} isPart=${!answer.low_complete}
          line=${(/** @type {Alerts["low"][0]} */ each) => html`<${Who} of=${each.actor} /> <span class="alert-figure"><${Amount} of=${each.available} /> <span class="dim">below <${Amount} of=${each.threshold} isPlain=${true} /></span></span>`} />
        <${AlertList} title="Holds that expire soon" items=${answer.expiring_holds.items} isPart=${!answer.expiring_holds.complete}
          line=${(/** @type {Alerts["expiring_holds"]["items"][0]} */ each) => html`<${Who} of=${each.actor} /> <span class="alert-figure"><${Amount} of=${each.remaining} isPlain=${true} /> <${When} at=${each.expires_at} isDistance=${true} /></span>`} />
        <${AlertList} title="Failure queues" items=${queuesOf(answer)}
          line=${(/** @type {any} */ each) => html`<${Name} of=${each.name} /> <span class="tabular alert-figure">${each.messages} messages</span>`} />
      </div>`}
    <//>
    ${withheld.map((reason) => html`<p key=${reason} class="panel-body dim small">Not shown: ${reason}</p>`)}
  <//>`;
}

/** @param {Alerts} answer */
const queuesOf = (answer) => (answer.failure_queues ?? []).filter((each) => each.messages > 0);

/** @param {Alerts} answer */
const isQuiet = (answer) => [answer.low, answer.refused.items, answer.expiring_holds.items, queuesOf(answer)].every((items) => items.length === 0);

const SHOWN = 5;

/** @param {{title: string, items: any[] | undefined, line: (item: any) => any, isPart?: boolean}} props */
function AlertList({ title, items, line, isPart = false }) {
  const [isAll, setAll] = useState(false);
  if (!items?.length) return null;
  const shown = isAll ? items : items.slice(0, SHOWN);
  return html`<div>
    <h3>${title} <span class="dim small">${isPart ? "among those that were read" : ""}</span></h3>
    <ul class="alert-list">${shown.map((each, index) => html`<li key=${index}>${line(each)}</li>`)}</ul>
    ${items.length > shown.length && html`<button type="button" class="plain" onClick=${() => setAll(true)}>${items.length - shown.length} more</button>`}
  </div>`;
}

/** @param {{of: string}} props */
const Who = ({ of }) => html`<a href=${link("accounts", of)}><${Name} of=${of} /></a>`;

/** The newest entries and checks, as they come while somebody looks. */
function Live() {
  const newest = useLoaded((signal) => call("GET", "/v1/activity", { query: { limit: NEWEST }, signal }), [], EVERY_MS);
  const shown = useRef(/** @type {any} */ (null));
  if (newest.data) shown.current = newest.data;
  const calm = { ...newest, isLoading: false, data: newest.data ?? (newest.error ? null : shown.current) };
  return html`<${Section} title="Live" note="newest first, asked again every 5 seconds">
    <${Loaded} of=${calm} empty=${html`Nothing has happened lately. <code>millicent fund</code> or the API makes the first entry.`}>
      ${(/** @type {ActivityPage} */ answer) => html`<${Table} label="Newest activity" rows=${answer.items} columns=${ACTIVITY}
        keyOf=${(/** @type {ActivityItem} */ row) => row.id} open=${(/** @type {ActivityItem} */ row) => link("accounts", row.actor)} />`}
    <//>
  <//>`;
}

/** @type {import("../parts/table.js").Column<ActivityItem>[]} */
export const ACTIVITY = [
  { name: "When", cell: (row) => html`<${When} at=${row.at} />` },
  { name: "Account", cell: (row) => html`<${Who} of=${row.actor} />` },
  { name: "What", cell: (row) => html`<${Badge} of=${row.kind ?? row.type} /> ${row.outcome && row.outcome !== "applied" && html`<${Badge} of=${row.outcome} />`} ${row.reason && html`<span class="dim">${row.reason.replaceAll("_", " ")}</span>`}` },
  { name: "Meter", cell: (row) => html`<${Name} of=${row.meter} />`, isMinor: true },
  { name: "Amount", cell: (row) => html`<${Amount} of=${row.amount} isChange=${true} />`, isNumber: true },
  { name: "Available after", cell: (row) => html`<${Amount} of=${row.available_after} isPlain=${true} />`, isNumber: true, isMinor: true },
];
