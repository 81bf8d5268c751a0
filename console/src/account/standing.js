/** What an account has and why: its figures, grants, holds, limits, and what is set. */
import { microcents, minus, sum } from "../money.js";
import { Gauge } from "../parts/bars.js";
import { Empty, Section } from "../parts/page.js";
import { Amount, Badge, Fields, Id, Money, Name, Unknown, When } from "../parts/values.js";
import { link } from "../router.js";
import { can } from "../session.js";
import { html, useState } from "../ui.js";
import { limitText } from "./actions.js";
import { isBelow } from "./arithmetic.js";

/** @typedef {(name: string, subject?: any) => void} Act  opens the dialog of an action */

const KNOWN = [
  "actor", "available", "held", "funded", "spent", "overdraft_limit", "seq", "grants", "holds", "status", "time_zone",
  "low_balance_thresholds", "limits", "allowance", "parent", "updated_at", "low",
];
const FIRST = 20;

/** @param {{account: any}} props */
export function Figures({ account }) {
  const expired = minus(account.funded, sum([account.available, account.held, account.spent]));
  const isOverdrawn = microcents(account.available) < 0n;
  const others = [["Held", account.held, "set aside for work that goes on"], ["Spent", account.spent, "by charges and captures, less refunds"], ["Funded", account.funded, "in all, by funding and grants"]];
  return html`<dl class="figures" aria-label="Balances">
    <div class="figure ${isOverdrawn ? "bad" : ""}"><dt>Available</dt><dd><${Money} of=${account.available} />
      <span class="under"><${Amount} of=${account.available} isPlain=${true} /> millicents, as of entry ${account.seq}</span></dd></div>
    ${others.map(([name, amount, note]) => html`<div class="figure" key=${name}><dt>${name}</dt><dd><${Money} of=${amount} /> <span class="under">${note}</span></dd></div>`)}
    ${microcents(expired) !== 0n && html`<div class="figure"><dt>Expired</dt><dd><${Money} of=${expired} /> <span class="under">of grants that were not spent in time</span></dd></div>`}
  </dl>`;
}

/** In the order in which they are spent, which is that of the API. @param {{account: any, act?: Act}} props */
export function Grants({ account, act }) {
  const grants = account.grants ?? [];
  return html`<${Section} title="Grants" note="spent from the first to the last">
    ${grants.length === 0 ? html`<${Empty}>No grant is open.<//>` : html`<ol class="panel-body item-list">
      ${grants.map((/** @type {any} */ grant) => html`<li key=${grant.id}>
        <div class="row-text"><span><${Id} of=${grant.id} /> <${Badge} of=${grant.category} /> <span class="dim">priority ${grant.priority}</span></span>
          <span class="row-figure"><${Amount} of=${grant.remaining} /> <span class="dim">of <${Amount} of=${grant.amount} isPlain=${true} /></span></span></div>
        <${Share} part=${grant.remaining} of=${grant.amount} label=${`Left of ${grant.id}`} />
        <div class="row-text dim small"><span>${grant.expires_at ? html`expires <${When} at=${grant.expires_at} isDistance=${true} />, <${When} at=${grant.expires_at} />` : "never expires"}</span>
          ${act && can("credits/fund") && html`<button type="button" class="plain" aria-label=${`Void ${grant.id}`} onClick=${() => act("void", grant)}>Void</button>`}</div>
        <${Unknown} of=${grant} known=${["id", "amount", "remaining", "priority", "category", "expires_at"]} />
      </li>`)}
    </ol>`}
  <//>`;
}

/** @param {{part: string, of: string, label: string}} props */
function Share({ part, of, label }) {
  const width = microcents(of) > 0n ? Number((microcents(part) * 1000n) / microcents(of)) / 10 : 0;
  return html`<div class="bar" role="img" aria-label=${`${label}: ${Math.round(width)} %`}><div style=${{ width: `${Math.min(100, Math.max(0, width))}%` }}></div></div>`;
}

/** @param {{account: any, act?: Act}} props */
export function Holds({ account, act }) {
  const [isAll, setAll] = useState(false);
  const holds = [...(account.holds ?? [])].sort((one, other) => Date.parse(one.expires_at) - Date.parse(other.expires_at));
  const shown = isAll ? holds : holds.slice(0, FIRST);
  return html`<${Section} title="Open holds" note=${holds.length > 0 && `${holds.length}, the next to expire first`}>
    ${holds.length === 0 ? html`<${Empty}>No hold is open: nothing is set aside.<//>` : html`<ul class="panel-body item-list">
      ${shown.map((hold) => html`<li key=${hold.id}>
        <div class="row-text"><span><${Id} of=${hold.id} /> ${hold.status !== "open" && html`<${Badge} of=${hold.status} />`}</span>
          <span class="row-figure"><${Amount} of=${hold.remaining} />${microcents(hold.captured) > 0n && html` <span class="dim">left, <${Amount} of=${hold.captured} isPlain=${true} /> captured</span>`}</span></div>
        <div class="row-text dim small"><span>expires <${When} at=${hold.expires_at} isDistance=${true} />, <${When} at=${hold.expires_at} /></span>
          ${act && can("credits/charge") && html`<button type="button" class="plain" aria-label=${`Release ${hold.id}`} onClick=${() => act("release", hold)}>Release</button>`}</div>
        <${Unknown} of=${hold} known=${["id", "actor", "amount", "captured", "remaining", "status", "expires_at"]} />
      </li>`)}
      ${holds.length > shown.length && html`<li><button type="button" class="plain" onClick=${() => setAll(true)}>${holds.length - shown.length} more</button></li>`}
    </ul>`}
  <//>`;
}

/** @param {{account: any, act?: Act}} props */
export function Limits({ account, act }) {
  const limits = account.limits ?? [];
  const actions = act && can("credits/fund") && html`<button type="button" class="button" onClick=${() => act("limits")}>Change</button>`;
  return html`<${Section} title="Spending limits" note="used includes what is held" actions=${actions}>
    ${limits.length === 0 ? html`<${Empty}>No limit: it may spend what it has.<//>` : html`<ul class="panel-body item-list">
      ${limits.map((/** @type {any} */ limit) => html`<li key=${limitText(limit)}>
        <div class="row-text"><bdi class="name">${limitText(limit)}</bdi>
          <span class="row-figure"><${Amount} of=${limit.used} isPlain=${true} /> <span class="dim">of</span> <${Amount} of=${limit.amount} /></span></div>
        <${Gauge} used=${limit.used ?? "0"} of=${limit.amount} label=${`Used of ${limitText(limit)}`} />
        <div class="row-text dim small"><span>${resetText(limit)}</span></div>
        <${Unknown} of=${limit} known=${["amount", "window", "app", "meter", "model", "used", "resets_at"]} />
      </li>`)}
    </ul>`}
  <//>`;
}

/** @param {any} limit */
function resetText(limit) {
  if (!limit.window) return "never resets";
  if (!limit.resets_at) return "nothing is counted in its window";
  const verb = String(limit.window).startsWith("P") ? "the first amount leaves" : "resets";
  return html`${verb} <${When} at=${limit.resets_at} isDistance=${true} />, <${When} at=${limit.resets_at} />`;
}

/** Allowance, thresholds, overdraft, parent and members. @param {{account: any, members: any[], period: string, act?: Act}} props */
export function Settings({ account, members, period, act }) {
  const mayFund = act && can("credits/fund");
  const button = (/** @type {string} */ name, /** @type {string} */ text) => mayFund && html`<button type="button" class="plain" onClick=${() => act(name)}>${text}</button>`;
  const actions = mayFund && html`<button type="button" class="button" onClick=${() => act("settings")}>Change</button>`;
  const thresholds = account.low_balance_thresholds ?? [];
  return html`<${Section} title="Settings" actions=${actions}>
    <div class="panel-body">
      <${Fields} of=${[
        ["Status", html`<${Badge} of=${account.status ?? "open"} /> ${account.status === "frozen" ? button("unfreeze", "Open") : button("freeze", "Freeze")}`],
        ["Allowance", html`<${Allowance} of=${account.allowance} /> ${button("allowance", account.allowance ? "Change" : "Set")} ${account.allowance && button("end_allowance", "End")}`],
        ["Warns below", thresholds.length ? html`<ul class="inline">${thresholds.map((/** @type {any} */ each) => html`<li key=${each}><${Amount} of=${each} /> ${isBelow(account, each) && html`<${Badge} of="low" />`}</li>`)}</ul>` : "no threshold"],
        ["May be overdrawn by", html`<${Amount} of=${account.overdraft_limit} />`],
        ["Time zone", html`${account.time_zone ?? "UTC"} <span class="dim small">of its limits and allowance</span>`],
        ["Parent", html`${account.parent ? html`<a href=${link("accounts", account.parent)}><${Name} of=${account.parent} /></a> <span class="dim small">pays with it</span>` : "none"} ${account.parent ? button("leave", "Leave") : button("join", "Join")}`],
        ...(members.length ? [/** @type {[string, any]} */ (["Members", html`<${Members} of=${members} period=${period} />`])] : []),
      ]} />
      <${Unknown} of=${account} known=${KNOWN} />
    </div>
  <//>`;
}

/** @param {{of: any}} props */
function Allowance({ of }) {
  if (!of) return "none";
  const rolls = microcents(of.rollover_maximum ?? "0") > 0n;
  return html`<${Amount} of=${of.amount} /> ${of.interval}, priority ${of.priority}${of.next_at && html`, next <${When} at=${of.next_at} />`}${rolls && html`, rolls over at most <${Amount} of=${of.rollover_maximum} isPlain=${true} />`}`;
}

/** Those that spent with it in a period: the API has no list of members. @param {{of: any[], period: string}} props */
const Members = ({ of, period }) => html`<ul class="inline">${of.map((each) => html`<li key=${each.member}><a href=${link("accounts", each.member)}><${Name} of=${each.member} /></a> <${Amount} of=${each.net} /></li>`)}</ul>
  <span class="dim small">that spent in ${period}</span>`;
