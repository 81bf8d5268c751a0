/** Activity as it comes: entries and checks of the whole tenant, pausable, filterable, each once. */
import { call } from "../api.js";
import { useShortcut } from "../keys.js";
import { merged, NOTHING, resumed, turns, withOlder } from "../live.js";
import { useSettled } from "../load.js";
import { Loaded, Page } from "../parts/page.js";
import { Table } from "../parts/table.js";
import { Amount, Badge, Name, When } from "../parts/values.js";
import { choose, link, refine } from "../router.js";
import { html, useCallback, useEffect, useRef, useState } from "../ui.js";

const EVERY_MS = 2000;
const PAGE = 100;
const PAGES_A_TURN = 5;

const KINDS = ["charge", "hold", "capture", "release", "extend", "refund", "grant", "funding_update", "void", "expire", "allowance", "configure", "check"];
const OUTCOMES = ["applied", "partial", "refused", "allowed"];

/** @typedef {import("../live.js").Feed} Feed */
/** @typedef {{feed: Feed, next: string | null, isThere: boolean, isBehind: boolean, error: any}} State */

/** @param {import("../pages.js").PageProps} props */
export function View({ query }) {
  const [isPaused, setPaused] = useState(false);
  const [actor, setActor] = useState(query.actor ?? "");
  const search = useRef(/** @type {HTMLInputElement | null} */ (null));
  const wanted = { kind: query.kind, outcome: query.outcome, actor: useSettled((query.actor ?? "").trim(), 300) };
  const { state, resume, older, again } = useActivity(wanted, isPaused);
  const toggle = useCallback(() => setPaused((before) => !before), []);
  useEffect(() => {
    if (!isPaused) resume();
  }, [isPaused]);
  useShortcut("p", "Pause, and go on", toggle);
  useShortcut("/", "Activity of one account", useCallback(() => search.current?.select(), []));
  const typed = (/** @type {any} */ event) => {
    setActor(event.target.value);
    refine({ actor: event.target.value.trim() });
  };
  const waiting = state.feed.waiting.length;
  const actions = html`<span class="live-state ${isPaused ? "is-paused" : ""}" role="status">${isPaused ? `Paused${waiting ? `, ${waiting} new` : ""}` : state.error ? (state.error.isFinal ? "Stopped" : "Asking again") : "Live"}</span>
    <button type="button" class="button" aria-pressed=${isPaused ? "true" : "false"} onClick=${toggle}>${isPaused ? "Go on" : "Pause"} <kbd aria-hidden="true">p</kbd></button>`;
  const listing = { items: state.isThere ? state.feed.items : null, error: state.error, isLoading: false, hasMore: false, again };
  return html`<${Page} title="Live" actions=${actions}>
    <div class="filters">
      <div class="search">
        <input ref=${search} class="input" type="search" aria-label="Account" placeholder="Account, its whole name" value=${actor} onInput=${typed} autocomplete="off" spellcheck="false" /><kbd aria-hidden="true">/</kbd>
      </div>
      <${Choice} label="Kind" name="kind" now=${query.kind} of=${KINDS} all="Every kind" />
      <${Choice} label="Outcome" name="outcome" now=${query.outcome} of=${OUTCOMES} all="Every outcome" />
    </div>
    ${isPaused && waiting > 0 && html`<button type="button" class="button" onClick=${toggle}>Show ${waiting} new</button>`}
    ${state.isBehind && html`<p class="dim" role="status">More happens than is shown here: some lines were left out. Filter by account, kind or outcome, or read the account's entries.</p>`}
    <div class="panel live">
      <${Loaded} of=${listing} empty=${emptyText(query)}>
        ${(/** @type {any[]} */ items) => html`<${Table} label="Activity, newest first" rows=${items} columns=${COLUMNS} keyOf=${(/** @type {any} */ row) => row.id} open=${addressOf} />`}
      <//>
      ${state.isThere && html`<footer class="panel-body live-foot">
        ${state.next && !state.feed.isCut ? html`<button type="button" class="button" onClick=${older}>Older</button>` : ""}
        <span class="dim small">${state.feed.isCut ? `The newest ${state.feed.items.length} are kept here.` : ""} Activity is here for some days; an account's entries are there for ever.</span>
      </footer>`}
    </div>
  <//>`;
}

const addressOf = (/** @type {any} */ row) => link("accounts", row.actor);

/** @param {{label: string, name: string, now: string | undefined, of: string[], all: string}} props */
const Choice = ({ label, name, now = "", of, all }) => html`<select class="select" aria-label=${label} value=${now} onChange=${(/** @type {any} */ event) => choose({ [name]: event.target.value })}>
  <option value="">${all}</option>
  ${[...new Set([...of, ...(now ? [now] : [])])].map((each) => html`<option key=${each} value=${each}>${each.replaceAll("_", " ")}</option>`)}
</select>`;

/** @param {Record<string, string>} query */
const emptyText = (query) =>
  query.kind || query.outcome || query.actor
    ? "Nothing of these filters happened lately. What comes is shown as it comes."
    : html`Nothing happened lately. What comes is shown as it comes: <code>millicent fund</code> or the API makes the first entry.`;

/** @type {import("../parts/table.js").Column<any>[]} */
const COLUMNS = [
  { name: "When", cell: (row) => html`<${When} at=${row.at} />` },
  { name: "Account", cell: (row) => html`<a href=${addressOf(row)}><${Name} of=${row.actor} /></a>${row.member && html` <span class="dim">by <${Name} of=${row.member} /></span>`}` },
  { name: "What", cell: (row) => html`<${Badge} of=${row.kind} /> ${!["applied", "allowed"].includes(row.outcome) && html`<${Badge} of=${row.outcome} />`} ${row.reason && html`<span class="dim minor">${row.reason.replaceAll("_", " ")}</span>`} ${row.low_balance?.length > 0 && html`<${Badge} of="low" />`}` },
  { name: "For", cell: (row) => html`<span class="dim"><${Name} of=${[row.meter, row.model, row.app].filter(Boolean).join(" · ")} /></span>`, isMinor: true },
  { name: "Amount", cell: (row) => html`<${Amount} of=${row.amount ?? row.minimum} isChange=${row.type !== "check"} />`, isNumber: true },
  { name: "Available after", cell: (row) => html`<${Amount} of=${row.available_after} isPlain=${true} />`, isNumber: true, isMinor: true },
];

/** @type {State} */
const BEGINNING = { feed: NOTHING, next: null, isThere: false, isBehind: false, error: null };

/**
 * The feed of these filters. It is asked for while the page is seen; while it is paused as well, so that one knows what waits.
 * @param {{kind?: string, outcome?: string, actor?: string}} wanted @param {boolean} isPaused
 */
function useActivity(wanted, isPaused) {
  const [state, setState] = useState(BEGINNING);
  const [asked, setAsked] = useState(0);
  const pausedNow = useRef(isPaused);
  pausedNow.current = isPaused;
  const filters = JSON.stringify(wanted);
  useEffect(() => {
    const aborter = new AbortController();
    const { signal } = aborter;
    setState(BEGINNING);
    let newer = /** @type {string | null} */ (null);
    const turn = async () => {
      try {
        const found = await newest({ ...JSON.parse(filters), newer_than: newer }, signal);
        if (signal.aborted) return true;
        const isFirst = newer === null;
        newer = found.newer ?? newer;
        setState((before) => ({
          feed: merged(before.feed, found.items, { isPaused: !isFirst && pausedNow.current }),
          next: isFirst ? found.next : before.next,
          isThere: true, isBehind: before.isBehind || (!isFirst && found.isPart), error: null,
        }));
      } catch (error) {
        if (!signal.aborted) setState((before) => ({ ...before, error }));
        return !(/** @type {any} */ (error).isFinal);
      }
      return true;
    };
    turns(turn, signal, EVERY_MS);
    return () => aborter.abort();
  }, [filters, asked]);
  const resume = useCallback(() => setState((before) => ({ ...before, feed: resumed(before.feed) })), []);
  const older = async () => {
    try {
      const page = await call("GET", "/v1/activity", { query: { ...wanted, limit: PAGE, after: state.next } });
      setState((before) => ({ ...before, feed: withOlder(before.feed, page.items), next: page.next ?? null }));
    } catch (error) {
      setState((before) => ({ ...before, error }));
    }
  };
  return { state, resume, older, again: () => setAsked((before) => before + 1) };
}

/**
 * The first page; or all that came since the mark, as far as a few pages tell it.
 * @param {import("../api.js").Query} query @param {AbortSignal} signal
 */
async function newest(query, signal) {
  const first = await call("GET", "/v1/activity", { query: { ...query, limit: PAGE }, signal });
  const items = [...first.items];
  let next = first.next ?? null;
  for (let asked = 1; query.newer_than && next && asked < PAGES_A_TURN; asked += 1) {
    const page = await call("GET", "/v1/activity", { query: { ...query, limit: PAGE, after: next }, signal });
    items.push(...page.items);
    next = page.next ?? null;
  }
  return { items, next, newer: first.newer ?? null, isPart: next !== null };
}
