/** Entries as lines: a piece of work is one line, and each line has the balance after it. */
import { inPath } from "../api.js";
import { useList } from "../load.js";
import { microcents } from "../money.js";
import { Loaded, Section } from "../parts/page.js";
import { Table } from "../parts/table.js";
import { toast } from "../parts/toast.js";
import { Amount, Badge, Name, When } from "../parts/values.js";
import { choose, link } from "../router.js";
import { html, useState } from "../ui.js";
import { filterOf } from "./filter.js";
import { folded, steps, unfolded } from "./fold.js";
import { saveStatement } from "./statement.js";

const PAGE = 50;
const KINDS = ["charge", "hold", "capture", "release", "extend", "refund", "funding_update", "grant", "void", "configure", "allowance", "expire"];
const NAMED = ["app", "meter", "model"];
const TIMES = { from: "From the UTC day", to: "Through the UTC day" };

/** @param {string} actor @param {Record<string, string>} query */
export const useEntries = (actor, query) => useList(`/v1/accounts/${inPath(actor)}/entries`, { ...filterOf(query), limit: PAGE });

/** @param {{actor: string, query: Record<string, string>, entries: import("../load.js").Listing}} props */
export function Timeline({ actor, query, entries }) {
  const [isFolded, setFolded] = useState(true);
  const isFiltered = ["kind", ...Object.keys(TIMES), ...NAMED].some((name) => query[name]);
  const fold = isFolded && !query.kind ? folded : unfolded;
  const addressOf = (/** @type {string} */ key) => link("accounts", actor, { ...query, entry: key });
  const note = "newest first, each with the balance after it";
  const actions = html`
    <label class="check"><input type="checkbox" checked=${isFolded && !query.kind} disabled=${Boolean(query.kind)} onChange=${(/** @type {any} */ event) => setFolded(event.target.checked)} /> One line for a piece of work</label>
    <a class="button" href=${link("accounts", actor, { ...query, entry: null, view: "statement" })}>Print view</a>
    <${SaveButton} actor=${actor} query=${query} />`;
  return html`<${Section} title="Entries" note=${note} actions=${actions}>
    <${Filters} query=${query} isFiltered=${isFiltered} />
    <${Loaded} of=${entries} empty=${isFiltered ? "No entry fits these filters." : "Nothing is recorded yet."}>
      ${(/** @type {any[]} */ items) => html`<${Table} label="Entries" rows=${fold(items)} columns=${COLUMNS} keyOf=${(/** @type {any} */ row) => row.id}
        open=${(/** @type {any} */ row) => addressOf(row.newest.key)} hasMore=${entries.hasMore} more=${entries.more} isLoading=${entries.isLoading} />`}
    <//>
  <//>`;
}

/** @param {{actor: string, query: Record<string, string>}} props */
function SaveButton({ actor, query }) {
  const [isSaving, setSaving] = useState(false);
  const save = async () => {
    setSaving(true);
    try {
      await saveStatement(actor, filterOf(query));
      toast("Saved all entries of this filter");
    } catch (error) {
      toast(`Not saved: ${/** @type {any} */ (error).message}`, { isBad: true });
    }
    setSaving(false);
  };
  return html`<button type="button" class="button" disabled=${isSaving} onClick=${save}>${isSaving ? "Saving" : "CSV"}</button>`;
}

/** @param {{query: Record<string, string>, isFiltered: boolean}} props */
function Filters({ query, isFiltered }) {
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => choose({ [name]: event.target.value, entry: null });
  const kinds = query.kind && !KINDS.includes(query.kind) ? [query.kind, ...KINDS] : KINDS;
  return html`<div class="filters panel-body" role="group" aria-label="Filters of entries">
    <label>Kind <select class="select" onChange=${set("kind")}>
      <option value="" selected=${!query.kind}>all</option>
      ${kinds.map((kind) => html`<option key=${kind} value=${kind} selected=${kind === query.kind}>${kind.replaceAll("_", " ")}</option>`)}
    </select></label>
    ${Object.entries(TIMES).map(([name, label]) => html`<label key=${name}>${label} <input class="input" type="date" value=${query[name] ?? ""} onChange=${set(name)} /></label>`)}
    ${NAMED.filter((name) => query[name]).map((name) => html`<button key=${name} type="button" class="button" aria-label=${`Without the filter ${name}`} onClick=${() => choose({ [name]: null, entry: null })}>${name} <${Name} of=${query[name]} /> ✕</button>`)}
    ${isFiltered && html`<button type="button" class="plain" onClick=${() => choose({ kind: null, from: null, to: null, app: null, meter: null, model: null, entry: null })}>Without filters</button>`}
  </div>`;
}

/** @type {import("../parts/table.js").Column<import("./fold.js").Work>[]} */
const COLUMNS = [
  { name: "When", cell: (row) => html`<${When} at=${row.newest.at} />` },
  { name: "What", cell: (row) => html`<${What} of=${row} />` },
  { name: "For", cell: (row) => html`<${For} of=${row} />`, isMinor: true },
  { name: "Amount", cell: (row) => html`<${Taken} of=${row} /><span class="narrow dim small" title="Available after">= <${Amount} of=${row.newest.available_after} isPlain=${true} /></span>`, isNumber: true },
  { name: "Available after", cell: (row) => html`<${Amount} of=${row.newest.available_after} isPlain=${true} />`, isNumber: true, isMinor: true },
  { name: "Entry", cell: (row) => html`<span class="tabular dim nowrap">${row.entries.length > 1 ? `${row.entries[0].seq} … ${row.newest.seq}` : row.newest.seq}</span>`, isNumber: true, isMinor: true },
];

/** @param {{of: import("./fold.js").Work}} props */
function What({ of: { entries, newest, isWhole } }) {
  const odd = entries.find((each) => each.outcome !== "applied");
  return html`<span class="steps">
    ${!isWhole && html`<span class="dim" title="It begins with an entry that is further down and not loaded">…</span>`}
    ${steps(entries).map(([kind, count], index) => html`${index > 0 && html`<span class="dim" aria-hidden="true">→</span>`}<${Badge} of=${kind} />${count > 1 && html`<span class="dim">${count} ×</span>`}`)}
    ${odd && html`<${Badge} of=${odd.outcome} />`} ${(odd ?? newest).reason && html`<span class="dim"><${Name} of=${String((odd ?? newest).reason).replaceAll("_", " ")} /></span>`}
  </span>`;
}

/** @param {{of: import("./fold.js").Work}} props */
function For({ of: { entries } }) {
  const found = (/** @type {"model" | "meter" | "app" | "member"} */ name) => [...entries].reverse().find((each) => each[name])?.[name];
  const names = [found("model") ?? found("meter"), found("app"), found("member")].filter(Boolean);
  return html`${names.map((name, index) => html`${index > 0 && html`<span class="dim"> · </span>`}<${Name} key=${name} of=${name} />`)}`;
}

/** @param {{of: import("./fold.js").Work}} props */
function Taken({ of: { entries, newest, spent, holdId } }) {
  const hold = entries.findLast((each) => each.hold)?.hold;
  const held = holdId && hold?.status === "open" && hold.remaining ? html`<span class="dim small">${" "}<${Amount} of=${hold.remaining} isPlain=${true} /> held</span>` : null;
  if (spent !== null) return html`<${Amount} of=${microcents(spent) > 0n ? `-${spent}` : spent.replace(/^-/, "")} isChange=${true} />${held}`;
  if (held) return held;
  if (holdId && entries.length > 1) return html`<span class="dim">nothing taken</span>`;
  return html`<${Amount} of=${newest.amount} isChange=${true} />`;
}
