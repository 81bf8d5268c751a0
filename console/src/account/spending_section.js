/** What an account spent, by day, stacked by meter, app, model or member. */
import { inPath } from "../api.js";
import { useCall, useLoaded } from "../load.js";
import { millicentsText, sum } from "../money.js";
import { Bars } from "../parts/bars.js";
import { Chart } from "../parts/chart.js";
import { Failed, Loaded, Section } from "../parts/page.js";
import { Money } from "../parts/values.js";
import { choose, link } from "../router.js";
import { spendingByDay } from "../spending.js";
import { lastDays, periodText } from "../time.js";
import { html, useEffect, useMemo, useState } from "../ui.js";

const PERIODS = [["7", "7 days"], ["30", "30 days"], ["90", "90 days"]];
const GROUPINGS = ["meter", "app", "model"];
const MOST_BARS = 12;
const FILTERS = new Set(GROUPINGS);

/** The period that an address asks for. @param {Record<string, string>} query */
export function usePeriod(query) {
  const count = PERIODS.some(([value]) => value === query.days) ? Number(query.days) : 30;
  return useMemo(() => ({ count, ...lastDays(count) }), [count]);
}

/** @param {{actor: string, query: Record<string, string>, hasMembers: boolean, spent: number, version: number}} props `spent` is the newest entry that counts, `version` grows when everything is asked again */
export function Spending({ actor, query, hasMembers, spent, version }) {
  const { count, from, to } = usePeriod(query);
  const groupings = hasMembers ? [...GROUPINGS, "member"] : GROUPINGS;
  const by = groupings.includes(query.by) ? query.by : "meter";
  const path = `/v1/accounts/${inPath(actor)}/usage`;
  const totals = useCall(path, { group_by: by, from, to });
  const [points, setPoints] = useState(/** @type {import("../series.js").Point[]} */ ([]));
  const byDay = useLoaded((signal) => spendingByDay({ path, by, from, to, signal, onPoints: setPoints }), [actor, by, from, to]);
  const again = () => {
    totals.again();
    byDay.again();
  };
  useEffect(() => {
    if (version) again();
  }, [version]);
  const isBehind = totals.data && totals.data.counted_through < spent;
  const note = html`${periodText(from, to)}${totals.data && html`, counted through entry ${totals.data.counted_through}${isBehind && html`, not yet through entry ${spent} <button type="button" class="plain" onClick=${again}>Ask again</button>`}`}`;
  const actions = html`<${Choice} label="Group by" now=${by} of=${groupings.map((each) => [each, each])} choose=${(/** @type {string} */ value) => choose({ by: value })} />
    <${Choice} label="Period" now=${String(count)} of=${PERIODS} choose=${(/** @type {string} */ value) => choose({ days: value })} />`;
  const open = FILTERS.has(by) ? (/** @type {string} */ name) => link("accounts", actor, { ...query, entry: null, [by]: name }) : undefined;
  return html`<${Section} title="Spending by ${by}" note=${note} actions=${actions}>
    <${Loaded} of=${totals} empty=${isBehind ? "Nothing is counted in this period yet. The newest entries are counted within some ten seconds." : "Nothing was spent in this period."}>
      ${(/** @type {any} */ answer) => html`<${Total} answer=${answer} />
        ${byDay.error ? html`<${Failed} error=${byDay.error} again=${byDay.again} />`
          : html`<${Chart} points=${byDay.data ?? points} isLoading=${!byDay.data} from=${from} to=${to} label=${`Spending by day and ${by}`} none=${`without a ${by}`} />`}
        <${Bars} open=${open} none=${by === "member" ? "the account itself" : `without a ${by}`}
          items=${largest(answer.items).slice(0, MOST_BARS).map((each) => ({ name: each[by] ?? null, amount: each.net, note: html`<span class="dim small">${each.count} ×</span>` }))} />`}
    <//>
  <//>`;
}

/** @param {any[]} items */
const largest = (items) => [...items].sort((one, other) => Number(other.net) - Number(one.net));

/** The sum of a complete listing of the service; nothing where there is more of it. @param {{answer: any}} props */
function Total({ answer }) {
  if (answer.next) return null;
  const [charged, refunded, net] = ["charged", "refunded", "net"].map((name) => sum(answer.items.map((/** @type {any} */ each) => each[name])));
  return html`<p class="headline"><b><${Money} of=${net} /></b> <span class="dim">${millicentsText(net)} millicents: charged ${millicentsText(charged)}, refunded ${millicentsText(refunded)}</span></p>`;
}

/** @param {{label: string, now: string, of: string[][], choose: (value: string) => void}} props */
export const Choice = ({ label, now, of, choose: take }) => html`<div class="segmented" role="group" aria-label=${label}>
  ${of.map(([value, text]) => html`<button key=${value} type="button" aria-pressed=${value === now ? "true" : "false"} onClick=${() => take(value)}>${text}</button>`)}
</div>`;
