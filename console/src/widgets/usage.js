/** <millicent-usage days="30" by="meter">: what was spent by day, and on what. Days are days in UTC, as the service counts them. */
import { compare, currencyText, millicentsText, share, sum } from "../money.js";
import { config } from "../config.js";
import { Bars } from "../parts/bars.js";
import { Money } from "../parts/values.js";
import { days as daysOf, dayText, lastDays, periodText } from "../time.js";
import { html } from "../ui.js";
import { useAccount, wholeNumber } from "./element.js";
import { Shown } from "./states.js";

const DAYS = 30;
const MOST_DAYS = 90;
const GROUPS = ["meter", "app", "model", "member"];
const WIDTH = 600;
const HEIGHT = 120;
const GAP = 0.25;

/** @param {import("./element.js").WidgetProps} props */
export function Usage(props) {
  const count = wholeNumber(props.given.days, DAYS, MOST_DAYS);
  const { from, to } = lastDays(count);
  const by = GROUPS.includes(props.given.by ?? "") ? String(props.given.by) : GROUPS[0];
  const daily = useAccount(props, "/usage", { group_by: "day", from, to, limit: 100 });
  const named = useAccount(props, "/usage", { group_by: by, from, to, limit: 100 });
  const again = () => [daily, named].forEach((each) => each.again());
  return html`<${Shown} of=${{ ...daily, again }} isEmpty=${hasNone} empty=${`Nothing was spent in the last ${count} days.`}>
    ${(/** @type {any} */ answer) => html`
      <p class="label">Spent, ${periodText(from, to)}</p>
      <p class="headline" part="total"><${Money} of=${sum(answer.items.map(netOf))} /></p>
      <${Days} items=${answer.items} from=${from} to=${to} />
      <${Shown} of=${named} isEmpty=${hasNone} empty="">
        ${(/** @type {any} */ { items, next }) => html`<${Bars} none=${`without a ${by}`} items=${ranked(items).map((each) => ({ name: each[by] ?? null, amount: each.net }))} />
          ${next && html`<p class="dim">There are more than these ${items.length}.</p>`}`}
      <//>`}
  <//>`;
}

const netOf = (/** @type {any} */ each) => each.net;
const hasNone = (/** @type {any} */ { items }) => items.length === 0;

/** @param {any[]} items */
const ranked = (items) => [...items].sort((one, other) => compare(other.net, one.net));

/** A bar a day. The figures are in the titles and in a table for who cannot see it. @param {{items: any[], from: string, to: string}} props */
function Days({ items, from, to }) {
  const amounts = new Map(items.map((each) => [each.day, each.net]));
  const days = daysOf(from, to);
  const most = items.reduce((found, each) => (compare(each.net, found) > 0 ? each.net : found), "0");
  const step = WIDTH / days.length;
  return html`<svg class="days" part="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Spent by day, in a table below">
      ${days.map((day, index) => {
        const height = share(amounts.get(day) ?? "0", most) * HEIGHT;
        return html`<g key=${day}><title>${dayText(day)} (UTC): ${currencyText(amounts.get(day) ?? "0", config())}</title>
          <rect class="day" x=${index * step} y="0" width=${step} height=${HEIGHT} />
          <rect class="spent" x=${(index + GAP / 2) * step} y=${HEIGHT - height} width=${step * (1 - GAP)} height=${height} /></g>`;
      })}
    </svg>
    <table class="hidden"><caption>Spent by day in UTC</caption><thead><tr><th>Day</th><th>Millicents</th></tr></thead>
      <tbody>${days.map((day) => html`<tr key=${day}><td>${day}</td><td>${millicentsText(amounts.get(day) ?? "0")}</td></tr>`)}</tbody></table>`;
}
