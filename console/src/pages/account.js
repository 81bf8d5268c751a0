/** An account: what it has and why, what it spent, its entries, and what may be done. */
import { inPath } from "../api.js";
import { ActionDialog } from "../account/action_dialog.js";
import { nothingYet } from "../account/actions.js";
import { nextChange } from "../account/due.js";
import { Explained } from "../account/explain.js";
import { newestSpending } from "../account/fold.js";
import { ProofSection } from "../account/proof_section.js";
import { Spending, usePeriod } from "../account/spending_section.js";
import { Figures, Grants, Holds, Limits, Settings } from "../account/standing.js";
import { Statement } from "../account/statement.js";
import { Timeline, useEntries } from "../account/timeline.js";
import { useShortcut } from "../keys.js";
import { useCall } from "../load.js";
import { Empty, Failed, Loading, Page } from "../parts/page.js";
import { Badge } from "../parts/values.js";
import { choose } from "../router.js";
import { can } from "../session.js";
import { periodText } from "../time.js";
import { html, useCallback, useEffect, useState } from "../ui.js";

const NOT_FOUND = 404;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** So that the clocks of browser and service may differ a little. */
const LATE_MS = 1500;

/** @param {import("../pages.js").PageProps} props */
export function View({ params, query }) {
  return query.view === "statement" ? html`<${Statement} actor=${params.actor} query=${query} />` : html`<${AccountPage} actor=${params.actor} query=${query} />`;
}

/** @param {{actor: string, query: Record<string, string>}} props */
function AccountPage({ actor, query }) {
  const found = useCall(`/v1/accounts/${inPath(actor)}`);
  const entries = useEntries(actor, query);
  const [version, setVersion] = useState(0);
  const [action, setAction] = useState(/** @type {{name: string, subject?: any} | null} */ (null));
  const [proved, setProved] = useState(/** @type {Map<number, string[]>} */ (new Map()));
  const again = useCallback(() => {
    found.again();
    entries.again();
    setVersion((before) => before + 1);
  }, [found.again, entries.again]);
  useShortcut("r", "Ask again", again);
  useEffect(() => {
    const due = found.data ? nextChange(found.data, Date.now()) : null;
    if (due === null || due - Date.now() > LONGEST_TIMER_MS) return undefined;
    const timer = setTimeout(found.again, due - Date.now() + LATE_MS);
    return () => clearTimeout(timer);
  }, [found.data, found.again]);
  const act = useCallback((/** @type {string} */ name, /** @type {any} */ subject) => setAction({ name, subject }), []);
  const isNew = found.error?.status === NOT_FOUND;
  const account = found.data ?? (isNew ? nothingYet(actor) : null);

  return html`<${Page} title=${actor} actions=${account && html`<${Actions} account=${account} act=${act} again=${again} />`}>
    ${!account && (found.error ? html`<${Failed} error=${found.error} again=${found.again} />` : html`<${Loading} />`)}
    ${isNew && html`<div class="panel"><${Empty}>Nothing is recorded of this account. The first funding makes it.<//></div>`}
    ${found.data && html`<${Recorded} actor=${actor} query=${query} account=${account} entries=${entries} version=${version} act=${act} tell=${setProved} />`}
    ${query.entry && html`<${Explained} key=${query.entry} actor=${actor} entryKey=${query.entry} known=${entries.items ?? []} query=${query} proved=${proved} act=${act} close=${() => choose({ entry: null })} />`}
    ${action && account && html`<${ActionDialog} key=${action.name} name=${action.name} account=${account} subject=${action.subject} close=${() => setAction(null)} done=${again} />`}
  <//>`;
}

/** @param {{account: any, act: import("../account/standing.js").Act, again: () => void}} props */
const Actions = ({ account, act, again }) => html`
  ${account.status === "frozen" && html`<${Badge} of="frozen" />`}
  <button type="button" class="button" title="Ask again (r)" onClick=${again}>Refresh</button>
  ${can("credits/fund") && html`<button type="button" class="button" onClick=${() => act("fund")}>Set the total</button>
    <button type="button" class="button primary" onClick=${() => act("grant")}>Add a grant</button>`}`;

/**
 * @param {object} props
 * @param {string} props.actor
 * @param {Record<string, string>} props.query
 * @param {any} props.account
 * @param {import("../load.js").Listing} props.entries
 * @param {number} props.version                      grows when everything is asked again
 * @param {import("../account/standing.js").Act} props.act
 * @param {(proved: Map<number, string[]>) => void} props.tell
 */
function Recorded({ actor, query, account, entries, version, act, tell }) {
  const { from, to } = usePeriod(query);
  const shared = useCall(`/v1/accounts/${inPath(actor)}/usage`, { group_by: "member", from, to });
  const members = (shared.data?.items ?? []).filter((/** @type {any} */ each) => each.member);
  return html`
    <${Figures} account=${account} />
    <div class="grid">
      <div class="span-6 stack"><${Grants} account=${account} act=${act} /><${Holds} account=${account} act=${act} /></div>
      <div class="span-6 stack"><${Limits} account=${account} act=${act} /><${Settings} account=${account} members=${members} period=${periodText(from, to)} act=${act} /></div>
    </div>
    <${Spending} version=${version} actor=${actor} query=${query} hasMembers=${members.length > 0} spent=${newestSpending(entries.items ?? [])} />
    <${Timeline} actor=${actor} query=${query} entries=${entries} />
    <${ProofSection} actor=${actor} seq=${account.seq} tell=${tell} />`;
}
